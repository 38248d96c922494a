"""What is opened of an article: its HTML in a frame, its attachments, its source."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from postmaster.database import transaction
from postmaster.desk.models import Article, Attachment
from postmaster.desk.ticket_view import TEXT_LIMIT
from postmaster.extensions import now
from postmaster.web import mail_html, source
from postmaster.web.mail_html import safe_html
from tests.servers.fixtures import TestMailbox
from tests.support import Desk, mail
from tests.web.resource_support import words
from tests.web.samples import FILE, HOSTILE, IMAGE, MAIL
from tests.web.ticket_support import opened

BODY = "/articles/1/body"


@pytest.fixture
def number(desk: Desk) -> str:
    """The number of a ticket with a mail as hostile as can be: its article is 1."""
    return opened(desk, raw=MAIL)


def policy(client: FlaskClient, path: str) -> dict[str, str]:
    """The content security policy of an answer, by directive."""
    parts = (part.partition(" ") for part in client.get(path).headers["Content-Security-Policy"].split("; "))
    return {name: value for name, _, value in parts}


def images(page: str) -> list[str]:
    """The addresses of all images of a page."""
    return [html.unescape(address) for address in re.findall(r'<img[^>]* src="([^"]*)"', page)]


@pytest.mark.usefixtures("number")
def test_the_frame_has_a_policy_of_its_own_that_lets_nothing_run_or_load(client: FlaskClient) -> None:
    answer = client.get(BODY)
    assert policy(client, BODY) == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
        "sandbox": "allow-popups allow-popups-to-escape-sandbox",
    }
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-DNS-Prefetch-Control"] == "off"
    assert "<script" not in answer.text
    assert "onerror" not in answer.text
    assert "tracker.example" not in answer.text


@pytest.mark.usefixtures("number")
def test_remote_images_are_there_only_after_somebody_asked(client: FlaskClient) -> None:
    remote = f"{BODY}?images=remote"
    assert policy(client, remote)["img-src"] == "'self' data: https:"
    assert policy(client, remote)["default-src"] == "'none'"
    assert "https://tracker.example/pixel.png" in images(client.get(remote).text)
    assert policy(client, f"{BODY}?images=all")["img-src"] == "'self' data:"


def test_the_page_frames_it_with_neither_scripts_nor_an_origin(client: FlaskClient, number: str) -> None:
    page = client.get(f"/tickets/{number}").text
    [frame] = re.findall(r"<iframe[^>]*>", page)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    assert f'src="{BODY}"' in frame
    assert "srcdoc" not in frame
    asking = client.get(f"/tickets/{number}?images=1").text
    assert f'src="{BODY}?images=remote"' in asking
    assert "Show remote images" in page
    assert "Hide them" in asking


@pytest.mark.usefixtures("number")
def test_an_inline_image_has_an_address_that_is_good_without_a_session_and_not_for_long(
    client: FlaskClient, anonymous: FlaskClient
) -> None:
    [address] = images(client.get(BODY).text)
    shown = anonymous.get(address)
    assert (shown.status_code, shown.content_type) == (200, "image/png")
    assert shown.data.startswith(b"\x89PNG")
    assert shown.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert anonymous.get(f"{address}x").status_code == 404
    with time_machine.travel(now() + timedelta(minutes=11)):
        assert anonymous.get(address).status_code == 404


@pytest.mark.usefixtures("number")
def test_only_images_are_shown_by_such_an_address(app: Flask, client: FlaskClient, anonymous: FlaskClient) -> None:
    [address] = images(client.get(BODY).text)
    with app.app_context(), transaction() as session:
        session.execute(update(Attachment).where(Attachment.id == IMAGE).values(content_type="text/html"))
    assert anonymous.get(address).status_code == 404


def test_a_session_of_one_is_no_session_of_another(client: FlaskClient, anonymous: FlaskClient, number: str) -> None:
    for path in (BODY, "/articles/1/source", f"/articles/attachments/{FILE}", f"/tickets/{number}"):
        assert client.get(path).status_code == 200
        assert anonymous.get(path).location.startswith("/login")


@pytest.mark.parametrize(
    "name", ["plain.txt", "Rechnung Größe.pdf", 'quo"te;.txt', "日本語.html", "a" * 180 + ".txt", "x.svg"]
)
def test_attachments_are_downloaded_and_never_opened(desk: Desk, client: FlaskClient, name: str) -> None:
    encoded = name.encode()
    raw = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nHi\n--b\n'
        b"Content-Type: text/html\nContent-Disposition: attachment; filename*=utf-8''"
        + b"".join(b"%%%02X" % byte for byte in encoded)
        + b"\n\n<script>alert(1)</script>\n--b--\n"
    )
    opened(desk, raw=raw)
    answer = client.get("/articles/attachments/1")
    assert answer.data.strip() == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "no-store"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename=")
    assert "\n" not in disposition
    if not name.isascii():
        assert "filename*=UTF-8''" in disposition


def test_the_source_is_shown_as_text_and_downloaded_as_it_came(desk: Desk, client: FlaskClient) -> None:
    raw = b"From: a@b.example\r\nX-Odd: \xff\x1b[2J\xe2\x80\xae\r\n\r\n" + HOSTILE.encode() + b"\r\n"
    opened(desk, raw=raw)
    page = client.get("/articles/1/source").text
    assert "X-Odd: \ufffd\ufffd[2J\ufffd" in page
    assert html.escape(HOSTILE, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page
    answer = client.get("/articles/1/source/download")
    assert answer.data == raw
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == "attachment; filename=article-1.eml"


def test_of_a_long_mail_the_beginning_is_shown(
    desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LIMIT", 100)
    number = opened(desk, raw=b"Subject: long\n\n" + b"word " * 5000 + b"END")
    page = words(client.get(f"/tickets/{number}").text)
    assert f"Show the whole text : this is the beginning of {5000 * 5 + 3} characters." in page
    assert "END" not in page
    assert len(page) < TEXT_LIMIT * 2
    whole = client.get("/articles/1/text")
    assert whole.text.endswith("END")
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "Only the beginning is shown." in client.get("/articles/1/source").text


def test_html_that_is_too_large_is_shown_as_text(
    desk: Desk, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_html, "MAX_TAGS", 10)
    opened(desk, raw=b"Content-Type: text/html\n\n" + b"<div>" * 20 + b"deep &lt;b&gt;")
    page = client.get(BODY).text
    assert "too large to be shown safely" in page
    assert "deep &lt;b&gt;" in page


@pytest.mark.parametrize(
    "snippet",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><script>alert(1)</script></svg>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href=' java\nscript:alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<a href='/tickets/change'>x</a>",
        "<a href='//evil.example'>x</a>",
        "<iframe src='https://evil.example'></iframe>",
        "<object data='https://evil.example'></object><embed src='https://evil.example'>",
        "<form action='https://evil.example'><button>Sign in</button></form>",
        "<base href='https://evil.example'><meta http-equiv=refresh content='0;url=https://evil.example'>",
        "<link rel=stylesheet href='https://evil.example/x.css'>",
        "<style>@import 'https://evil.example/x.css'</style>",
        "<p style='background:url(https://evil.example/x.png)'>x</p>",
        "<table background='https://evil.example/x.png'><tr><td background='https://evil.example/x.png'></table>",
        "<img srcset='https://evil.example/x.png 2x'><picture><source srcset='https://evil.example/x.png'></picture>",
        "<video poster='https://evil.example/x.png'><source src='https://evil.example/x.mp4'></video>",
        "<audio src='https://evil.example/x.mp3'></audio><bgsound src='https://evil.example/x.mp3'>",
        "<input type=image src='https://evil.example/x.png'>",
        "<img src='http://evil.example/x.png'><img src='//evil.example/x.png'><img src='/logout'>",
        "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<!--[if mso]><script>alert(1)</script><![endif]-->",
        "<plaintext><script>alert(1)</script>",
        "<template><script>alert(1)</script></template>",
    ],
)
def test_nothing_of_html_runs_submits_or_asks_elsewhere(snippet: str) -> None:
    safe = safe_html(f"<p>before</p>{snippet}", {}.get, remote_images=True)
    assert safe.startswith("<p>before</p>")
    tags = " ".join(re.findall(r"<[^>]*>", safe)).lower()
    forbidden = r"script|evil|alert|\bon\w+=|style|<form|<i?frame|<svg|<math|<meta|<link|<base|<object|/logout|/tickets"
    assert not re.search(forbidden, tags), safe


def test_what_makes_mail_readable_stays() -> None:
    kept = (
        '<h1>Hi</h1><p><b>bold</b> <font color="red">red</font><br></p><ul><li>one</li></ul>'
        '<table border="1"><tbody><tr><td colspan="2" align="right">cell</td></tr></tbody></table>'
        '<blockquote>quoted</blockquote><img src="data:image/png;base64,AA==" alt="dot">'
    )
    assert safe_html(kept, {}.get, remote_images=False) == kept


def test_links_open_elsewhere_and_tell_nobody_where_from() -> None:
    link = safe_html("<a href='https://shop.example/?a=1&b=2' target=_top>x</a>", {}.get, remote_images=False)
    assert 'href="https://shop.example/?a=1&amp;b=2"' in link
    assert 'target="_blank"' in link
    assert 'rel="noopener noreferrer nofollow"' in link


def test_an_article_without_its_source_says_so(app: Flask, desk: Desk, client: FlaskClient, number: str) -> None:
    with app.app_context(), transaction() as session:
        session.execute(update(Article).values(raw_id=None))
    for path in (BODY, "/articles/1/source", f"/articles/attachments/{FILE}"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "The source of article 1 is no longer kept" in answer.text
    assert client.get(f"/tickets/{number}").status_code == 200
    for path in ("/articles/9/body", "/articles/attachments/9", "/tickets/9", "/articles/" + "9" * 30 + "/text"):
        assert client.get(path).status_code == 404


def test_many_articles_are_folded_and_come_in_pages(app: Flask, desk: Desk, client: FlaskClient, number: str) -> None:
    with app.app_context(), transaction() as session:
        first = session.get_one(Article, 1)
        session.add_all(
            Article(ticket_id=first.ticket_id, header={**first.header, "subject": f"answer {n}"}, text=f"text {n}")
            for n in range(70)
        )
    page = client.get(f"/tickets/{number}").text
    assert page.count('<article class="message"') == 50
    assert page.count("<details open>") == 1 + page.count('<section class="panel" aria-labelledby="journey-')
    assert "answer 69" not in page
    assert "Page 1 of 2" in words(page)
    last = client.get(f"/tickets/{number}?page=7").text
    assert last.count('<article class="message"') == 21
    assert "answer 69" in last


def test_the_way_of_a_fetched_mail_is_told_even_after_its_account_is_gone(
    desk: Desk, client: FlaskClient, mailbox: TestMailbox
) -> None:
    account = desk.account(mailbox, dispatching="queue", queue="Misc")
    mailbox.deliver(mail("fetched", headers=["Precedence: list"]))
    desk.fetch_one()
    [ticket] = desk.tickets()
    desk.ok("account", "delete", account, "--yes")
    page = words(client.get(f"/tickets/{ticket['number']}").text)
    assert f"Fetched {mailbox.user.partition('@')[0]}@127.0.0.1, INBOX, UID 1, run 1" in page
    for step in (
        "It came through a list, or says so itself: marked",
        "Misc: The account sends all its mail",
        "Stored as a new ticket",
    ):
        assert step in page
    assert "Deleted on the server" in page


def test_a_ticket_tells_the_way_of_each_of_its_mails(desk: Desk, client: FlaskClient) -> None:
    opened(desk, raw=b"From: a@b.example\nSubject: question\nMessage-ID: <first@b.example>\n\nHello")
    answer = b"From: a@b.example\nSubject: Re: question\nIn-Reply-To: <first@b.example>\n\nHello again"
    number = desk.ok("read", "--json", input=answer).json["ticket"]
    page = client.get(f"/tickets/{number}").text
    assert page.count('<article class="message"') == 2
    assert page.index("Hello") < page.index("Hello again")
    text = words(page)
    assert f"Follow-up check {number}: It answers a message of the ticket (In-Reply-To, References)." in text
    assert "Stored as a follow-up" in text
    assert "Stored as a new ticket" in text
    assert text.count("How this mail got here") == 2
