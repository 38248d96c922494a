"""POP3: identities with and without UIDL, deletion at QUIT only, messages that are cut short."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from postmaster.errors import MailError
from postmaster.sources import dial as dial_module
from postmaster.sources import pop3 as pop3_module
from postmaster.sources import pop3_client
from postmaster.sources.deadline import TimeLimits
from postmaster.sources.dial import IN_USE_PAUSES
from postmaster.sources.habits import habits_of
from postmaster.sources.open import open_source
from postmaster.sources.pop3 import DELE_REFUSED
from postmaster.sources.wire import ErrorTranslator
from tests.servers.fixtures import Certificates, TestMailbox
from tests.servers.pop3 import Pop3Server, multiline
from tests.servers.scripted import Answer, Connection, ScriptedServer
from tests.sources.support import FakeClock, at, at_script, mail, mails, opened, refused, taken


def test_identities_are_those_of_uidl_and_survive_the_session(mailbox: TestMailbox) -> None:
    mailbox.deliver(*mails(3))
    listings = []
    for _ in range(2):
        source = opened(at(mailbox, "POP3"))
        listings.append([(m.handle, m.identity, m.size) for m in source.list()])
        source.close()
    assert listings[0] == listings[1]
    assert all(str(identity).startswith("uidl:") for _, identity, _ in listings[0])
    assert len({identity for _, identity, _ in listings[0]}) == 3


def test_a_server_without_uidl_gives_no_identities_and_no_session_limit() -> None:
    with Pop3Server(mails(2), uidl="none") as server:
        source = opened(at_script(server, "POP3"))
        assert [m.identity for m in source.list()] == [None, None]
        assert source.session_limit is None
        assert taken(source)[0] == mails(2)
    assert server.messages == []


@pytest.mark.parametrize(
    ("wanted", "constants", "taken_at_once"),
    [
        (200, {}, 250),
        (199, {}, 199),
        (300, {}, 300),
        (200, {"LONGEST_SESSION": 1}, 200),
        (200, {"LONG_SECONDS": -1.0}, 200),
    ],
    ids=["a twentieth", "lowered", "raised", "at most", "slow"],
)
def test_a_session_is_longer_where_very_many_wait(
    monkeypatch: pytest.MonkeyPatch, wanted: int, constants: dict[str, float], taken_at_once: int
) -> None:
    for name, value in constants.items():
        monkeypatch.setattr(pop3_module, name, value)
    with Pop3Server([b"Subject: one of many\r\n\r\n"] * 5000) as server:
        source = open_source(at_script(server, "POP3"), deadline_seconds=60, reconnect_after=wanted)
        assert source.session_limit == taken_at_once


@pytest.mark.parametrize("capa", [True, False])
def test_a_server_that_does_not_say_what_it_can_do_works_as_well(capa: bool) -> None:
    with Pop3Server(mails(2), capa=capa) as server:
        assert taken(opened(at_script(server, "POP3")))[0] == mails(2)
    assert server.messages == []


def test_a_server_that_has_uidl_but_fails_to_tell_is_an_error_and_not_a_server_without() -> None:
    with Pop3Server(mails(2), answers={"UIDL": b"-ERR [SYS/TEMP] later\r\n"}) as server:
        assert refused(at_script(server, "POP3")).stage == "list"


def test_equal_identities_count_as_none() -> None:
    with Pop3Server(mails(2), uidl="duplicate") as server:
        source = opened(at_script(server, "POP3"))
        assert [m.identity for m in source.list()] == [None, None]
        source.close()


def test_nothing_is_deleted_before_quit_and_all_that_was_marked_after_it() -> None:
    with Pop3Server(mails(3)) as server:
        source = opened(at_script(server, "POP3"))
        deletions = source.delete(source.list()[:2])
        assert (deletions.confirmed, deletions.left, len(server.messages)) == (frozenset(), frozenset(), 3)
        assert source.close().confirmed == {1, 2}
        assert server.messages == mails(3)[2:]


def test_a_session_that_is_dropped_deletes_nothing() -> None:
    with Pop3Server(mails(3)) as server:
        source = opened(at_script(server, "POP3"))
        source.delete(source.list())
        source.abort()
    assert len(server.messages) == 3


@pytest.mark.parametrize("answer", [b"-ERR some deleted messages not removed\r\n", b""])
def test_deletions_without_the_ok_of_quit_are_not_taken_for_certain(answer: bytes) -> None:
    def quits(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        connection.send(answer)
        connection.close()

    with Pop3Server(mails(2), answers={"QUIT": quits}) as server:
        source = opened(at_script(server, "POP3"))
        source.delete(source.list())
        with pytest.raises(MailError) as caught:
            source.close()
    assert caught.value.stage == "delete"


def test_a_quit_that_fails_does_not_matter_when_nothing_was_marked() -> None:
    with Pop3Server(mails(2), answers={"QUIT": lambda connection, _, __: connection.cut()}) as server:
        assert taken(opened(at_script(server, "POP3")), delete=False)[0] == mails(2)


def test_a_message_that_cannot_be_marked_is_left() -> None:
    with Pop3Server(mails(2), answers={"DELE": b"-ERR no\r\n"}) as server:
        source = opened(at_script(server, "POP3"))
        deletions = source.delete(source.list())
        assert (deletions.left, deletions.reason) == ({1, 2}, DELE_REFUSED)
        assert source.close().confirmed == frozenset()


RAW = b"Subject: cut\r\n\r\nbefore\r\n..\r\nafter\r\n"


@pytest.mark.parametrize("length", range(6, len(multiline(RAW)) - 1))
def test_a_message_cut_short_at_any_byte_is_an_error_and_never_a_message(length: int) -> None:
    def retr(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        connection.send(multiline(RAW)[:length])
        connection.close()

    with Pop3Server([RAW], answers={"RETR": retr}) as server:
        assert refused(at_script(server, "POP3")).code == "connection-lost"


def test_a_whole_message_comes_through_with_its_dots() -> None:
    with Pop3Server([RAW]) as server:
        assert taken(opened(at_script(server, "POP3")))[0] == [RAW]


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 131_072, 1_200_000])
def test_a_line_of_any_length_comes_through(length: int) -> None:
    raw = b"Subject: long\r\n\r\n" + b"." * length + b"\r\n.\r\n"
    with Pop3Server([raw]) as server:
        assert taken(opened(at_script(server, "POP3")))[0] == [raw]


def test_a_message_that_is_gone_is_told_and_one_that_is_withheld_is_left_out() -> None:
    def retr(connection: Connection, _tag: bytes, arguments: bytes) -> None:
        connection.send(multiline(b"x\r\n") if arguments == b"1" else b"-ERR cannot read it\r\n")

    def list_(connection: Connection, _tag: bytes, arguments: bytes) -> None:
        one = {b"": multiline(b"1 3\r\n2 3\r\n3 3\r\n"), b"2": b"-ERR no such message\r\n", b"3": b"+OK 3 3\r\n"}
        connection.send(one[arguments])

    with Pop3Server([b"x\r\n"] * 3, answers={"RETR": retr, "LIST": list_}) as server:
        source = opened(at_script(server, "POP3"))
        assert [(m.handle, text) for m, text in source.read(source.list())] == [(1, b"x\r\n"), (2, None)]
        source.close()


def test_a_session_that_only_looks_reads_with_top_and_never_with_retr() -> None:
    with Pop3Server(mails(2), answers={"TOP": multiline(mail("looked at"))}) as server:
        source = opened(at_script(server, "POP3"), read_only=True)
        assert [text for _, text in source.read(source.list())] == [mail("looked at")] * 2
        source.close()
    assert not any(line.startswith((b"RETR", b"DELE")) for line in server.received)


def test_a_password_outside_ascii_goes_by_auth_plain_where_offered() -> None:
    with Pop3Server(mails(1), password="pässword") as server:
        assert len(taken(opened(at_script(server, "POP3", password="pässword")))[0]) == 1
    assert b"AUTH PLAIN" in server.received


@pytest.mark.parametrize("command", ["LIST", "UIDL"])
def test_a_server_that_refuses_to_list_nothing_has_an_empty_mailbox(command: str) -> None:
    """Webklex/laravel-imap#506."""
    with Pop3Server([], answers={command: b"-ERR no messages\r\n"}) as server:
        source = opened(at_script(server, "POP3"))
        assert source.list() == []
        source.close()


