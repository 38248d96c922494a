"""Parsing in a process of its own: it changes nothing but the time, and whatever ends it costs no message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from structlog.testing import capture_logs

from demo.samples import samples
from postmaster import create_app
from postmaster.config import load_environment
from postmaster.extensions import Base, db
from postmaster.fetching import batch_parser, batches
from postmaster.fetching.batch_parser import BACKLOG, LARGEST, BatchParser, Reading
from postmaster.parsing import child
from postmaster.parsing.child import Frame, read_frame, write_frame
from postmaster.parsing.parser import parse_message
from tests.fetching.fetch_and_die import ANSWERED
from tests.guard.sitecustomize import variables
from tests.results import runner_of
from tests.servers.fixtures import TestMailbox
from tests.servers.flask_process import FlaskProcesses
from tests.servers.pop3 import Pop3Server
from tests.servers.ports import wait_until
from tests.support import Desk, expected, mail, mails

RAWS = mails(5)

# A child that is ready, takes a batch, and answers with what the test says.
ANSWERING = """
import pickle, sys
sys.path.insert(0, {folder!r})
from child import END, Frame, read_frame, write_frame
questions, answers = sys.stdin.buffer, sys.stdout.buffer
write_frame(answers, END)
answers.flush()
batch = [*iter(lambda: read_frame(questions), END)]
{code}
answers.flush()
sys.stdin.buffer.read()
"""


@pytest.fixture
def parser() -> Iterator[BatchParser]:
    parser = BatchParser()
    yield parser
    parser.close()


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Have a child with this code instead of the parser."""

    def replace(code: str) -> None:
        file = tmp_path / "other_child.py"
        file.write_text(code)
        monkeypatch.setattr(batch_parser, "child", SimpleNamespace(__file__=str(file)))

    return replace


def started(parser: BatchParser) -> int:
    """Have it start its process, and wait until that can be asked; returns its id."""
    parser.expect(BACKLOG + 1)
    assert parser._process is not None
    wait_until(parser._process.is_ready, "the parser")
    assert parser.pid is not None
    return parser.pid


def read_all(parser: BatchParser, raws: Sequence[bytes] = RAWS) -> tuple[list[Reading | None], list[Any]]:
    """What it reads, and the codes of what it logs."""
    with capture_logs() as logs:
        found = list(parser.readings(raws))
    return found, [entry["code"] for entry in logs]


