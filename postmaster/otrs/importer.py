"""Taking over what a dump holds: each row through the service that its page uses, so that the same rules hold.

Rows that are refused are left out, with the reason; all others are taken, in the caller's transaction. Taking the same
dump twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from postmaster.desk.addresses import AddressService
from postmaster.desk.queues import QueueService
from postmaster.errors import PostMasterError
from postmaster.otrs.accounts import AccountTaker
from postmaster.otrs.dump import TABLES, Dump
from postmaster.otrs.filters import FilterTaker, filters_of
from postmaster.otrs.names import Names
from postmaster.otrs.report import ImportLine, ImportReport, Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.settings import SettingTaker, concerns_mail
from postmaster.otrs.upsert import Result, Upserter
from postmaster.resources.models import Validity


@dataclass(frozen=True)
class Task:
    """Rows of one kind, what each is called in the report, and how it is taken."""

    rows: Iterable[DumpRow]
    called: Callable[[DumpRow], str]
    take: Callable[[DumpRow], Result]


def take_over(session: Session, dump: Dump, actor: str) -> ImportReport:
    """Take all rows of ``dump``, in the order in which they need each other. The caller commits."""
    report = ImportReport()
    for flawed in dump.unreadable:
        why = f"It cannot be read: {flawed.why}."
        report.lines.append(ImportLine(flawed.line, flawed.table, "a row", Taken.LEFT_OUT, why, "unreadable"))
    for task in _tasks(session, dump, actor):
        for row in task.rows:
            _take(session, report, row, task)
    report.lines.sort(key=lambda line: (TABLES.index(line.table), line.line))
    return report


def _take(session: Session, report: ImportReport, row: DumpRow, task: Task) -> None:
    try:
        with session.begin_nested():
            result = task.take(row)
    except PostMasterError as error:
        report.add(row, task.called(row), Taken.LEFT_OUT, str(error), error.code)
    else:
        report.add(row, task.called(row), result.taken, result.detail, by_hand=result.by_hand)


def _tasks(session: Session, dump: Dump, actor: str) -> Iterable[Task]:
    """A queue is set invalid only after another one is the default, which the settings say."""
    names = Names(dump)
    queues, addresses = Upserter(QueueService(session, actor)), Upserter(AddressService(session, actor))
    accounts, settings = AccountTaker(session, names, actor), SettingTaker(session, actor)
    valid = [row for row in dump.of("queue") if names.validity(row) == Validity.VALID]
    others = [row for row in dump.of("queue") if names.validity(row) != Validity.VALID]

    def take_queue(row: DumpRow) -> Result:
        return queues.bring(_queue_item(row, names))

    def take_address(row: DumpRow) -> Result:
        return addresses.bring(_address_item(row, names))

    yield Task(valid, _queue, take_queue)
    yield Task(filter(concerns_mail, dump.of("sysconfig_modified")), _setting, settings.take)
    yield Task(others, _queue, take_queue)
    yield Task(dump.of("system_address"), _address, take_address)
    yield Task(dump.of("mail_account"), _account, accounts.take)
    yield Task(filters_of(dump), _filter, FilterTaker(session, actor).take)


def _queue_item(row: DumpRow, names: Names) -> dict[str, str]:
    return {
        "name": row.get("name"),
        "follow_up": names.policy(row),
        "number": row.get("id"),
        "validity": names.validity(row),
        "comment": row.get("comments"),
    }


def _address_item(row: DumpRow, names: Names) -> dict[str, str]:
    return {
        "address": row.get("value0"),
        "name": row.get("value1").strip() or row.get("value0"),
        "queue": names.queue(row.get("queue_id")),
        "validity": names.validity(row),
        "comment": row.get("comments"),
    }


def _queue(row: DumpRow) -> str:
    return f"queue “{row.get('name')}”"


def _address(row: DumpRow) -> str:
    return f"address {row.get('value0')}"


def _account(row: DumpRow) -> str:
    return f"mail account {row.get('id')}, {row.get('login')} on {row.get('host')}"


def _filter(row: DumpRow) -> str:
    return f"filter “{row.get('name')}”"


def _setting(row: DumpRow) -> str:
    return f"setting {row.get('name')}"
