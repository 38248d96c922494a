"""The trail above each page: where one is, and the ways back up, none of which leads nowhere."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from tests.support import Desk
from tests.web.resource_support import words
from tests.web.samples import populate, sample_of

# What nobody navigates: the way in, what a screen on the wall shows, what frames show, and files.
APART = {"session.login", "wall.page", "articles.body", "static"}

# Pages that are in no group of the navigation.
NOT_IN_NAVIGATION = {"help.page", "help.topic", "help.news", "session.password"}


def pages(app: Flask, client: FlaskClient) -> Iterator[tuple[str, str, str]]:
    """Endpoint, address and text of each page that ``client`` may open."""
    with app.test_request_context():
        rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        addresses = {
            rule.endpoint: url_for(rule.endpoint, **{name: sample_of(name) for name in rule.arguments})
            for rule in rules
            if rule.endpoint not in APART
        }
    for endpoint, address in addresses.items():
        answer = client.get(address)
        page = answer.get_data()
        if answer.status_code == 200 and b'<nav class="trail"' in page:
            yield endpoint, address, page.decode()


def trail_of(page: str) -> list[tuple[str, str | None, bool]]:
    """The words of each step, where it leads, and whether it is said to be here."""
    [trail] = re.findall(r'<nav class="trail" aria-label="Breadcrumb">(.*?)</nav>', page, re.DOTALL)
    steps = re.findall(r"<li>(.*?)</li>", trail, re.DOTALL)
    links = [re.search(r'href="([^"]*)"', step) for step in steps]
    return [
        (words(step), html.unescape(link[1]) if link else None, 'aria-current="page"' in step)
        for step, link in zip(steps, links, strict=True)
    ]


def place_of(page: str) -> tuple[str, str] | None:
    """The item of the navigation that the page says it belongs to, with its address."""
    navigation = page[page.index('id="site-nav"') : page.index('class="topbar"')]
    found = re.search(r'<a href="([^"]*)" aria-current="page">(.*?)</a>', navigation, re.DOTALL)
    return (re.sub(r" \d+\+? waiting$", "", words(found[2])), html.unescape(found[1])) if found else None


@pytest.mark.parametrize("role", ["client", "lead"])
def test_each_page_says_where_it_is_and_each_step_up_can_be_taken(
    app: Flask, desk: Desk, request: pytest.FixtureRequest, role: str
) -> None:
    populate(desk, app)
    browser: FlaskClient = request.getfixturevalue(role)
    seen, wrong = set(), {}
    for endpoint, address, page in pages(app, browser):
        seen.add(endpoint)
        trail, place = trail_of(page), place_of(page)
        *up, last = trail or [("", None, False)]
        flaws = {
            "has no trail": not trail,
            "does not say that the last step is here": not last[2] or not last[0],
            "says that another step is here": any(here for _, _, here in up),
            "has a step up that leads nowhere": any(
                link is None or browser.get(link).status_code != 200 for _, link, _ in up
            ),
            "belongs to no place": place is None and role == "client" and endpoint not in NOT_IN_NAVIGATION,
            "does not begin at its place": place is not None and place[0] != trail[0][0] and role == "client",
        }
        if any(flaws.values()):
            wrong[address] = (trail, place, [flaw for flaw, there in flaws.items() if there])
    assert wrong == {}
    assert seen >= {"status.page", "tickets.show", "mail.show", "accounts.show", "help.topic", "session.password"}
    assert role == "lead" or seen >= {"accounts.edit", "credentials.add", "settings.edit", "quarantine.show"}


def test_a_page_that_went_wrong_has_a_trail_too(client: FlaskClient) -> None:
    page = client.get("/nowhere").text
    assert [here for _, _, here in trail_of(page)][-1:] == [True]