def is_gone(pid: int) -> bool:
    """Whether it has ended; nobody may have asked yet what with."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def test_it_reads_what_is_read_here(parser: BatchParser) -> None:
    started(parser)
    raws = [sample.raw for sample in samples()] + [b"", b"\0\xff", b"Subject: =?utf-8?q?=FF?=\n\n\xed\xa0\x80"]
    assert read_all(parser, raws) == ([Reading(parse_message(raw)) for raw in raws], [])
    assert read_all(parser) == ([Reading(parse_message(raw)) for raw in RAWS], []), "it should be ready for more"


def test_what_it_cannot_read_and_what_is_large_is_read_here(parser: BatchParser) -> None:
    started(parser)
    large = mail("large", size=LARGEST)
    assert read_all(parser, [RAWS[0], large, RAWS[1]])[0] == [
        Reading(parse_message(RAWS[0])), None, Reading(parse_message(RAWS[1])),
    ]  # fmt: skip


@pytest.mark.parametrize("messages", [0, 1, BACKLOG])
def test_no_process_is_started_for_few_messages(parser: BatchParser, messages: int) -> None:
    parser.expect(messages)
    assert parser.pid is None
    assert read_all(parser) == ([None] * len(RAWS), [])


def test_there_are_no_more_processes_than_cores_beside_this_one() -> None:
    parsers = [BatchParser() for _ in range((os.cpu_count() or 1) + 1)]
    for each in parsers:
        each.expect(BACKLOG + 1)
    running = [each for each in parsers if each.pid is not None]
    assert len(running) == (os.cpu_count() or 1) - 1
    for each in running:
        each.close()
    parsers[-1].expect(BACKLOG + 1)
    assert parsers[-1].close() == -signal.SIGKILL


def test_it_imports_neither_flask_nor_the_database() -> None:
    command = [sys.executable, "-I", "-X", "importtime", child.__file__]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=variables(), check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in imported if name.startswith("postmaster.") and name.count(".") == 1} == {
        "postmaster.parsing"
    }
    assert not imported & {"flask", "sqlalchemy", "structlog", "asyncio", "email", "logging", "ssl", "subprocess"}


def test_messages_behind_one_at_which_it_is_killed_are_read_here(parser: BatchParser) -> None:
    pid = started(parser)
    with capture_logs() as logs:
        readings = parser.readings(mails(5, size=200_000))  # more than the pipes hold
        assert next(readings) is not None
        os.kill(pid, signal.SIGKILL)
        rest = list(readings)
    assert rest[-1] is None
    assert [entry["code"] for entry in logs] == ["parser-ended"]
    assert is_gone(pid)
    assert read_all(parser) == ([None] * len(RAWS), []), "without a process all is read here"


def test_answers_that_nobody_took_are_answers_to_nothing_else(parser: BatchParser) -> None:
    pid = started(parser)
    readings = parser.readings(RAWS)
    next(readings)
    readings.close()  # type: ignore[attr-defined]
    assert is_gone(pid)
    assert read_all(parser)[0] == [None] * len(RAWS)


def end_at(monkeypatch: pytest.MonkeyPatch, *ends: tuple[int, signal.Signals]) -> list[int]:
    """Have processes end at the message of that number by that signal, one process each; gets their ids."""
    answer, rest, ended = batch_parser._ParseProcess._answer, list(ends), list[int]()

    def end(process: Any, number: int) -> Any:
        if rest and number == rest[0][0]:
            os.kill(process.pid, rest.pop(0)[1])
            wait_until(lambda: is_gone(process.pid), "its end")
            ended.append(process.pid)
            raise EOFError
        return answer(process, number)

    monkeypatch.setattr(batch_parser._ParseProcess, "_answer", end)
    return ended


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS], ids=lambda fault: fault.name)
def test_a_message_that_two_processes_crash_at_is_put_aside_and_the_others_are_read_here(
    parser: BatchParser, monkeypatch: pytest.MonkeyPatch, fault: signal.Signals
) -> None:
    started(parser)
    ended = end_at(monkeypatch, (1, fault), (1, fault))
    (culprit, *others), codes = read_all(parser)
    assert culprit is not None
    assert culprit.message is None
    assert fault.name in culprit.flaw
    assert others == [None] * (len(RAWS) - 1)
    assert codes == ["parser-ended", "parser-ended"]
    assert len(set(ended)) == 2


def test_a_message_that_takes_too_long_is_put_aside_at_once(
    parser: BatchParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(parser)
    end_at(monkeypatch, (2, child.TOO_LONG))
    (first, culprit, *others), codes = read_all(parser)
    assert first == Reading(parse_message(RAWS[0]))
    assert culprit is not None
    assert "seconds of processor time" in culprit.flaw
    assert (others, codes) == ([None] * (len(RAWS) - 2), ["parser-ended"])


@pytest.mark.parametrize("fault", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS], ids=lambda fault: fault.name)
def test_a_message_that_one_process_crashes_at_but_not_the_next_is_read(
    parser: BatchParser, monkeypatch: pytest.MonkeyPatch, fault: signal.Signals
) -> None:
    """A library replaced in place, or a failing disk, has nothing to do with the message."""
    started(parser)
    end_at(monkeypatch, (2, fault))
    found, codes = read_all(parser)
    assert found == [Reading(parse_message(RAWS[0])), Reading(parse_message(RAWS[1])), *[None] * (len(RAWS) - 2)]
    assert codes == ["parser-ended"]


def test_a_message_that_a_second_process_tells_nothing_of_is_read_here(
    parser: BatchParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(parser)
    end_at(monkeypatch, (1, signal.SIGSEGV), (1, signal.SIGKILL))
    assert read_all(parser) == ([None] * len(RAWS), ["parser-ended", "parser-ended"])
    started(parser)
    end_at(monkeypatch, (1, signal.SIGSEGV))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert read_all(parser) == ([None] * len(RAWS), ["parser-ended", "parser-not-started"])


def test_no_message_is_to_blame_for_a_crash_between_two_batches(parser: BatchParser) -> None:
    pid = started(parser)
    os.kill(pid, signal.SIGSEGV)
    wait_until(lambda: is_gone(pid), "its end")
    assert read_all(parser) == ([None] * len(RAWS), ["parser-ended"])


def test_a_message_that_takes_too_long_ends_it() -> None:
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(child.__file__)!r}); import child; "
        "child.PROCESSOR_SECONDS = 0.05; "
        "child.answer(sys.stdin.buffer, sys.stdout.buffer, lambda raw: any(iter(int, 1)))"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=variables()
    ) as process:
        assert process.stdin
        write_frame(process.stdin, Frame(1, b"endless"))
        write_frame(process.stdin, child.END)
        process.stdin.flush()
        assert process.wait(60) == -child.TOO_LONG


def test_one_that_hangs_is_given_up(parser: BatchParser, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = started(parser)
    monkeypatch.setattr(batch_parser, "BATCH_SECONDS", 0.2)
    os.kill(pid, signal.SIGSTOP)
    assert read_all(parser) == ([None] * len(RAWS), ["parser-ended"])
    assert is_gone(pid)


def test_where_it_cannot_be_started_all_is_read_here(parser: BatchParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with capture_logs() as logs:
        parser.expect(BACKLOG + 1)
    assert [entry["code"] for entry in logs] == ["parser-not-started"]
    assert read_all(parser) == ([None] * len(RAWS), [])
    monkeypatch.undo()
    started(parser)


@pytest.mark.parametrize("error", [MemoryError, RuntimeError, KeyboardInterrupt], ids=lambda error: error.__name__)
def test_whatever_keeps_it_from_starting_takes_no_place_for_good(
    parser: BatchParser, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def refuse(*_args: Any, **_options: Any) -> None:
        raise error

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(subprocess, "Popen", refuse)
        for _ in range(os.cpu_count() or 1):
            with nullcontext() if issubclass(error, Exception) else pytest.raises(error):
                parser.expect(BACKLOG + 1)
    assert {entry["code"] for entry in logs} == ({"parser-not-started"} if issubclass(error, Exception) else set())
    started(parser)


def test_while_it_is_not_ready_messages_are_read_here(parser: BatchParser, use: Callable[[str], None]) -> None:
    use("import sys; sys.stdin.read()")
    parser.expect(BACKLOG + 1)
    assert read_all(parser) == ([None] * len(RAWS), [])


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 11)"])
def test_one_that_ends_at_once_is_not_asked(parser: BatchParser, use: Callable[[str], None], end: str) -> None:
    use(end)
    parser.expect(BACKLOG + 1)
    pid = parser.pid
    assert pid is not None
    wait_until(lambda: is_gone(pid), "its end")
    assert read_all(parser) == ([None] * len(RAWS), ["parser-ended"])


@pytest.mark.parametrize(
    "code",
    [
        "answers.write(b'rubbish' * 10)",
        "write_frame(answers, Frame(1, b'rubbish'))",
        "write_frame(answers, Frame(1, pickle.dumps('a message')))",
        "write_frame(answers, Frame(2, b''))",
        "answers.write(b'\\xff' * 16)",
        "answers.write(b'\\0' * 15); answers.flush(); sys.exit()",
    ],
)
def test_an_answer_that_is_none_is_believed_in_nothing(
    parser: BatchParser, use: Callable[[str], None], code: str
) -> None:
    use(ANSWERING.format(folder=os.path.dirname(child.__file__), code=code))
    started(parser)
    assert read_all(parser) == ([None] * len(RAWS), ["parser-ended"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stop_that_is_meant_for_others_does_not_end_it(parser: BatchParser, number: signal.Signals) -> None:
    os.kill(started(parser), number)
    found, codes = read_all(parser)
    assert None not in found
    assert codes == []


def test_it_ends_with_what_it_reads() -> None:
    """Its standard input ends, and it says nothing of that."""
    command = [sys.executable, "-I", child.__file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=variables()
    ) as process:
        assert process.stdin
        assert process.stdout
        assert read_frame(process.stdout) == child.END
        write_frame(process.stdin, Frame(1, RAWS[0]))
        process.stdin.write(b"half a fra")
        process.stdin.close()
        assert process.wait(60) == 0
        assert process.stderr
        assert process.stderr.read() == b""


def test_it_has_none_of_our_settings(parser: BatchParser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTMASTER_SECRET_KEY", "swordfish")
    assert b"swordfish" not in Path(f"/proc/{started(parser)}/environ").read_bytes()


# Where a mailbox is fetched


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Small batches, and a process for any mailbox, which is waited for; gets the ids of those that were asked."""
    asked: list[int] = []
    is_ready = batch_parser._ParseProcess.is_ready

    def wait_ready(process: Any) -> bool:
        wait_until(lambda: is_ready(process), "the parser")
        asked.append(process.pid)
        return True

    monkeypatch.setattr(batch_parser, "BACKLOG", 0)
    monkeypatch.setattr(batches, "BATCH_MESSAGES", 20)
    monkeypatch.setattr(batch_parser._ParseProcess, "is_ready", wait_ready)
    return asked


