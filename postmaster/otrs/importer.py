"""Taking over what a dump holds: each row through the service that its page uses, so that the same rules hold.

Rows that are refused are left out, with the reason; all others are taken, in the caller's transaction. Taking the same
dump twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.errors import PostMasterError
from postmaster.otrs.accounts import AccountTaker
from postmaster.otrs.desk_rows import AddressTaker, QueueTaker
from postmaster.otrs.dump import Dump
from postmaster.otrs.filters import FilterTaker, filters_of
from postmaster.otrs.lists import LIST_TABLES, ListTaker
from postmaster.otrs.module_filters import ModuleFilterTaker
from postmaster.otrs.names import Names
from postmaster.otrs.oauth import OAuthTaker, try_tokens
from postmaster.otrs.report import ImportLine, ImportReport, Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.settings import SettingTaker
from postmaster.otrs.tables import ACCOUNT_ADDITIONS, DROPPED, DROPPED_COLUMNS, MEANINGS, TABLES
from postmaster.otrs.upsert import Result
from postmaster.resources.models import Validity

_ORDER = {table: place for place, table in enumerate(TABLES)}


@dataclass(frozen=True)
class Task:
    """Rows of one kind, what each is called in the report, and how it is taken. ``finish`` comes after the last."""

    rows: Iterable[DumpRow]
    called: Callable[[DumpRow], str]
    take: Callable[[DumpRow], Result]
    finish: Callable[[], None] = lambda: None
    warnings: Callable[[], Iterable[str]] = lambda: ()


@dataclass
class TakeOver:
    """Taking over one dump. ``report`` says what became of its rows."""

    dump: Dump
    report: ImportReport
    oauth: OAuthTaker

    def try_credentials(self) -> None:
        """See whether the tokens that were taken are good, once the caller has committed; the report says so."""
        for row, credential_id in self.oauth.new:
            self.report.say_of(row, *filter(None, [try_tokens(credential_id)]))


def take_over(session: Session, dump: Dump, actor: str) -> TakeOver:
    """Take all rows of ``dump``, in the order in which they need each other. The caller commits."""
    report = ImportReport()
    for flawed in dump.unreadable:
        why = f"It cannot be read: {flawed.why}."
        report.lines.append(ImportLine(flawed.line, flawed.table, "a row", Taken.LEFT_OUT, why, "unreadable"))
    names = Names(dump)
    oauth = OAuthTaker(session, dump, names, actor)
    for task in (*_tasks(session, dump, names, oauth, actor), *_dropped(dump)):
        table = ""
        for row in task.rows:
            table = row.table
            _take(session, report, row, task)
        task.finish()
        for warning in task.warnings():
            report.warn(table, warning)
    if foreign := next((row for row in dump.rows if any(map(_is_other_text, row.values.values()))), None):
        report.warn(foreign.table, f"Line {foreign.line}, for one, is not in UTF-8. {_IN_UTF_8}")
    for dropped in DROPPED_COLUMNS:
        if any(row.get(name) not in ("", "0") for row in dump.of(dropped.table) for name in dropped.columns):
            report.tell(dropped.table, ", ".join(dropped.columns), dropped.instead)
    report.lines.sort(key=lambda line: (_ORDER[line.table], line.line or 1 << 60))
    return TakeOver(dump, report, oauth)


_IN_UTF_8 = "Make the dump with --default-character-set=utf8mb4, or with --encoding=UTF8 of pg_dump."


def _is_other_text(value: str | None) -> bool:
    """Whether a value has bytes that are not UTF-8; those that the database has as bytes never are."""
    return value is not None and not value.isascii() and any("\udc80" <= char <= "\udcff" for char in value)


def _take(session: Session, report: ImportReport, row: DumpRow, task: Task) -> None:
    try:
        with session.begin_nested():
            result = task.take(row)
    except PostMasterError as error:
        report.add(row, task.called(row), Taken.LEFT_OUT, str(error), error.code)
    else:
        report.add(row, task.called(row), result.taken, result.detail, by_hand=result.by_hand)


def _tasks(session: Session, dump: Dump, names: Names, oauth: OAuthTaker, actor: str) -> Iterator[Task]:
    """A queue is set invalid only after another one is the default, which the settings say."""
    queues, addresses = QueueTaker(session, names, actor), AddressTaker(session, names, actor)
    accounts, filters = AccountTaker(session, names, oauth, actor), FilterTaker(session, actor)
    settings = SettingTaker(session, ModuleFilterTaker(filters), actor)
    valid = [row for row in dump.of("queue") if names.validity(row) == Validity.VALID]
    others = [row for row in dump.of("queue") if names.validity(row) != Validity.VALID]
    for table, noun in MEANINGS.items():
        yield Task(dump.of(table), _named(noun), lambda _row: Result(Taken.PASSED_OVER, "It says what its id means."))
    for kind in LIST_TABLES:
        taker = ListTaker(session, names, kind, actor)
        yield Task(dump.of(kind.table), taker.called, taker.take, taker.finish)
    yield Task(valid, _named("queue"), queues.take)
    yield Task(dump.of("sysconfig_modified"), lambda row: f"setting {row.get('name')}", settings.take)
    yield Task(others, _named("queue"), queues.take)
    yield Task(dump.of("system_address"), lambda row: f"address {row.get('value0')}", addresses.take)
    yield Task(dump.of("oauth2_token_config"), _named("OAuth2"), oauth.take)
    yield Task(dump.of("oauth2_token"), lambda row: f"tokens of {row.get('token_config_id')}", oauth.take_token)
    yield Task(dump.of(ACCOUNT_ADDITIONS), lambda row: f"mail account {row.get('mail_account_id')}", _is_added)
    yield Task(dump.of("mail_account"), _account, accounts.take, warnings=accounts.warnings)
    yield Task(filters_of(dump), _named("filter"), filters.take)


def _dropped(dump: Dump) -> Iterator[Task]:
    """What is not taken: a line for each row that has a name, else one for the table."""
    for table, dropped in DROPPED.items():
        rows, taken = dump.of(table), Taken.LEFT_OUT if dropped.by_hand else Taken.PASSED_OVER
        result = Result(taken, dropped.instead)
        if dropped.name:
            yield Task(rows, _named(table.replace("_", " ")), lambda _row, result=result: result)  # type: ignore[misc]
        elif rows:
            words = f"{dump.counts[table]} row{'s' if dump.counts[table] > 1 else ''} of {table}"
            yield Task(rows[:1], lambda _row, words=words: words, lambda _row, result=result: result)  # type: ignore[misc]


def _is_added(_row: DumpRow) -> Result:
    return Result(Taken.PASSED_OVER, "It says how the account signs in; see what is said of that.")


def _named(noun: str) -> Callable[[DumpRow], str]:
    return lambda row: f"{noun} “{row.get('name')}”"


def _account(row: DumpRow) -> str:
    return f"mail account {row.get('id')}, {row.get('login')} on {row.get('host')}"
