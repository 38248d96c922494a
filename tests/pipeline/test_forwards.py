"""The customer of what an agent forwards: a setting of the queue."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support import Desk

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def desk(shared_desk: Desk) -> Desk:
    """A desk one of whose queues takes the original sender."""
    shared_desk.ok("queue", "add", "--name", "Forwarded", "--customer-of-forward", "original-sender")
    shared_desk.ok("address", "add", "--address", "help@desk.example", "--name", "Help", "--queue", "Forwarded")
    return shared_desk


def take(desk: Desk, content: str, subject: str = "Fwd: lift", queue: str = "Forwarded") -> Any:
    """Take a message of an agent."""
    number = next(NUMBERS)
    fields = f"From: Bob <bob@desk.example>\nSubject: {subject}\nMessage-ID: <{number}@desk.example>\n"
    return desk.ok("read", "--json", "--queue", queue, input=f"{fields}{content}".encode()).json


OUTLOOK = "{line}\nFrom: Eve Roe {who}\nSent: Monday, 2 November 2026 09:15\nTo: Bob\nSubject: lift\n\nx"
GERMAN = "Von: Eve Roe {who}\nGesendet: Montag, 2. November 2026 09:15\nAn: Bob\nBetreff: Aufzug\n\nEr steckt."
FRENCH = "De : Eve Roe {who}\nEnvoyé : lundi 2 novembre 2026 09:15\nÀ : Bob\nObjet : ascenseur\n\nIl est bloqué."
GMAIL = (
    "---------- Forwarded message ---------\nFrom: Eve Roe {who}\nDate: Mon\nSubject: lift\nTo: <bob@desk.example>\n\nx"
)
APPLE = (
    "Begin forwarded message:\n\n> From: Eve Roe {who}\n> Subject: lift\n> Date: 2 November 2026\n> To: Bob\n> \n> x"
)
APPLE_GERMAN = (
    "Anfang der weitergeleiteten Nachricht:\n\nVon: Eve Roe {who}\nBetreff: Aufzug\nDatum: 2. November\nAn: Bob"
)
APPLE_FRENCH = "Début du message réexpédié :\n\nDe: Eve Roe {who}\nObjet: ascenseur\nDate: 2 novembre\nÀ: Bob"
THUNDERBIRD = (  # freescout-help-desk/freescout#290: the sender stands third
    "-------- {title} --------\n{subject} lift\n{date} Mon, 2 Nov 2026\n{sender} Eve Roe {who}\n{to} Bob\n\n\nx"
)
ZIMBRA = '----- Forwarded Message -----\nFrom: "Eve" {who}\nTo: "Bob"\nSent: Thursday\nSubject: lift\n\nx'
GMAIL_SPANISH = "---------- Forwarded message ---------\nDe: Eve {who}\nDate: mié, 21 feb\nSubject: x\nTo: Bob\n\nHi"
GMX = "Gesendet: Montag, 2. November 2026\nVon: Eve {who}\nAn: bob@desk.example\nBetreff: Aufzug\n\nx"
BOLD = "*From:* Eve Roe {who}\n*Sent:* Monday\n*To:* Bob\n*Subject:* lift"
QUOTED = {
    "outlook": (OUTLOOK.replace("{line}", "-----Original Message-----"), "FW: lift"),
    "outlook with a rule": (OUTLOOK.replace("{line}", "_" * 32), "Fw: lift"),
    "outlook in German": (GERMAN, "WG: Aufzug"),
    "outlook in French": (FRENCH, "TR: ascenseur"),
    "outlook on a telephone": (BOLD, "Fwd: lift"),
    "gmail": (GMAIL, "Fwd: lift"),
    "apple": (APPLE, "Fwd: lift"),
    "apple in German": (APPLE_GERMAN, "Fwd: Aufzug"),
    "apple in French": (APPLE_FRENCH, "Tr : ascenseur"),
    "thunderbird": (THUNDERBIRD.format(title="Forwarded Message", subject="Subject:", date="Date:", sender="From:",
                                       to="To:", who="{who}"), "Fwd: lift"),
    "thunderbird in German": (THUNDERBIRD.format(title="Weitergeleitete Nachricht", subject="Betreff:", date="Datum:",
                                                 sender="Von:", to="An:", who="{who}"), "Fwd: lift"),
    "thunderbird in French": (THUNDERBIRD.format(title="Message transféré", subject="Sujet :", date="Date :",
                                                 sender="De :", to="Pour :", who="{who}"), "Fwd: lift"),
    "zimbra, mailgun/talon#74": (ZIMBRA, "Fwd: lift"),
    "gmail in Spanish, zbateson/mail-mime-parser#236": (GMAIL_SPANISH, "Fwd: lift"),
    "gmx": (GMX, "Fwd: lift"),
}  # fmt: skip


@pytest.mark.parametrize("who", ["<eve@b.example>", "[mailto:eve@b.example]", "<eve@b.example<mailto:eve@b.example>>"])
@pytest.mark.parametrize("kind", QUOTED)
def test_the_sender_of_a_quoted_message_is_the_customer(desk: Desk, kind: str, who: str) -> None:
    text, subject = QUOTED[kind]
    result = take(desk, f"\nPlease see to it.\n\n{text.replace('{who}', who)}\n", subject)
    assert result["attributes"]["customer_user"] == "eve@b.example"
    assert "bob@desk.example has forwarded it" in "".join(line["text"] for line in result["trace"])


ATTACHED = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b

See below.
--b
Content-Type: message/rfc822

From: Eve Roe <{who}>
Subject: lift

It is stuck.
--b--
"""