# What tells one desk from another, whatever it fetches: tables and, by table, columns.
_OF_THE_DESK = {"account_state", "audit_event", "credential", "mail_account"}
_CHANCE = {"event": {"id", "key"}}


def rows_of(app: Flask) -> dict[str, list[dict[str, Any]]]:
    """All rows of the other tables, without moments and chance."""
    found = {}
    with app.app_context(), db.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name not in _OF_THE_DESK:
                left_out = _CHANCE.get(table.name, ())
                rows = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
                found[table.name] = [
                    {
                        name: value
                        for name, value in row.items()
                        if name not in left_out and not isinstance(value, datetime)
                    }
                    for row in rows
                ]
    return found


def fetched(folder: Path, raws: Sequence[bytes]) -> dict[str, list[dict[str, Any]]]:
    """The rows of a desk of its own that has fetched ``raws``."""
    app = create_app(load_environment({"POSTMASTER_DATA_DIR": str(folder)}))
    desk = Desk(runner_of(app))
    with Pop3Server(raws) as server:
        credential = desk.credential("anna", server.password)
        desk.add_account(type="POP3", host=server.host, port=server.port, credential=credential)
        assert desk.fetch_one()["left"] == 0
        assert server.messages == []
    with app.app_context():
        db.engine.dispose()
    return rows_of(app)


