"""IMAP: folders, sizes, what others do meanwhile, and deleting exactly what is ours."""

from __future__ import annotations

import logging
import select
from collections.abc import Iterator, Sequence

import pytest

from postmaster.sources import imap as imap_module
from postmaster.sources import imap_client
from postmaster.sources.imap import FOREIGN, NOT_EXPUNGED
from postmaster.sources.open import list_folders
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import TestMailbox, new_mailbox
from tests.servers.scripted import Answer, Connection, ImapServer, number_in
from tests.sources.support import FakeClock, at, at_script, mail, mails, opened, refused, taken


def flag(mailbox: TestMailbox, numbers: str, folder: str = "INBOX") -> None:
    """Another mail program marks messages as deleted and does not remove them."""
    client = mailbox.server.client(mailbox.user)
    client.select(folder)
    client.store(numbers, "+FLAGS", r"(\Deleted)")
    client.unselect()
    client.logout()


def expunge(mailbox: TestMailbox, numbers: str) -> None:
    """Another mail program deletes messages."""
    client = mailbox.server.client(mailbox.user)
    client.select()
    client.store(numbers, "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.logout()


# Listing


def test_the_listing_tells_uid_identity_size_and_flag(mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(3))
    mailbox.server.set_uidvalidity(mailbox.user, 77, first_uid=10)
    flag(mailbox, "2")
    source = opened(at(mailbox))
    listed = [(m.handle, m.identity, m.size, m.flagged) for m in source.list()]
    source.close()
    size = len(mails(1)[0])
    assert listed == [
        (10, "imap:77:10", size, False),
        (11, "imap:77:11", size, True),
        (12, "imap:77:12", size, False),
    ]


def test_a_second_listing_shows_what_came_and_went_meanwhile(mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(3))
    source = opened(at(mailbox))
    first = source.list()
    source.delete(first[:2])
    mailbox.deliver(mail("late"))
    assert [m.handle for m in source.list()] == [first[2].handle, first[2].handle + 1]
    source.close()


def test_a_mailbox_of_more_messages_than_a_window_is_listed_read_and_deleted(mailbox: TestMailbox) -> None:
    mailbox.deliver_many(mails(1201))
    texts, deletions = taken(opened(at(mailbox)))
    assert (len(texts), len(deletions.confirmed), mailbox.count()) == (1201, 1201, 0)


def test_no_command_names_more_messages_than_servers_take() -> None:
    with ImapServer(messages=dict.fromkeys(range(4000000000, 4000001001), b"x")) as server:
        taken(opened(at_script(server)))
    assert max(map(len, server.received)) < 8_000


# Reading


def test_reading_does_not_mark_mail_as_seen(mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(2))
    taken(opened(at(mailbox)), delete=False)
    client = mailbox.server.client(mailbox.user)
    client.select(readonly=True)
    assert client.search(None, "SEEN")[1] == [b""]
    client.logout()


def test_a_message_that_another_program_deleted_meanwhile_is_told_as_gone(mailbox: TestMailbox) -> None:
    raws = mails(3)
    mailbox.deliver(*raws)
    source = opened(at(mailbox))
    listed = source.list()
    expunge(mailbox, "2")
    texts = {m.handle: text for m, text in source.read(listed)}
    deletions = source.delete(listed)
    source.close()
    assert texts == {listed[0].handle: raws[0], listed[1].handle: None, listed[2].handle: raws[2]}
    assert deletions.confirmed == {m.handle for m in listed}


@pytest.mark.parametrize("size", [100, 1000, 1001, 2500])
def test_a_large_message_is_read_in_chunks_to_the_same_bytes(
    mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(imap_module, "LARGE_BYTES", 99)
    monkeypatch.setattr(imap_module, "CHUNK_BYTES", 500)
    raws = [b"Subject: x\r\n\r\n".ljust(size - 2, b"y") + b"\r\n", mail("second")]
    mailbox.deliver(*raws)
    assert taken(opened(at(mailbox)))[0] == raws


def test_a_message_of_many_megabytes_is_read_whole(mailbox: TestMailbox) -> None:
    raw = mail("huge", 20_000_000)
    mailbox.deliver(raw, mail("small"))
    assert taken(opened(at(mailbox)))[0] == [raw, mail("small")]


@pytest.mark.parametrize("body", [b"BODY[] NIL", b"FLAGS ()"])
def test_a_message_the_server_does_not_hand_over_is_left_out_and_the_others_are_read(body: bytes) -> None:
    def fetch(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        connection.send(b"* 1 FETCH (UID 1 %b)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\ny)\r\n%b OK done\r\n" % (body, tag))

    with ImapServer({"UID FETCH": fetch}, messages={1: b"x", 2: b"y"}) as server:
        source = opened(at_script(server))
        listed = source.list()
        assert list(source.read(listed)) == [(listed[1], b"y")]
        source.close()


@pytest.mark.parametrize("verdict", [b"NO", b"BAD"])
def test_one_message_that_the_server_refuses_does_not_block_the_batch(verdict: bytes) -> None:
    def fetch(connection: Connection, tag: bytes, arguments: bytes) -> None:
        uids = [b"%d" % uid for uid in (1, 2, 3) if number_in(uid, arguments.split()[0])]
        for uid in uids:
            if uid != b"2":
                connection.send(b"* %b FETCH (UID %b BODY[] {1}\r\n%b)\r\n" % (uid, uid, uid))
        connection.send(b"%b %b done\r\n" % (tag, verdict if b"2" in uids else b"OK"))

    with ImapServer({"UID FETCH": fetch}, messages={1: b"1", 2: b"2", 3: b"3"}) as server:
        source = opened(at_script(server))
        assert [text for _, text in source.read(source.list())] == [b"1", b"3"]
        source.close()


def test_an_unsolicited_answer_is_not_taken_for_a_message() -> None:
    noise = b"* 2 FETCH (FLAGS (\\Seen))\r\n* 3 EXISTS\r\n* 1 FETCH (UID 1 BODY[] {3}\r\none)\r\n{tag} OK done\r\n"
    with ImapServer({"UID FETCH": noise}, messages={1: b"one", 2: b"two"}) as server:
        source = opened(at_script(server))
        assert [text for _, text in source.read(source.list())] == [b"one"]
        source.close()


# Deleting


def test_mail_that_arrives_meanwhile_and_mail_of_others_stays(mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(4))
    flag(mailbox, "4")
    source = opened(at(mailbox))
    listed = source.list()
    mailbox.deliver(mail("late"))
    deletions = source.delete(listed[:3])
    source.close()
    assert deletions.confirmed == {m.handle for m in listed[:3]}
    assert mailbox.messages() == [mails(4)[3], mail("late")]


def test_without_uidplus_mail_is_deleted_when_nobody_else_marked_any(dovecot_without_uidplus: Dovecot) -> None:
    mailbox = new_mailbox(dovecot_without_uidplus)
    mailbox.deliver(*mails(3))
    deletions = taken(opened(at(mailbox)))[1]
    assert (len(deletions.confirmed), mailbox.count()) == (3, 0)


def test_without_uidplus_mail_is_left_marked_as_long_as_somebody_elses_is(dovecot_without_uidplus: Dovecot) -> None:
    mailbox = new_mailbox(dovecot_without_uidplus)
    mailbox.deliver(*mails(3))
    flag(mailbox, "3")
    source = opened(at(mailbox))
    listed = source.list()
    deletions = source.delete(listed[:2])
    assert (deletions.confirmed, deletions.left) == (frozenset(), {m.handle for m in listed[:2]})
    assert deletions.reason == FOREIGN
    source.close()
    assert mailbox.count() == 3
    source = opened(at(mailbox))
    assert [m.flagged for m in source.list()] == [True, True, True]
    source.abort()


def test_without_uidplus_mail_that_was_left_is_deleted_once_nothing_else_is_marked(
    dovecot_without_uidplus: Dovecot,
) -> None:
    mailbox = new_mailbox(dovecot_without_uidplus)
    mailbox.deliver(*mails(3))
    flag(mailbox, "3")
    source = opened(at(mailbox))
    listed = source.list()
    source.delete(listed[:2])
    client = mailbox.server.client(mailbox.user)
    client.select()
    client.store("3", "-FLAGS", r"(\Deleted)")
    client.logout()
    assert source.close().confirmed == {m.handle for m in listed[:2]}
    assert mailbox.messages() == [mails(3)[2]]


def test_mail_that_the_server_keeps_in_spite_of_its_ok_is_not_taken_for_deleted() -> None:
    with ImapServer(messages={1: b"x", 2: b"y"}) as server:
        source = opened(at_script(server))
        deletions = source.delete(source.list())
        source.close()
    assert (deletions.confirmed, deletions.left, deletions.reason) == (frozenset(), {1, 2}, NOT_EXPUNGED)


def test_two_mailboxes_with_the_same_numbers_have_the_same_identities(dovecot: Dovecot) -> None:
    identities = []
    for _ in range(2):
        mailbox = new_mailbox(dovecot)
        mailbox.deliver(mail("same"))
        dovecot.set_uidvalidity(mailbox.user, 4711)
        source = opened(at(mailbox))
        identities += [m.identity for m in source.list()]
        source.close()
    assert identities == ["imap:4711:1"] * 2


# Folders

FOLDERS = ["Support", "Über & Öl", "注文/新規", "Mit Blank/Unter", 'quote"s', "tilde~and&amp;", "🙂"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_any_folder_is_fetched_by_the_name_people_see(mailbox: TestMailbox, folder: str) -> None:
    mailbox.deliver(mail("in the folder"), folder=folder)
    mailbox.deliver(mail("in the inbox"))
    assert taken(opened(at(mailbox, folder=folder)))[0] == [mail("in the folder")]
    assert mailbox.messages() == [mail("in the inbox")]
    assert folder in list_folders(at(mailbox))


@pytest.fixture(scope="module")
def dotted() -> Iterator[Dovecot]:
    """A Dovecot that separates folders by a dot."""
    with Dovecot(separator=".") as server:
        yield server


@pytest.mark.parametrize("typed", ["Büro.Aufträge", "Büro/Aufträge", "Bu\u0308ro/Auftra\u0308ge"])
def test_a_folder_is_found_with_the_servers_delimiter_a_slash_and_any_unicode_form(dotted: Dovecot, typed: str) -> None:
    mailbox = new_mailbox(dotted)
    mailbox.deliver(mail("nested"), folder="Büro.Aufträge")
    assert taken(opened(at(mailbox, folder=typed)))[0] == [mail("nested")]


@pytest.mark.parametrize("folder", ["", "INBOX", "inbox"])
def test_no_folder_means_inbox(mailbox: TestMailbox, folder: str) -> None:
    mailbox.deliver(*mails(1))
    assert len(taken(opened(at(mailbox, folder=folder)))[0]) == 1


@pytest.mark.parametrize("folder", ["Missing", "Büro\r\nX LOGOUT", "%", "*", "a" * 3000])
def test_a_folder_that_is_not_there_is_told_with_those_that_are(mailbox: TestMailbox, folder: str) -> None:
    mailbox.server.create_folder(mailbox.user, "Ordner ä")
    error = refused(at(mailbox, folder=folder))
    assert (error.code, error.stage) == ("folder-missing", "folder")
    assert "“INBOX”" in error.advice
    assert "“Ordner ä”" in error.advice


def test_a_folder_that_holds_no_mail_itself_is_told_as_missing(mailbox: TestMailbox) -> None:
    mailbox.server.create_folder(mailbox.user, "Parent/Child")
    assert refused(at(mailbox, folder="Parent")).code == "folder-missing"
    assert list_folders(at(mailbox)) == ["Parent/Child", "INBOX"]


@pytest.mark.parametrize("rights", ["lr", "lrs", "lrswi"])
def test_a_folder_in_which_nothing_can_be_deleted_is_refused_before_anything_is_read(
    mailbox: TestMailbox, rights: str
) -> None:
    mailbox.deliver(*mails(2), folder="Shared")
    mailbox.server.restrict(mailbox.user, rights, "Shared")
    error = refused(at(mailbox, folder="Shared"))
    assert (error.code, error.stage) == ("folder-read-only", "folder")
    texts, _ = taken(opened(at(mailbox, folder="Shared"), read_only=True))
    assert len(texts) == 2


def test_a_server_that_does_not_say_which_flags_can_be_set_is_believed_to_allow_all() -> None:
    answer = b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n{tag} OK [READ-WRITE] done\r\n"
    with ImapServer({"SELECT": answer}, messages={1: b"x"}) as server:
        assert taken(opened(at_script(server)))[0] == [b"x"]


# The connection


def test_imapclients_debugging_is_off(mailbox: TestMailbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mailbox.deliver(mail("private"))
    taken(opened(at(mailbox)))
    assert "private" not in caplog.text
    assert mailbox.password not in caplog.text


@pytest.mark.parametrize(("capability", "command"), [
    (b"IMAP4rev1", b"LOGIN"),
    (b"IMAP4rev1 AUTH=PLAIN", b"AUTHENTICATE"),
])  # fmt: skip
def test_a_password_outside_ascii_goes_by_the_way_the_server_offers(capability: bytes, command: bytes) -> None:
    def authenticate(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        connection.send(b"+ \r\n")
        connection.line()
        connection.send(tag + b" OK done\r\n")

    with ImapServer({"AUTHENTICATE": authenticate}, capability=capability) as server:
        opened(at_script(server, password="pässword")).close()
    assert any(command in line for line in server.received)
    if command == b"LOGIN":
        assert any('"pässword"'.encode() in line for line in server.received)


def test_the_session_ends_with_logout_and_never_with_close_which_would_expunge(mailbox: TestMailbox) -> None:
    with ImapServer(messages={1: b"x"}) as server:
        taken(opened(at_script(server)), delete=False)
    commands = [line.split(b" ")[1] for line in server.received]
    assert commands[-1] == b"LOGOUT"
    assert b"CLOSE" not in commands


# Round trips


def test_a_poll_that_finds_nothing_asks_four_times() -> None:
    """A greeting that tells what the server can do saves one, and nobody waits for the answer to ID."""
    told = b"[CAPABILITY IMAP4rev1 UIDPLUS AUTH=PLAIN ID]"
    login = b"{tag} OK " + told + b" signed in\r\n"
    with ImapServer({"LOGIN": login}, greeting=b"* OK " + told + b" ready\r\n") as server:
        source = opened(at_script(server))
        assert not source.list()
        source.close()
        assert [line.split()[1] for line in server.received] == [b"LOGIN", b"ID", b"SELECT", b"LOGOUT"]


# stalwartlabs/stalwart#765
def test_a_server_that_drops_a_second_command_is_asked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_client, "PIPELINE_SECONDS", 0.5)

    def identify(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        # The first client sends both at once, however busy the machine is; those after it wait for this answer.
        if select.select([connection.sock], [], [], 20 if server.connections == 1 else 0.1)[0]:
            connection.line()
        connection.send(tag + b" OK done\r\n")

    with ImapServer({"ID": identify}, capability=b"IMAP4rev1 UIDPLUS AUTH=PLAIN ID") as server:
        for connections in (2, 3):
            source = opened(at_script(server))
            assert not source.list()
            source.close()
            assert server.connections == connections  # the next time it is known


TOLD = b"[CAPABILITY IMAP4rev1 UIDPLUS AUTH=PLAIN ID]"


def commands_of(lines: Sequence[bytes]) -> list[str]:
    """The names of the commands among what a server received."""
    return [line.split()[1].decode() for line in lines]


def polled(server: ImapServer) -> list[str]:
    """Look at the folder, which is empty; the commands that this took."""
    before = len(server.received)
    source = opened(at_script(server))
    assert not source.list()
    source.close()
    return commands_of(server.received[before:])


def test_a_server_that_was_met_before_is_asked_for_the_folder_with_the_login() -> None:
    """Three round trips after the greeting are two then: LOGIN with ID and SELECT behind it, and LOGOUT."""
    answered: list[int] = []

    def login(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        answered.append(connection.unread.count(b"\n"))
        connection.send(tag + b" OK " + TOLD + b" signed in\r\n")

    with ImapServer({"LOGIN": login}, greeting=b"* OK " + TOLD + b" ready\r\n") as server:
        assert [polled(server) for _ in range(3)] == [["LOGIN", "ID", "SELECT", "LOGOUT"]] * 3
    assert answered == [0, 2, 2]


def forgets(connection: Connection, tag: bytes, _arguments: bytes) -> None:
    """nginx before 1.21.0 as a mail proxy, nginx/nginx#1590: what comes with LOGIN never gets to the server behind."""
    connection.forget()
    connection.send(tag + b" OK done\r\n")


def answers_too_early(connection: Connection, tag: bytes, _arguments: bytes) -> None:
    """Mailu/Mailu#2938, twisted/twisted#9282: the rest is judged before there is a verdict on the login."""
    verdicts = b""
    while connection.unread and (line := connection.line()):
        verdicts += line.split()[0] + b" BAD invalid command\r\n"
    connection.send(verdicts + tag + b" OK done\r\n")


def hangs_up(connection: Connection, tag: bytes, _arguments: bytes) -> None:
    """stalwartlabs/stalwart#765: it hangs up over a second command."""
    if connection.unread:
        connection.cut()
    else:
        connection.send(tag + b" OK done\r\n")


def finds_login_bad(connection: Connection, tag: bytes, _arguments: bytes) -> None:
    """nextcloud/mail#129: "Pipelining not supported"."""
    if connection.unread:
        connection.forget()
        connection.send(tag + b" BAD pipelining not supported\r\n")
    else:
        connection.send(tag + b" OK done\r\n")


@pytest.mark.parametrize(
    ("login", "connections"),
    [(forgets, [1, 3, 4]), (answers_too_early, [1, 2, 3]), (hangs_up, [1, 3, 4]), (finds_login_bad, [1, 3, 4])],
)
def test_a_server_that_cannot_take_more_than_the_login_is_asked_step_by_step(
    monkeypatch: pytest.MonkeyPatch, login: Answer, connections: list[int]
) -> None:
    monkeypatch.setattr(imap_client, "AHEAD_SECONDS", 0.5)
    with ImapServer({"LOGIN": login}, capability=b"IMAP4rev1 UIDPLUS AUTH=PLAIN ID") as server:
        for count in connections:
            polled(server)
            assert server.connections == count


def test_a_refused_password_is_shown_once_although_more_was_sent_with_it() -> None:
    with ImapServer(capability=b"IMAP4rev1 UIDPLUS ID") as server:
        polled(server)
        server.answers["LOGIN"] = b"{tag} NO [AUTHENTICATIONFAILED] wrong\r\n"
        server.answers["SELECT"] = b"{tag} BAD sign in first\r\n"
        assert refused(at_script(server)).code == "login-refused"
        assert server.connections == 2
    assert commands_of(server.received).count("LOGIN") == 2


def test_a_folder_that_is_called_otherwise_is_found_although_it_was_asked_for_with_the_login(dotted: Dovecot) -> None:
    mailbox = new_mailbox(dotted)
    mailbox.deliver(mail("nested"), folder="Ann.Ber")
    for _ in range(3):
        assert taken(opened(at(mailbox, folder="Ann/Ber")), delete=False)[0] == [mail("nested")]


# A folder whose index is built anew.
@pytest.mark.parametrize("capability", [b"IMAP4rev1 UIDPLUS AUTH=PLAIN", b"IMAP4rev1 UIDPLUS AUTH=PLAIN ID"])
def test_a_folder_that_opens_slowly_is_waited_for(monkeypatch: pytest.MonkeyPatch, capability: bytes) -> None:
    monkeypatch.setattr(imap_client, "PIPELINE_SECONDS", 0.3)
    monkeypatch.setattr(imap_client, "AHEAD_SECONDS", 0.3)

    def open_slowly(connection: Connection, tag: bytes, _arguments: bytes) -> None:
        connection.stopping.wait(0.6)
        connection.send(b"* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n" + tag + b" OK [READ-WRITE] done\r\n")

    with ImapServer({"SELECT": open_slowly}, capability=capability) as server:
        for _ in range(3):
            source = opened(at_script(server))
            assert not source.list()
            source.close()


def test_a_folder_that_takes_over_a_minute_to_open_is_not_out_of_time_for_a_session_that_was_lost_over_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = FakeClock(monkeypatch)

    def select_slowly(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        clock.pass_(70)
        connection.cut()

    with ImapServer({"SELECT": select_slowly}, capability=b"IMAP4rev1 UIDPLUS AUTH=PLAIN ID") as server:
        assert refused(at_script(server), seconds=600).code == "connection-lost", "it should not be out of time"
        assert server.connections == 2


@pytest.mark.parametrize(("told", "size"), [(2**64 - 1, 2**63 - 1), (2**63, 2**63 - 1), (-1, 0), (-(2**70), 0)])
def test_a_size_that_is_absurd_is_the_nearest_that_can_be(told: int, size: int) -> None:
    fetch = b"* 1 FETCH (UID 1 RFC822.SIZE %d FLAGS ())\r\n* 2 FETCH (UID 2 RFC822.SIZE 3 FLAGS ())\r\n" % told
    with ImapServer({"FETCH": fetch + b"{tag} OK done\r\n"}, messages={1: b"x", 2: b"y"}) as server:
        source = opened(at_script(server))
        assert [(m.handle, m.size, m.unlisted) for m in source.list()] == [(1, size, False), (2, 3, False)]
        source.close()


@pytest.mark.parametrize("uid", [2**64 - 1, 2**63, -1, -7])
def test_a_uid_that_is_absurd_leaves_out_its_message_alone(uid: int) -> None:
    fetch = b"* 1 FETCH (UID %d RFC822.SIZE 3 FLAGS ())\r\n* 2 FETCH (UID 2 RFC822.SIZE 3 FLAGS ())\r\n" % uid
    with ImapServer({"FETCH": fetch + b"{tag} OK done\r\n"}, messages={1: b"x", 2: b"y"}) as server:
        source = opened(at_script(server))
        assert [(m.identity, m.unlisted) for m in source.list()] == [(None, True), ("imap:7:2", False)]
        source.close()