def test_the_sender_of_an_attached_message_is_the_customer(desk: Desk) -> None:
    result = take(desk, ATTACHED.format(who="eve@b.example"), "please see to it")
    assert result["attributes"]["customer_user"] == "eve@b.example"
    [row] = desk.ok("ticket", "list", "--queue", "Forwarded", "--json").json_lines[-1:]
    assert row["number"] == result["ticket"]


@pytest.mark.parametrize(
    ("content", "subject", "queue"),
    [
        (ATTACHED.format(who="eve@b.example"), "Fwd: lift", "Raw"),
        (ATTACHED.format(who="help@desk.example"), "Fwd: lift", "Forwarded"),
        ("\n" + GERMAN.replace("{who}", "<eve@b.example>"), "AW: Aufzug", "Forwarded"),
        ("\nFrom: eve@b.example\n\nTo: whom it may concern", "Fwd: lift", "Forwarded"),
        ("\nFrom: Eve\nSent: today\nTo: Bob\n", "Fwd: lift", "Forwarded"),
    ],
)
def test_otherwise_whoever_forwarded_it_is_the_customer(desk: Desk, content: str, subject: str, queue: str) -> None:
    assert take(desk, content, subject, queue)["attributes"]["customer_user"] == "bob@desk.example"


def test_a_sender_in_a_table_of_thunderbird_is_found(desk: Desk) -> None:
    rows = "".join(
        f'<tr><th valign="BASELINE" nowrap>{name} </th><td>{value}</td></tr>'
        for name, value in (
            ("Sujet :", "ascenseur"), ("Date :", "Thu, 6 Apr 2023"), ("Pour :", "bob@desk.example"),
            ("De :", 'Eve <a class="moz-txt-link" href="mailto:eve@b.example">&lt;eve@b.example&gt;</a>'),
        )
    )  # fmt: skip
    html = f"<p>@fwd</p><div>-------- Message transféré --------<table><tbody>{rows}</tbody></table><br>Salut</div>"
    result = take(desk, f"Content-Type: text/html; charset=utf-8\n\n{html}")
    assert result["attributes"]["customer_user"] == "eve@b.example"


def test_words_that_look_like_a_sender_are_none(desk: Desk) -> None:
    text = "\nDate: next week\n\nFrom: my point of view, ask x@b.example\n\nTo: be fair\n\nx"
    assert take(desk, text)["attributes"]["customer_user"] == "bob@desk.example"