@pytest.mark.database("sqlite")
def test_a_mailbox_becomes_the_same_rows_as_without_the_process(
    tmp_path: Path, eager: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_parser, "LARGEST", 20_000)  # some of the samples are read here
    raws = [sample.raw for sample in samples()]
    beside = fetched(tmp_path / "beside", raws)
    assert len(set(eager)) == 1
    assert len(eager) >= len(raws) // 20
    monkeypatch.setattr(batch_parser, "BACKLOG", len(raws))
    assert fetched(tmp_path / "plain", raws) == beside
    assert len(beside["article"]) > 150


@pytest.mark.usefixtures("eager")
def test_a_process_that_is_killed_over_a_batch_costs_no_message(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = batch_parser._ParseProcess._answer

    def killed(process: Any, number: int) -> Any:
        if number == 30:
            os.kill(process.pid, signal.SIGKILL)
        return answer(process, number)

    monkeypatch.setattr(batch_parser._ParseProcess, "_answer", killed)
    mailbox.deliver(*mails(60))
    desk.account(mailbox)
    assert desk.fetch_one()["new"] == 60
    assert desk.titles() == expected(60)
    assert mailbox.count() == 0


@pytest.mark.usefixtures("eager")
def test_a_message_that_crashes_the_parser_twice_goes_to_quarantine_alone(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_at(monkeypatch, (7, signal.SIGSEGV), (1, signal.SIGSEGV))
    mailbox.deliver(*mails(30))
    desk.account(mailbox)
    row = desk.fetch_one()
    assert (row["new"], row["quarantined"]) == (29, 1)
    [held] = desk.ok("quarantine", "list", "--json").json_lines
    assert "SIGSEGV" in held["error"]
    assert desk.titles() == expected(30) - Counter({"mail 6": 1})


@pytest.mark.usefixtures("eager")
def test_a_message_at_which_the_parser_crashed_once_becomes_a_ticket(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = end_at(monkeypatch, (7, signal.SIGSEGV))
    mailbox.deliver(*mails(30))
    desk.account(mailbox)
    row = desk.fetch_one()
    assert (row["new"], row["quarantined"]) == (30, 0)
    assert len(ended) == 1
    assert desk.titles() == expected(30)
    assert mailbox.count() == 0


def test_an_account_with_little_mail_starts_no_process(
    desk: Desk, mailbox: TestMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_parser, "_ParseProcess", lambda: pytest.fail("a process is started"))
    desk.account(mailbox)
    assert desk.fetch_one()["found"] == 0
    mailbox.deliver(*mails(5))
    assert desk.fetch_one()["new"] == 5


@pytest.mark.database("sqlite")
def test_a_run_that_is_killed_over_a_batch_takes_its_process_with_it(
    desk: Desk, mailbox: TestMailbox, environ: dict[str, str], flask_process: FlaskProcesses
) -> None:
    mailbox.deliver(*mails(10))
    desk.account(mailbox)
    killed = flask_process(environ, "IMAP", ANSWERED, "6", "fetch", module="tests.fetching.fetch_and_die")
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    [pid] = set(map(int, killed.stdout.split()))
    wait_until(lambda: is_gone(pid), "the end of the process")
    desk.fetch_one()
    assert desk.titles() == expected(10)
    assert mailbox.count() == 0
