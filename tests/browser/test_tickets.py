"""Tickets as their users look at them: found by typing, read, moved."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import MakePage
from tests.browser.kept_pages import PATIENCE
from tests.browser.page_checks import settled, violations
from tests.support import Desk, mail
from tests.web.samples import PIXEL
from tests.web.ticket_support import opened

_NUMBERS = itertools.count(1)

# A mail that tries to run scripts, to load what tells its sender that it was read, and to look like our page.
LETTER = """From: "Jana Krol" <j.krol@nordwerk.example>
To: desk@example.org
Subject: {subject}
MIME-Version: 1.0
Content-Type: multipart/related; boundary="b"

--b
Content-Type: text/html; charset=utf-8

<p>The <b>label printer</b> prints blank labels.</p>
<script>document.body.innerHTML = "hijacked"</script><p onclick="alert(1)">Kind regards</p>
<img src="cid:dot@nordwerk.example" alt="inline dot">
<img src="https://tracker.example/pixel.png" alt="remote dot"><a href="https://shop.example/">the shop</a>
--b
Content-Type: image/png
Content-ID: <dot@nordwerk.example>
Content-Transfer-Encoding: base64
Content-Disposition: inline; filename="dot.png"

{pixel}
--b
Content-Type: text/plain
Content-Disposition: attachment; filename="printer log.txt"

ribbon is new
--b--
"""


@pytest.fixture
def subject() -> str:
    """A subject that no mail has yet."""
    return f"letter-{next(_NUMBERS)}"


@pytest.fixture
def number(desk: Desk, subject: str) -> str:
    """The number of a ticket with that letter."""
    return opened(desk, raw=LETTER.format(subject=subject, pixel=PIXEL))


def letter(page: Page) -> FrameLocator:
    """What is in the frame."""
    return page.frame_locator("iframe")


def opened_by(page: Page, link: Locator) -> Page:
    """The page that a link in the frame opens. On a busy machine the frame, a process of its own, can miss a click."""
    settled(page)
    for _ in range(4):
        try:
            with page.context.expect_page(timeout=PATIENCE / 2) as opened_page:
                link.click()
            return opened_page.value
        except PlaywrightTimeout:
            continue
    pytest.fail("the link opened nothing")


def requests_elsewhere(page: Page) -> list[str]:
    """Collects what is asked for beyond our own server, which is answered with an image."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(content_type="image/png", body=b"")

    page.context.route(re.compile(r"^https?://(?!localhost)"), answer)
    return asked


def test_a_ticket_is_found_by_typing_and_read(page: Page, number: str, subject: str) -> None:
    page.goto("/tickets")
    page.get_by_role("searchbox").press_sequentially(subject)
    page.wait_for_url(re.compile(r"[?&]q="))
    expect(page.locator("main tbody tr")).to_have_count(1)
    page.get_by_role("link", name=subject).click()
    page.wait_for_url(f"**/tickets/{number}")
    expect(page.get_by_role("heading", level=1)).to_have_text(subject)
    expect(letter(page).get_by_text("label printer")).to_be_visible()
    page.get_by_text("Plain text").click()
    expect(page.locator(".message-text")).to_contain_text("prints blank labels")
    expect(page.get_by_text("How this mail got here")).to_be_visible()
    assert violations(page) == {}


@pytest.mark.parametrize("javascript", [True, False])
def test_html_of_mail_runs_nothing_and_loads_images_only_after_somebody_asked(
    make_page: MakePage, number: str, javascript: bool
) -> None:
    page = make_page(javascript=javascript)
    asked = requests_elsewhere(page)
    page.goto(f"/tickets/{number}")
    dot = letter(page).get_by_alt_text("inline dot")
    expect(dot).to_be_visible()
    page.frames[1].wait_for_load_state("load")
    assert dot.evaluate("image => image.naturalWidth") == 1
    expect(letter(page).get_by_text("hijacked")).to_have_count(0)
    assert letter(page).locator("script, [onclick], form, iframe").count() == 0
    assert asked == []
    with page.context.expect_event("request", lambda request: "tracker.example" in request.url):
        page.get_by_role("link", name="Show remote images").click()
    expect(page.get_by_role("link", name="Hide them")).to_be_visible()
    assert asked == ["https://tracker.example/pixel.png"]


def test_the_frame_belongs_to_nobody_and_links_open_elsewhere(page: Page, number: str) -> None:
    asked = requests_elsewhere(page)
    page.goto(f"/tickets/{number}")
    elsewhere = opened_by(page, letter(page).get_by_role("link", name="the shop"))
    elsewhere.wait_for_url("https://shop.example/")
    assert elsewhere.evaluate("window.opener") is None
    assert set(asked) == {"https://shop.example/"}
    assert page.url.endswith(number)
    frame = page.locator("iframe").element_handle().content_frame()
    assert frame is not None
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None


