"""What the form of an account finds out on a mail server while it is filled in, and what it never does meanwhile."""

from __future__ import annotations

import html
import re
import signal
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from postmaster import create_app
from postmaster.operations import server_checks
from postmaster.operations.server_checks import CheckReport
from postmaster.web.accounts.resource import ACCOUNT_PAGES
from postmaster.web.accounts.views import CHECK_TEMPLATES, CheckContext
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.flask_process import Forked
from tests.servers.ports import wait_until
from tests.servers.scripted import ImapServer
from tests.support import SERVICES, Desk, mail
from tests.web.conftest import HTMX, signed_in, token_header
from tests.web.resource_support import fields_of, press, words
from tests.web.samples import HOSTILE

PASSWORD = "a secret pass phrase"

KINDS = tuple(server_checks.COMMANDS)


@pytest.fixture(autouse=True)
def children(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], quick_children: list[Forked]) -> list[Forked]:
    """The children that were started in this test; they have the environment of the web process."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return quick_children


def entered(mailbox: TestMailbox, kind: str = "IMAPS", **fields: str) -> dict[str, str]:
    """What somebody enters for ``mailbox``."""
    return {"type": kind, "host": "127.0.0.1", "port": str(mailbox.server.port(SERVICES[kind])), **fields}


def start(client: FlaskClient, kind: str, path: str = "/accounts/add", **fields: str) -> str:
    """Press a button as htmx does; returns the part of the page that it gets."""
    response = client.post(f"{path}/{kind}", data=fields, headers={**HTMX, **token_header(client)})
    assert "<html" not in response.text
    return response.text


def asks(part: str) -> str | None:
    """Where a part of the page asks again."""
    found = re.search(r' id="[\w-]+"[^>]* hx-get="([^"]*)" hx-trigger="every 1s"', part)
    return html.unescape(found[1]) if found else None


def ended(client: FlaskClient, part: str) -> str:
    """Ask again, as the page does, until the child has ended; returns the last part, which does not ask any more."""

    def is_last() -> bool:
        nonlocal part
        if address := asks(part):
            part = client.get(address, headers=HTMX).text or part
        return asks(part) is None

    wait_until(is_last, "the child to end", 60)
    return part


def test_a_connection_is_tested_outside_of_this_process_with_what_is_entered(
    app: Flask, client: FlaskClient, desk: Desk, mailbox: TestMailbox, children: list[Forked]
) -> None:
    mailbox.deliver(mail("kept"))
    name = desk.credential(mailbox.user, mailbox.password)
    part = start(client, "test", **entered(mailbox, credential=name, comment="x" * 100_000))
    [child] = children
    child.send_signal(signal.SIGSTOP)
    address = asks(part)
    assert address is not None
    assert client.get(address, headers=HTMX).status_code == 204
    child.send_signal(signal.SIGCONT)
    another = signed_in(create_app(app.config["SETTINGS"]), "admin")
    text = words(ended(another, part))
    assert "Connection test All went well" in text
    assert re.search(r"\d+ ms Login Signed in as", text)
    assert "“INBOX” holds 1 message." in text
    assert mailbox.count() == 1
    told = " ".join((*child.args, *child.environ, *child.environ.values()))
    assert mailbox.password not in told
    assert name not in told
    assert child.wait(20) == 0


def test_the_stage_that_fails_says_what_the_server_answered_and_what_to_do(client: FlaskClient, desk: Desk) -> None:
    desk.credential("anna", PASSWORD)
    refusal = b"{tag} NO [AUTHENTICATIONFAILED] " + HOSTILE.replace("{{", "").encode() + b"\r\n"
    with ImapServer({"LOGIN": refusal}) as server:
        account = {"type": "IMAP", "host": server.host, "port": str(server.port)}
        [name] = [row["name"] for row in desk.ok("credential", "list", "--json").json_lines]
        part = ended(client, start(client, "test", **account, credential=name))
    text = words(part)
    assert "Connection test Failed" in text
    assert "Failed Login 127.0.0.1 refused the login of anna. The server said: " in text
    assert "Check user name and password of the credential" in text
    assert "Not reached Folder" in text
    assert "<img src=x" not in part
    assert PASSWORD not in part


def test_a_test_says_who_fetches_the_mailbox_under_another_name_but_never_the_account_itself(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    number = desk.account(mailbox, "IMAP")
    login = desk.credential(mailbox.user, mailbox.password)
    other = entered(mailbox, "IMAP", host="localhost", credential=login)
    assert "seems to fetch the same mailbox" in words(ended(client, start(client, "test", **other)))
    text = words(ended(client, start(client, "test", f"/accounts/{number}", **other)))
    assert "All went well" in text
    assert "same mailbox" not in text


def test_the_certificate_is_shown_first_and_a_second_press_fills_it_in(
    client: FlaskClient, mailbox: TestMailbox, certificates: Certificates
) -> None:
    found = ended(client, start(client, "certificate", **entered(mailbox, host="127.0.0.2")))
    text = words(found)
    fingerprint = certificates.self_signed.fingerprint()
    for fact in ("Subject CN=", "Issuer Itself (self-signed)", "Names localhost, 127.0.0.2", "Expires 20", fingerprint):
        assert fact in text
    assert 'name="ssl_fingerprint"' not in found
    assert f'name="found" value="{fingerprint}"' in found
    headers = {**HTMX, **token_header(client)}
    data = {**entered(mailbox), "found": fingerprint}
    used = client.post("/accounts/add/use/ssl_fingerprint", data=data, headers=headers).text
    assert f'value="{fingerprint}"' in re.findall(r'<input[^>]*name="ssl_fingerprint"[^>]*>', used)[0]
    assert '<div class="field" id="certificate-found" hidden hx-swap-oob="true"></div>' in used


def test_folders_are_picked_from_those_of_the_server(client: FlaskClient, desk: Desk, mailbox: TestMailbox) -> None:
    names = ["Bücher/Neu", "<b>bold</b>"]
    for name in names:
        mailbox.server.create_folder(mailbox.user, name)
    credential = desk.credential(mailbox.user, mailbox.password)
    part = ended(client, start(client, "folders", **entered(mailbox, credential=credential)))
    found = [html.unescape(value) for value in re.findall(r'name="found" value="([^"]*)"', part)]
    assert set(found) >= {"INBOX", *names[:1]}
    assert "<b>" not in part
    used = press(client, "test", "/accounts/add", type="POP3", host="")  # an answer that is refused keeps the form
    assert used.status_code == 422
    page = client.post("/accounts/add/use/folder", data={**fields_of(used.text), "type": "IMAP", "found": names[0]})
    assert fields_of(page.text)["folder"] == names[0]


def test_a_preview_says_what_would_become_of_the_next_mails_and_deletes_nothing(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    mailbox.deliver(*(mail(f"{HOSTILE} {number}") for number in range(11)))
    account = desk.account(mailbox, "POP3S")
    path = f"/accounts/{account}"
    form = fields_of(client.get(path).text)
    part = ended(client, start(client, "preview", path, **{**form, "dispatching": "queue", "queue": "Misc"}))
    text = words(part)
    assert "11 mails found. The next ones:" in text
    assert text.count("New ticket in Misc. The account sends all its mail to this queue.") == 10
    assert "Some POP3 providers count mail that was looked at as fetched" in text
    assert "<img src=x" not in part
    assert mailbox.count() == 11
    assert desk.ok("account", "show", account, "--json").json["queue"] is None
    assert desk.ok("ticket", "list", "--json").stdout == ""


def test_without_scripts_the_page_comes_back_as_entered_with_what_was_found(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox
) -> None:
    typed = entered(mailbox, "IMAPTLS", credential=desk.credential(mailbox.user, mailbox.password), comment="Keep me")
    page = press(client, "test", **typed)
    assert page.status_code == 200
    while again := re.search(r'formaction="([^"]*)">Show what is known by now', page.text):
        page = client.post(html.unescape(again[1]).partition("#")[0], data=fields_of(page.text))
    assert {name: fields_of(page.text)[name] for name in typed} == typed
    assert "Connection test All went well" in words(page.text)
    assert re.search('<form[^>]* action="/accounts/add"', page.text)


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("test", {"host": ""}, "Correct this first: Host is missing."),
        ("folders", {"port": "x"}, "Port is “x”, but must be a whole number"),
        ("certificate", {"host": "a b"}, "Host is “a b”"),
        ("preview", {"dispatching": "queue"}, "Queue is missing. Dispatching by queue needs one."),
        ("preview", {"credential": "nobody"}, "There is no credential “nobody”."),
    ],
)
def test_what_cannot_be_tried_is_said_without_trying(
    client: FlaskClient, children: list[Forked], kind: str, given: dict[str, str], sentence: str
) -> None:
    part = start(client, kind, **{"type": "IMAPS", "host": "h.example", **given})
    assert sentence in words(part)
    assert asks(part) is None
    assert children == []


def test_a_child_that_is_ended_says_so(client: FlaskClient, children: list[Forked]) -> None:
    with ImapServer({"CAPABILITY": lambda connection, _, __: connection.hang()}) as server:
        part = start(client, "certificate", type="IMAPTLS", host=server.host, port=str(server.port))
        children[0].kill()
        assert "It took longer than 300 s, or was ended. Try again." in words(ended(client, part))


def test_a_child_has_a_time_limit(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, children: list[Forked]) -> None:
    monkeypatch.setattr(server_checks, "TIME_LIMIT", 0.01)
    part = start(client, "test", type="IMAPS", host="h.example")
    assert "It took longer than" in words(ended(client, part))
    assert children[0].wait(20) != 0


def test_not_too_many_are_tried_at_a_time(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, children: list[Forked]
) -> None:
    monkeypatch.setattr(server_checks, "MAX_AT_A_TIME", 0)
    assert "Several connections are being tried at this moment." in words(start(client, "test", type="IMAP", host="h"))
    assert children == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_forgotten_is_said(app: Flask, client: FlaskClient, kind: str) -> None:
    draft = press(client, "credential", comment="private").location.rpartition("%3D")[2]
    assert Path(app.config["SETTINGS"].data_dir, "scratch", draft).exists()
    for token in ("0" * 32, "x", draft):
        part = client.get(f"/accounts/add/{kind}/{token}", headers=HTMX).text
        assert "The result is no longer kept." in words(part)
        assert "private" not in part
    assert client.get(f"/accounts/1/{kind}/x").location == "/accounts/1"


def test_leads_try_nothing(lead: FlaskClient) -> None:
    for kind in (*KINDS, "use/folder"):
        assert lead.post(f"/accounts/add/{kind}", headers=token_header(lead)).status_code == 403
        assert lead.get(f"/accounts/add/{kind}/{'0' * 32}").status_code in (403, 404)


@pytest.mark.parametrize("kind", ["test", "preview"])
def test_a_server_that_is_offered_is_entered_by_a_button_and_saved_by_nobody_else(
    client: FlaskClient, desk: Desk, mailbox: TestMailbox, kind: str
) -> None:
    field = "Authentication-Results: mx.desk.example; dmarc=pass"
    mailbox.deliver(*(mail(f"judged {number}", headers=[field]) for number in range(3)))
    name = desk.credential(mailbox.user, mailbox.password)
    fields = entered(mailbox, credential=name, dispatching="to", trusted="no")
    part = ended(client, start(client, kind, **fields))
    assert "This server writes its verdicts on senders as mx.desk.example , in 3 of the 3 mails looked at." in words(
        part
    )
    [button] = re.findall(r'<button[^>]*id="trust-server-[^>]*>', part)
    address = html.unescape(re.findall(r'hx-post="([^"]*)"', button)[0])
    sent = {**fields, "found": "mx.desk.example"}
    used = client.post(address, data=sent, headers={**HTMX, **token_header(client)}).text
    assert 'id="authserv_ids-field"' in used
    assert 'value="mx.desk.example"' in used
    assert "hx-swap-oob" not in used
    trusting = {**fields, "authserv_ids": "mx.desk.example"}
    assert "This server writes" not in words(ended(client, start(client, kind, **trusting)))
    assert desk.ok("account", "list", "--json").json_lines == []


@pytest.mark.parametrize("running", [True, False])
def test_the_fields_of_tls_come_anew_once_a_test_that_failed_there_has_ended(app: Flask, running: bool) -> None:
    """Before, they would take away what was asked for in them while it ended."""
    failed = {"stage": "tls", "state": "fail", "ms": 1, "detail": "", "advice": ""}
    report = CheckReport("test", "0" * 32, running, [{"stages": ["connect", "tls"]}, failed, {"ok": False}])
    with app.test_request_context():
        page = CheckContext(resource=ACCOUNT_PAGES, report=report, number=None).render(CHECK_TEMPLATES["test"])
    assert ('hx-trigger="load"' in page, "Look at the certificate" in page) == (not running, not running)
