"""HTML that takes long to be made harmless never holds a web thread up, and is looked at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from postmaster.database import read_session, transaction
from postmaster.desk.models import ArticleHtml
from postmaster.web import mail_html, shown_html
from tests.support import Desk
from tests.turns import in_turns
from tests.web.ticket_support import opened

BODY = "/articles/1/body"
REFUSED = "too large to be shown safely, or takes too long"

# Seconds that a view may take on a machine where others compute as well: a child is given up after three, and the text
# is parsed as well.
PATIENCE = 15.0


def html_mail(html: str) -> bytes:
    """A message of that HTML."""
    return b"Subject: x\nContent-Type: text/html; charset=utf-8\n\n" + html.encode()


def numbered(start: str, count: int, end: str) -> str:
    """``count`` times what stands between ``start`` and ``end``, each with another number."""
    return "".join(f"{start}{number}{end}" for number in range(count))


HOSTILE = {
    "attributes": "<a " + numbered("a", 300_000, " ") + ">x</a>",
    "attributes without blanks": "<a " + numbered("/a", 150_000, "") + ">x</a>",
    "attributes after quotes": "<a " + numbered("a", 150_000, '=""') + ">x</a>",
    "nested": "<div>" * 29_000 + "deep",
    "formatting opened again": numbered("<font color=c", 9_000, ">") + "<p>x" * 9_000,
    "adopted": numbered("<b x=", 9_000, "><p>") + "</b>" * 9_000,
    "repeated": '<p><font color="' + "x" * 200_000 + '">' + "<p>x" * 20_000,
    "repeated a little": '<p><font color="' + "x" * 49_000 + '">' + "<p>x" * 990,
}

# What a quick machine makes harmless within the second, and a slow one does not.
EITHER = {
    "nested inline": "<b><i>" * 14_000 + "deep",
    "tables": "<table><tr><td>" * 9_000 + "deep",
    "many entities": "&amp;" * 700_000,
}

SLOW_BUT_GOOD = {
    "unclosed": "<p>x" * 25_000,
    "style": '<p style="' + "color:red;" * 60_000 + '">shown',
    "entities": "&amp;" * 100_000 + "shown",
    "comment": "<!--" + "-" * 3_000_000 + "-->shown",
    "links": numbered('<a href="https://x.example/', 14_000, '">x</a>') + "shown",
    "srcset": '<img srcset="' + "a.png 1x, " * 100_000 + '">shown',
    "svg": "<svg>" * 5_000 + "<math>" * 5_000,
    "blanks": " " * 3_000_000 + "shown",
}


def view(client: FlaskClient) -> tuple[str, float]:
    """The page in the frame, and how long it took."""
    began = time.monotonic()
    answer = client.get(BODY)
    assert answer.status_code == 200
    return answer.text, time.monotonic() - began


@pytest.mark.parametrize("name", in_turns([*HOSTILE], "hostile", 2))
def test_what_takes_too_long_is_shown_as_its_text_and_costs_nothing_afterwards(
    app: Flask, desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opened(desk, raw=html_mail(HOSTILE[name]))
    page, seconds = view(client)
    assert REFUSED in page
    assert seconds < PATIENCE
    monkeypatch.setattr(shown_html, "compute", None)
    again, _ = view(client)
    assert again == page
    assert kept(app) <= 1


@pytest.mark.parametrize("name", in_turns([*SLOW_BUT_GOOD], "large", 4))
def test_what_is_merely_large_is_made_harmless_once(
    app: Flask, desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opened(desk, raw=html_mail(SLOW_BUT_GOOD[name]))
    page, seconds = view(client)
    assert REFUSED not in page
    assert seconds < PATIENCE
    monkeypatch.setattr(shown_html, "compute", None)
    assert view(client)[0] == page
    assert kept(app) == 1


def test_what_an_earlier_version_kept_is_made_anew_once(
    app: Flask, desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(desk, raw=html_mail("<p>x" * 5_000))
    page, _ = view(client)
    for earlier in ("", "0" * 64):
        with app.app_context(), transaction() as session:
            session.execute(update(ArticleHtml).values(made_of=earlier, html="made by an earlier version"))
        assert view(client)[0] == page
        with monkeypatch.context() as patch:
            patch.setattr(shown_html, "compute", None)
            assert view(client)[0] == page
        assert kept(app) == 1


@pytest.mark.parametrize("maker", ["nh3", "rules"])
def test_other_rules_make_html_anew(
    desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, maker: str
) -> None:
    opened(desk, raw=html_mail("<p>x" * 5_000))
    view(client)
    monkeypatch.setattr(shown_html, "_maker", shown_html._maker.__wrapped__)
    if maker == "nh3":
        monkeypatch.setattr(shown_html, "version", lambda _: "0")
    else:
        rules = tmp_path / "mail_html.py"
        rules.write_text(Path(mail_html.__file__).read_text() + "\n# Another rule.\n")
        monkeypatch.setattr(mail_html, "__file__", str(rules))
    answers = iter([b"made anew"])
    monkeypatch.setattr(shown_html, "compute", lambda *_: next(answers))
    assert "made anew" in view(client)[0]
    assert "made anew" in view(client)[0]


@pytest.mark.parametrize("html", EITHER.values(), ids=EITHER)
def test_no_view_takes_long(desk: Desk, client: FlaskClient, html: str) -> None:
    opened(desk, raw=html_mail(html))
    assert view(client)[1] < PATIENCE


def kept(app: Flask) -> int:
    """How many results are kept."""
    with app.app_context(), read_session() as session:
        return session.scalar(select(func.count()).select_from(ArticleHtml)) or 0


def test_ordinary_mail_needs_no_child(desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_html, "compute", None)
    row = '<tr><td style="padding: 0"><a href="https://x.example/"><font color="red">Offer</font></a></td></tr>'
    opened(desk, raw=html_mail(f"<table>{row * 120}</table>"))
    assert view(client)[0].count("Offer") == 120


def test_large_html_is_as_harmless_and_finds_its_images(
    desk: Desk, client: FlaskClient, anonymous: FlaskClient
) -> None:
    html = '<img src="cid:pic"><img src="https://t.example/x.png"><script>alert(1)</script>' + "<p>x" * 5_000
    raw = (
        b'Subject: x\nContent-Type: multipart/related; boundary="b"\n\n--b\nContent-Type: text/html\n\n' + html.encode()
        + b"\n--b\nContent-Type: image/png\nContent-ID: <pic>\nContent-Disposition: inline\n\n\x89PNG\n--b--\n"
    )  # fmt: skip
    opened(desk, raw=raw)
    for _ in range(2):
        page = client.get(BODY).text
        assert "<script" not in page
        assert "t.example" not in page
        assert "place-" not in page
        address = page.partition('<img src="')[2].partition('"')[0]
        assert anonymous.get(address).data.startswith(b"\x89PNG")
        assert "https://t.example/x.png" in client.get(f"{BODY}?images=remote").text


def test_where_no_child_can_be_started_nothing_is_kept(
    app: Flask, desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(desk, raw=html_mail("<p>x" * 5_000))
    with monkeypatch.context() as patch:
        patch.setattr("postmaster.confined.sys.executable", "/nowhere/python")
        assert REFUSED in view(client)[0]
    assert kept(app) == 0
    assert REFUSED not in view(client)[0]