def test_an_attachment_and_the_source_are_downloaded(page: Page, number: str) -> None:
    page.goto(f"/tickets/{number}")
    for link, name, words in (
        ("printer log.txt", "printer log.txt", b"ribbon is new"),
        ("Download source", ".eml", b"Jana Krol"),
    ):
        with page.expect_download() as download:
            page.get_by_role("link", name=link).click()
        assert download.value.suggested_filename.endswith(name)
        assert words in Path(download.value.path()).read_bytes()
    page.get_by_role("link", name="View source").click()
    expect(page.locator("pre.source")).to_contain_text("hijacked")
    page.get_by_role("link", name="Back").click()
    page.wait_for_url(f"**/tickets/{number}")


def test_tickets_are_moved_in_bulk_by_keyboard(page: Page, desk: Desk, subject: str) -> None:
    numbers = [opened(desk, raw=mail(f"{subject} bulk {n}")) for n in range(3)]
    page.goto(f"/tickets?q={subject}+bulk")
    for number in numbers[:2]:
        page.get_by_role("checkbox", name=f"Select {number}").press("Space")
    page.get_by_label("Move to queue").press("M")
    expect(page.get_by_label("Move to queue")).to_have_value("Misc")
    page.get_by_role("button", name="Move", exact=True).press("Enter")
    expect(page.locator(".toast")).to_contain_text("2 tickets were moved to “Misc”")
    settled(page)
    expect(page.locator("main tbody tr").filter(has_text="Misc")).to_have_count(2)
    expect(page.get_by_role("button", name="Move", exact=True)).to_be_focused()
    assert {row["queue"] for row in desk.tickets() if row["number"] in numbers[:2]} == {"Misc"}
    assert {row["queue"] for row in desk.tickets() if row["number"] == numbers[2]} == {"Raw"}


def test_all_that_are_shown_are_selected_and_get_a_state(page: Page, desk: Desk, subject: str) -> None:
    numbers = {opened(desk, raw=mail(f"{subject} all {n}")) for n in range(2)}
    page.goto(f"/tickets?q={subject}+all")
    page.get_by_role("link", name="Select all").click()
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(2)
    page.get_by_label("Set state").select_option("closed successful")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("2 tickets were set to “closed successful”")
    assert {row["state"] for row in desk.tickets() if row["number"] in numbers} == {"closed successful"}


def test_a_refusal_is_said_and_the_list_stays(page: Page, number: str, subject: str) -> None:
    page.goto(f"/tickets?q={subject}")
    page.get_by_role("button", name="Dispatch again").click()
    expect(page.locator(".toast.fail")).to_contain_text("Choose at least one ticket first.")
    expect(page.locator("main tbody tr")).to_have_count(1)


def test_a_ticket_is_merged_into_another_one(page: Page, desk: Desk, number: str) -> None:
    main = opened(desk, raw=mail("the main ticket"))
    page.goto(f"/tickets/{number}")
    page.get_by_text("Merge, dispatch again").click()
    page.get_by_label("Number of the ticket to merge into").fill(main)
    page.get_by_label("Number of the ticket to merge into").press("Enter")
    expect(page.locator(".toast")).to_contain_text(f"1 ticket was merged into {main}")
    page.get_by_role("link", name=main).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("the main ticket")
    expect(page.locator("article.message")).to_have_count(2)
    expect(page.get_by_text("Merged from")).to_be_visible()


def test_without_javascript_tickets_are_moved_too(plain_page: Page, desk: Desk, number: str, subject: str) -> None:
    plain_page.goto(f"/tickets?q={subject}")
    plain_page.get_by_role("checkbox").check()
    plain_page.get_by_label("Move to queue").select_option("Misc")
    plain_page.get_by_role("button", name="Move", exact=True).click()
    expect(plain_page.locator(".toast")).to_contain_text("was moved to “Misc”")
    plain_page.get_by_role("link", name=subject).click()
    plain_page.get_by_label("Queue", exact=True).select_option("Raw")
    plain_page.get_by_label("Priority").select_option("5 very high")
    plain_page.get_by_role("button", name="Change", exact=True).click()
    changed = "Changed: queue from “Misc” to “Raw”, priority from “3 normal” to “5 very high”."
    expect(plain_page.locator(".toast")).to_contain_text(changed)
    expect(plain_page.get_by_role("heading", level=1)).to_have_text(subject)
    assert {row["queue"] for row in desk.tickets() if row["number"] == number} == {"Raw"}
