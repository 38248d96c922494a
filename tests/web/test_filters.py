"""The pages of the postmaster filters."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from postmaster.pipeline.filters.service import RECOMMENDED_FILTERS
from tests.support import Desk, mail
from tests.web.conftest import HTMX, token_of
from tests.web.resource_support import labels, words
from tests.web.samples import HOSTILE

SPAM = {
    "name": "Spam",
    "stop": "yes",
    "validity": "valid",
    "comment": "Games",
    "condition_header": ["Subject", "From", "X-Mailer", ""],
    "condition_how": ["match", "match", "not_match", "match"],
    "condition_text": ["(casino|lottery)", ".", "Mutt", ""],
    "setting_header": ["X-OTRS-Queue", ""],
    "setting_text": ["Junk", ""],
}


def send(client: FlaskClient, path: str, form: str = "/filters/add", headers: Any = None, **changed: object) -> Any:
    """Send the form to ``path``; what it was opened on comes from the page ``form``."""
    page = client.get(form).text
    seen = re.search(r'name="seen"[^>]*value="([^"]*)"', page)
    hidden = {"seen": html.unescape(seen[1])} if seen else {}
    data = {**SPAM, **hidden, "csrf_token": token_of(page), **changed}
    return client.post(path, data=data, headers=headers)


def test_what_is_entered_in_rows_is_saved(client: FlaskClient, desk: Desk) -> None:
    account = desk.add_account(type="IMAPS", host="imap.example.org", dispatching="to")
    assert send(client, "/filters/add", account=["imap.example.org"]).status_code == 303
    shown = desk.ok("filter", "show", "Spam", "--json").json
    assert (shown["match"], shown["not_match"]) == (["Subject=(casino|lottery)", "From=."], ["X-Mailer=Mutt"])
    assert (shown["set"], shown["account"], shown["stop"]) == (["X-OTRS-Queue=Junk"], ["imap.example.org"], True)
    assert labels(client, "/filters") == ["Spam"]
    assert "For chosen accounts only Subject=(casino|lottery) From=. not X-Mailer=Mutt" in words(
        client.get("/filters").text
    )
    desk.ok("account", "delete", account, "--yes")
    assert "the accounts that were chosen are deleted" in client.get("/filters/1").text


def test_a_row_that_is_emptied_goes_and_the_others_stay(client: FlaskClient, desk: Desk) -> None:
    send(client, "/filters/add")
    texts = ["", ".", "Mutt", ""]
    headers = ["", "From", "X-Mailer", ""]
    changed = {"condition_header": headers, "condition_text": texts}
    assert send(client, "/filters/1", form="/filters/1", **changed).status_code == 303
    shown = desk.ok("filter", "show", "Spam", "--json").json
    assert (shown["match"], shown["not_match"]) == (["From=."], ["X-Mailer=Mutt"])


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"condition_text": ["(casino", ".", "Mutt", ""]}, "missing ) at position 8, at its end"),
        ({"condition_header": ["", "From", "X-Mailer", ""]}, "Match has “=(casino|lottery)”"),
        ({"condition_header": [], "condition_text": [], "condition_how": []}, "Match has no condition"),
        ({"setting_header": ["X-Colour", ""]}, "Set sets “X-Colour”, which has no effect"),
        ({"setting_text": ["", ""]}, "Set sets X-OTRS-Queue to nothing"),
        ({"name": ""}, "Name is missing."),
        ({"account": ["nobody"]}, "There is no account “nobody”."),
    ],
)
def test_each_refusal_is_said_and_what_was_entered_is_kept(
    client: FlaskClient, changed: dict[str, Any], sentence: str
) -> None:
    response = send(client, "/filters/add", **changed)
    assert response.status_code == 422
    assert sentence in words(response.text)
    assert "Games" in response.text


def test_one_row_more_is_added_and_nothing_saved(client: FlaskClient, desk: Desk) -> None:
    page = send(client, "/filters/add/rows/condition").text
    assert "<html" in page
    assert page.count('name="condition_header"') == 5
    fragment = send(client, "/filters/add/rows/setting", headers=HTMX).text
    assert "<html" not in fragment
    assert fragment.count('name="setting_header"') == 3
    assert "Junk" in fragment
    assert desk.ok("filter", "list", "--json").json_lines == []


def test_a_pasted_message_shows_what_each_condition_finds(client: FlaskClient, desk: Desk) -> None:
    desk.ok("filter", "add", "--name", "0 first", "--match", "Subject=win (?<what>\\w+)", "--set", "X-OTRS-Title=[***]")
    raw = mail("Win lottery tickets", headers=["X-Mailer: Mutt"]).decode()
    page = words(send(client, "/filters/add/try", message=raw).text)
    assert "“Win lottery tickets”" not in page
    assert "Win lottery tickets would be new , in the queue Raw. No address it was sent to is" in page
    assert "0 first Matches" in page
    assert "Captured what: “lottery”" in page
    assert "Spam This filter Does not match" in page
    assert "Met: Subject must match (casino|lottery) Found “lottery” Captured “lottery”" in page
    assert "Not met: X-Mailer must not match Mutt Found “Mutt”" in page
    raw = mail("Win lottery tickets").decode()
    page = words(send(client, "/filters/add/try", headers=HTMX, message=raw).text)
    assert "Met: X-Mailer must not match Mutt The message has no such header, which counts as an empty one." in page
    assert "would be new , in the queue Junk." in page
    assert "Would set X-OTRS-Queue: Junk" in page
    assert desk.tickets() == []
    assert len(desk.ok("filter", "list", "--json").json_lines) == 1


def test_a_trial_takes_no_longer_than_a_message_may(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postmaster.ledger.filter_trial.MESSAGE_SECONDS", 0.0)
    page = words(send(client, "/filters/add/try", message=mail("Win lottery tickets").decode()).text)
    assert "Spam This filter Too slow, skipped" in page


def test_a_recent_message_can_be_picked_and_comes_as_mail_of_an_account(client: FlaskClient, desk: Desk) -> None:
    account = desk.add_account(type="IMAPS", host="imap.example.org", dispatching="queue", queue="Misc", trusted="yes")
    desk.ok("read", input=mail("no lottery", headers=["X-OTRS-Priority: 5 very high"]))
    assert "ada@example.net: no lottery" in client.get("/filters/add").text
    rows = {"condition_header": ["X-OTRS-Priority"], "condition_how": ["match"], "condition_text": ["^5"]}
    sent = {"recent": "1", "setting_header": [], "setting_text": [], **rows}
    assert "Does not match" in words(send(client, "/filters/add/try", **sent).text)
    page = words(send(client, "/filters/add/try", **sent, origin=account).text)
    assert "This filter Matches" in page
    assert "in the queue Misc" in page


def test_a_storm_in_quarantine_can_be_picked_to_write_the_filter_against_it(client: FlaskClient, desk: Desk) -> None:
    desk.ok("setting", "set", "TicketsPerSenderHour", "1")
    for subject in ("an alarm", "alarm in the lottery"):
        desk.ok("read", input=mail(subject))
    picks = re.findall(r'<option value="(\d+)">([^<]*)</option>', client.get("/filters/add").text)
    [taken, held, *_] = [text for _, text in picks]
    assert taken == "ada@example.net: an alarm"
    assert held == "In quarantine: ada@example.net: alarm in the lottery"
    [number] = [row["id"] for row in desk.ok("quarantine", "list", "--json").json_lines]
    assert f'href="/filters/add?recent={picks[1][0]}"' in client.get(f"/quarantine/{number}").text
    assert f'value="{picks[1][0]}" selected' in client.get(f"/filters/add?recent={picks[1][0]}").text
    ignore = {"condition_header": ["Subject"], "condition_how": ["match"], "condition_text": ["alarm"]}
    sent = {**ignore, "setting_header": ["X-OTRS-Ignore"], "setting_text": ["yes"], "recent": picks[1][0]}
    assert "alarm in the lottery would be ignored" in words(send(client, "/filters/add/try", **sent).text)


def test_the_saved_filter_is_tried_as_it_is_entered_now(client: FlaskClient) -> None:
    send(client, "/filters/add")
    changed = {"condition_header": ["Subject"], "condition_how": ["match"], "condition_text": ["poker"]}
    page = words(send(client, "/filters/1/try", form="/filters/1", message="Subject: poker\n\nhello", **changed).text)
    assert page.count("Matches") == 1
    assert "Met: Subject must match poker" in page
    assert "must match (casino|lottery)" not in page


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({}, "There is no message to try it with."),
        ({"recent": "99"}, "The source of that message is no longer kept."),
        ({"message": "Subject: x", "condition_text": ["(", ".", "Mutt", ""]}, "missing ) at position 2"),
    ],
)
def test_what_keeps_it_from_being_tried_is_said(client: FlaskClient, changed: dict[str, Any], sentence: str) -> None:
    response = send(client, "/filters/add/try", **changed)
    assert (response.status_code, sentence in words(response.text)) == (422, True)
    assert sentence in words(send(client, "/filters/add/try", headers=HTMX, **changed).text)


def test_the_field_that_finds_the_ticket_is_chosen_behind_the_conditions_and_shown_in_the_list(
    client: FlaskClient, desk: Desk
) -> None:
    page = client.get("/filters/add").text
    assert "There is no dynamic field yet" in words(page)
    assert 'href="/settings/Ticket::DynamicFields"' in page
    assert "counts as empty" in words(page)
    desk.ok("setting", "set", "Ticket::DynamicFields", "Incident")
    match = ("--match", r"Subject=Incident-(\d+)")
    desk.ok("filter", "add", "--name", "supplier", *match, "--follow-up-field", "Incident")
    page = words(client.get("/filters/1").text)
    assert "There is no dynamic field yet" not in page
    assert page.index("Conditions") < page.index("Headers to set") < page.index("Follow-up by field")
    assert "Follow-up by field Incident" in words(client.get("/filters").text)


def test_a_slow_filter_is_marked(client: FlaskClient, desk: Desk) -> None:
    desk.ok("filter", "add", "--name", "Bomb", "--match", "Body=(a+)+$")
    desk.ok("read", input=mail("large line", body="a" * 1_000_000 + "!"))
    assert "Bomb Slow Skipped 1 time, last" in words(client.get("/filters").text)


def test_there_is_a_warning_from_the_51st_on(client: FlaskClient, desk: Desk) -> None:
    filters = ", ".join(f'{{"name": "F{number}", "match": ["Subject=x"]}}' for number in range(RECOMMENDED_FILTERS))
    desk.ok("filter", "import", input=f'{{"filter": [{filters}]}}')
    assert "are recommended" not in words(client.get("/filters").text)
    page = client.post("/filters/add", data={**SPAM, "csrf_token": token_of(client.get("/filters/add").text)},
                       follow_redirects=True)  # fmt: skip
    assert "51 filters, 50 are recommended" in words(page.text)
    assert "There are 51 filters, more than the 50 that are recommended" in words(page.text)


def test_hostile_words_are_shown_as_text(client: FlaskClient, desk: Desk) -> None:
    desk.ok("read", input=mail(HOSTILE))
    headers = {"condition_header": ["Subject"], "condition_how": ["match"], "condition_text": ["(.*script.*)"]}
    send(client, "/filters/add", **headers, name=HOSTILE, comment=HOSTILE)
    pages = [client.get(path).text for path in ("/filters", "/filters/1", "/filters/1/delete")]
    pages.append(send(client, "/filters/1/try", form="/filters/1", recent="1", **headers).text)
    for page in pages:
        assert "<img src=x" not in page
        assert "<script>alert" not in page