def test_a_refused_listing_of_a_mailbox_that_holds_mail_is_an_error() -> None:
    with Pop3Server(mails(1), answers={"LIST": b"-ERR no messages\r\n"}) as server:
        assert refused(at_script(server, "POP3")).code == "server-refused"


def test_a_text_larger_than_can_be_held_is_left_out_and_the_next_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pop3_module, "MAX_MESSAGE_BYTES", 5_000)
    sizes = b"+OK\r\n1 3\r\n2 3\r\n.\r\n"
    with Pop3Server([mail("vast", 90_000), mail("next")], answers={"LIST": sizes}) as server:
        source = opened(at_script(server, "POP3"))
        assert [m.handle for m, _ in source.read(source.list())] == [2]
        source.close()


def test_what_was_slipped_in_before_the_handshake_is_not_taken_for_an_answer(certificates: Certificates) -> None:
    with Pop3Server(mails(1), starttls=certificates.valid, answers={"STLS": _slip_in(certificates)}) as server:
        source = opened(at_script(server, "POP3TLS", ca_file=certificates.ca_file))
        assert len(source.list()) == 1
        source.close()


def _slip_in(certificates: Certificates) -> Answer:
    def answer(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        connection.send(b"+OK go ahead\r\n+OK slipped in\r\n")
        connection.start_tls(certificates.valid)

    return answer


def test_a_server_that_is_asked_by_starttls_need_not_know_capa(certificates: Certificates) -> None:
    with Pop3Server(mails(1), starttls=certificates.valid, capa=False) as server:
        assert taken(opened(at_script(server, "POP3TLS", ca_file=certificates.ca_file)))[0] == mails(1)
    with Pop3Server(mails(1), capa=False) as server:
        error = refused(at_script(server, "POP3TLS", ca_file=certificates.ca_file))
    assert error.code == "starttls-missing"
    assert not any(line.startswith((b"USER", b"PASS")) for line in server.received)


def test_a_server_without_passwords_says_what_it_offers() -> None:
    with Pop3Server(answers={"CAPA": b"+OK\r\nSTLS\r\n.\r\n"}) as server:
        error = refused(at_script(server, "POP3"))
    assert (error.code, "none at all" in error.message) == ("login-disabled", True)


def test_a_greeting_may_take_longer_than_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TimeLimits().answer("connect") >= 30
    monkeypatch.setattr(dial_module, "CONNECT_SECONDS", 0.2)

    def greet(connection: Connection) -> None:
        connection.stopping.wait(0.6)
        connection.send(b"-ERR [SYS/TEMP] at last\r\n")

    with ScriptedServer(greet) as server:
        assert refused(at_script(server, "POP3")).server == "[SYS/TEMP] at last"


# Round trips

PIPELINING = b"+OK\r\nTOP\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n"


def pipelining_server(**answers: Answer) -> Pop3Server:
    """A server that says it takes several commands at once."""
    return Pop3Server(mails(1), answers={"CAPA": PIPELINING} | answers)


def test_a_server_that_pipelines_is_asked_seven_commands_in_four_round_trips() -> None:
    waiting: list[tuple[str, int]] = []

    def note(name: str, words: bytes) -> Answer:
        def answer(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
            waiting.append((name, connection.unread.count(b"\n")))
            connection.send(words)

        return answer

    with pipelining_server(USER=note("USER", b"+OK\r\n"), CAPA=note("CAPA", PIPELINING)) as server:
        assert taken(opened(at_script(server, "POP3")), delete=False)[0] == mails(1)
    assert waiting == [("CAPA", 0), ("USER", 1), ("CAPA", 2)]


def forgets_the_rest(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    """nginx/nginx#1590: what comes with a command is lost."""
    connection.forget()
    connection.send(b"+OK\r\n")


def forgets_after_capa(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    """jstedfast/MailKit#174: it says that it pipelines, and then it does not."""
    connection.forget()
    connection.send(PIPELINING)


def refuses_several(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    """nextcloud/mail#129: "Pipelining not supported"."""
    several = bool(connection.unread)
    connection.forget()
    connection.send(b"421 pipelining not supported\r\n" if several else b"+OK\r\n")


@pytest.mark.parametrize(
    ("command", "answer"), [("USER", forgets_the_rest), ("CAPA", forgets_after_capa), ("USER", refuses_several)]
)
def test_a_server_that_pipelines_in_words_only_is_asked_step_by_step(
    monkeypatch: pytest.MonkeyPatch, command: str, answer: Answer
) -> None:
    monkeypatch.setattr(pop3_client, "LOGIN_SECONDS", 0.5)
    with pipelining_server(**{command: answer}) as server:
        for connections in (2, 3):
            source = opened(at_script(server, "POP3", answer_timeout=0.5))
            assert taken(source, delete=False)[0] == mails(1)
            assert server.connections == connections  # the next time it is known


def test_a_wrong_password_is_shown_once_also_by_a_process_that_knows_nothing_of_the_server() -> None:
    """Each attempt counts where an account is locked after some, or an address banned."""
    with pipelining_server() as server:
        assert refused(at_script(server, "POP3", password="wrong")).code == "login-refused"
        assert server.connections == 1
        assert server.received.count(b"PASS wrong") == 1
        taken(opened(at_script(server, "POP3")), delete=False)
        assert refused(at_script(server, "POP3", password="wrong")).code == "login-refused"
        assert server.connections == 3


def test_a_user_name_that_is_refused_with_its_password_is_shown_once_more_alone() -> None:
    """Until the server has let somebody in so, it may be that it did not read what came together."""

    def refuse_several(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        several = bool(connection.unread)
        connection.forget()
        connection.send(b"-ERR one at a time\r\n" if several else b"+OK\r\n")

    with pipelining_server(USER=refuse_several) as server:
        assert taken(opened(at_script(server, "POP3")), delete=False)[0] == mails(1)
        assert server.connections == 2


def naming_slowly(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    """As long as 20 s where limits are a twentieth."""
    connection.stopping.wait(1.0)
    connection.send(multiline(b"1 u1\r\n"))


def handing_over_slowly(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    connection.stopping.wait(1.0)
    connection.send(multiline(mail("slow")))


def telling_with_the_listing(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
    """A server that answers several commands at once says nothing before it has got through them all (Dovecot)."""
    if connection.unread:
        connection.stopping.wait(1.0)
    connection.send(PIPELINING)


@pytest.mark.parametrize(
    ("command", "answer"),
    [("UIDL", naming_slowly), ("CAPA", telling_with_the_listing), ("RETR", handing_over_slowly)],
    ids=["UIDL", "CAPA", "RETR"],
)
def test_a_server_that_is_only_slow_is_waited_for_and_keeps_its_session(
    monkeypatch: pytest.MonkeyPatch, command: str, answer: Answer
) -> None:
    """Whoever hangs up on it finds the maildrop locked by itself."""
    wait = ErrorTranslator._wait

    def wait_a_twentieth(wire: ErrorTranslator, seconds: float) -> None:
        wait(wire, seconds / 20)
        wire._answer_seconds = seconds

    monkeypatch.setattr(ErrorTranslator, "_wait", wait_a_twentieth)
    with pipelining_server(**{command: answer}) as server:
        server.messages = mails(2) if command == "RETR" else mails(1)
        assert len(taken(opened(at_script(server, "POP3")), delete=False)[0]) == len(server.messages)
        assert server.connections == 1


LOCKED = b"-ERR [IN-USE] locked by another session\r\n"


def locked_server(answers: Sequence[bytes]) -> Pop3Server:
    """A server that hangs up over UIDL in the first session; to PASS it gives these ``answers``, then +OK."""
    rest = iter([b"+OK\r\n", *answers])

    def uidl(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        if server.connections == 1:
            connection.cut()
        else:
            connection.send(multiline(b"1 u1\r\n"))

    def sign_in(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        connection.send(next(rest, b"+OK\r\n"))

    server = pipelining_server(UIDL=uidl, LIST=multiline(b"1 3\r\n"), PASS=sign_in)
    return server


def test_a_maildrop_that_is_locked_by_our_own_lost_session_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []
    monkeypatch.setattr(dial_module, "time", SimpleNamespace(sleep=paused.append))
    with locked_server([LOCKED] * 3) as server:
        source = opened(at_script(server, "POP3"))
        assert [m.identity for m in source.list()] == ["uidl:u1"]
        source.close()
        assert server.connections == 5
    assert paused == list(IN_USE_PAUSES[:3])


@pytest.mark.parametrize(("seconds", "attempts"), [(30, len(IN_USE_PAUSES) - 1), (600, len(IN_USE_PAUSES) + 1)])
def test_one_that_stays_locked_is_an_error_as_soon_as_there_is_no_time_left(
    monkeypatch: pytest.MonkeyPatch, seconds: float, attempts: int
) -> None:
    clock = FakeClock(monkeypatch)
    monkeypatch.setattr(dial_module, "time", SimpleNamespace(sleep=clock.pass_))
    with locked_server([LOCKED] * 20) as server:
        assert refused(at_script(server, "POP3"), seconds=seconds).code == "login-in-use"
        assert server.connections == 1 + attempts


def test_a_maildrop_that_somebody_else_has_locked_is_left_to_the_next_run() -> None:
    with pipelining_server(PASS=LOCKED) as server:
        assert refused(at_script(server, "POP3")).code == "login-in-use"
        assert server.connections == 1


def test_a_second_session_has_all_the_time_that_an_opening_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A maildrop that takes 70 s to list is not out of time for a first session that was lost over as much."""
    clock = FakeClock(monkeypatch)

    def uidl(connection: Connection, _tag: bytes, _arguments: bytes) -> None:
        clock.pass_(70)
        if server.connections == 1:
            connection.cut()
        else:
            connection.send(b"-ERR [SYS/TEMP] in time, but no\r\n")

    with pipelining_server(UIDL=uidl) as server:
        assert refused(at_script(server, "POP3"), seconds=600).code == "server-refused"
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answers", "pipelines"),
    [
        ([b"-ERR [LOGIN-DELAY] not so soon\r\n"], False),
        ([b"+OK\r\n"], False),
        ([b"421 no\r\n"], True),
    ],
    ids=["another reason", "none", "the same reason"],
)
def test_a_server_may_pipeline_if_it_refuses_the_second_session_for_the_same_reason(
    answers: list[bytes], pipelines: bool
) -> None:
    """What it has against the second session may be that there was a first."""
    rest = iter([b"421 no\r\n", *answers])
    with pipelining_server(PASS=lambda connection, _tag, _arguments: connection.send(next(rest))) as server:
        with contextlib.suppress(MailError):
            opened(at_script(server, "POP3")).close()
        assert server.connections == 2
        assert habits_of(server.host, server.port).pipelines is pipelines


def test_an_empty_mailbox_that_is_not_listed_is_found_empty_although_it_was_asked_for_ahead() -> None:
    with pipelining_server(UIDL=b"-ERR no messages\r\n", LIST=b"-ERR no messages\r\n") as server:
        server.messages.clear()
        source = opened(at_script(server, "POP3"))
        assert not source.list()
        source.close()
