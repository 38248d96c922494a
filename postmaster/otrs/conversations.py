"""Running conversations: tickets of a dump with what their mail is known by, so that answers find them from now on.

No article comes along. Each batch is a transaction of its own, in which no mail is decided on. A ticket is recognised
by its number, so whoever was cut off begins anew, and what is here already stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import IO, Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.orm import Session

from postmaster.bulk import among, columns_of, insert_columns, insert_rows
from postmaster.database import dialect_of, insert_into, transaction
from postmaster.desk.models import ImportedTicket, Queue, Ticket, TicketMerge
from postmaster.extensions import Json, now
from postmaster.ledger.apply import add_keys, lock_deciding
from postmaster.otrs.names import STATE_KINDS
from postmaster.otrs.report import ImportLine, Taken
from postmaster.otrs.staging import StagedMail, StagedTicket, Staging, staged
from postmaster.parsing.address_key import address_key
from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.ids import parse_id
from postmaster.resources.audit import audit
from postmaster.resources.service import printable
from postmaster.system.list_settings import DEFAULT_PRIORITY, DEFAULT_TYPE, STATE_LIST
from postmaster.system.lists import StateKind, named
from postmaster.system.settings import DEFAULT_QUEUE, Configuration, read_configuration

MAX_NUMBER, MAX_TITLE, MAX_CUSTOMER, MAX_WORD = 30, 1000, 320, 100

# Message-IDs of one ticket that are kept: the newest.
MAX_KEYS = 500

# Lines of the report about single tickets.
MAX_LINES = 1000

Commit = Callable[[Callable[[Session], None]], None]


@dataclass
class ConversationReport:
    """How many tickets became what, what to know of many, and lines about those that were left out."""

    counts: Counter[Taken] = field(default_factory=Counter)
    keys: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    lines: list[ImportLine] = field(default_factory=list)

    def leave_out(self, line: int, what: str, detail: str, code: str) -> None:
        """Note that a ticket was left out."""
        self.counts[Taken.LEFT_OUT] += 1
        if len(self.lines) < MAX_LINES:
            self.lines.append(ImportLine(line, "ticket", printable(what), Taken.LEFT_OUT, printable(detail), code))

    def as_json(self) -> Json:
        """As ``--json`` prints it."""
        counts = {taken.value.replace("-", "_"): self.counts[taken] for taken in Taken}
        return {**counts, "message_ids": self.keys, "notes": [*self.notes], "lines": [x.as_json() for x in self.lines]}

    @property
    def needs_hand(self) -> bool:
        """Whether somebody has to see to something."""
        return bool(self.notes or self.counts[Taken.LEFT_OUT])


class _Mapper:
    """From a ticket of the dump to what is stored here."""

    def __init__(self, session: Session, staging: Staging, report: ConversationReport, days: int) -> None:
        configuration = read_configuration(session)
        self._staging = staging
        self._report = report
        self._since = now() - timedelta(days=days)
        self._states = configuration[STATE_LIST]
        self._defaults = {"priority": configuration[DEFAULT_PRIORITY], "type": configuration[DEFAULT_TYPE]}
        self._queues = {name: number for number, name in session.execute(select(Queue.id, Queue.name))}
        self._default_queue = _default_queue(configuration, self._queues)
        self._state_of = cache(self._find_state)
        self._queue_of = cache(self._find_queue)

    def is_over(self, row: Json) -> bool:
        """Whether a ticket has been closed for too long."""
        found = named(self._states, row["state"])
        return found is not None and found.kind.is_closed and row["changed_at"] < self._since

    def row_of(self, ticket: StagedTicket) -> Json:
        """The columns of a ticket."""
        values = ticket.values
        state, kind = self._state_of(values["ticket_state_id"])
        changed = _moment(values["change_time"]) or self._since
        return {
            "number": values["tn"].strip(),
            "title": _line(values["title"], MAX_TITLE) or "(no subject)",
            "queue_id": self._queue_of(values["queue_id"]),
            "state": state,
            "pending_time": _pending(values["until_time"]) if kind.is_pending else None,
            "priority": self._name("ticket_priority", values["ticket_priority_id"]) or self._defaults["priority"],
            "type": self._name("ticket_type", values["type_id"]) or self._defaults["type"],
            "service": self._name("service", values["service_id"]),
            "sla": self._name("sla", values["sla_id"]),
            "lock": self._lock_of(values["ticket_lock_id"]),
            "owner": self._name("users", values["user_id"]),
            "responsible": self._name("users", values["responsible_user_id"]),
            "customer_id": _line(values["customer_id"], MAX_CUSTOMER) or None,
            "customer_user": _line(values["customer_user_id"], MAX_CUSTOMER) or None,
            "created_at": _moment(values["create_time"]) or changed,
            "changed_at": changed,
            **_sender(ticket.mails),
        }

    def _lock_of(self, number: str) -> str:
        name = self._staging.names["ticket_lock_type"].get(number, "unlock" if number in ("", "1") else "lock")
        return "unlock" if name == "unlock" else "lock"

    def _name(self, table: str, number: str) -> str | None:
        return _line(self._staging.names[table].get(number, ""), MAX_WORD) or None

    def _find_state(self, number: str) -> tuple[str, StateKind]:
        """The state here, and its kind: the one of that name, or else the first of its kind."""
        name = self._staging.names["ticket_state"].get(number, number)
        if found := named(self._states, name):
            return found.name, found.kind
        type_id = self._staging.types_of_states.get(number, "")
        kind = self._staging.names["ticket_state_type"].get(type_id) or STATE_KINDS.get(type_id, "open")
        like = next((state for state in self._states if state.kind == kind), None) or self._states[0]
        self._report.notes[f"The state “{name}” is not in {STATE_LIST.name}: its tickets are “{like.name}”."] += 1
        return like.name, like.kind

    def _find_queue(self, number: str) -> int:
        name = self._staging.names["queue"].get(number, number)
        if name in self._queues:
            return self._queues[name]
        there = next(each for each, queue_id in self._queues.items() if queue_id == self._default_queue)
        self._report.notes[f"The queue “{name}” is not here: its tickets are in “{there}”."] += 1
        return self._default_queue


def take_conversations(file: IO[bytes], days: int, actor: str, commit: Commit) -> ConversationReport:
    """Take the tickets of a dump that have not been closed for longer than ``days``.

    ``commit`` carries out each batch in a transaction. Raises InputError if the dump cannot be used; what was taken
    until then stays, and the next attempt goes on from there.
    """
    report = ConversationReport()
    with staged(file) as staging:
        for flawed in staging.unreadable:
            report.leave_out(flawed.line, flawed.table, f"It cannot be read: {flawed.why}.", "unreadable")
        mapper: list[_Mapper] = []
        commit(lambda session: mapper.append(_Mapper(session, staging, report, days)))
        for batch in staging.batches():
            commit(_step(batch, mapper[0], report))
        commit(lambda session: _merge(session, staging.merged()))
    commit(lambda session: _audit(session, actor, report))
    return report


def in_transaction(step: Callable[[Session], None]) -> None:
    """Carry out a step in a transaction of its own."""
    with transaction() as session:
        step(session)


def _step(batch: Sequence[StagedTicket], mapper: _Mapper, report: ConversationReport) -> Callable[[Session], None]:
    return lambda session: _take_batch(session, batch, mapper, report)


def _audit(session: Session, actor: str, report: ConversationReport) -> None:
    told = {taken.value: report.counts[taken] for taken in (Taken.CREATED, Taken.CHANGED) if report.counts[taken]}
    if told:
        audit(session, actor, "import", "conversations", "OTRS", told)


def _take_batch(session: Session, batch: Sequence[StagedTicket], mapper: _Mapper, report: ConversationReport) -> None:
    lock_deciding(session)
    wanted = _wanted(batch, mapper, report)
    there = {row.number: row for row in session.execute(_there(dialect_of(session)), {"numbers": sorted(wanted)})}
    ids: dict[str, int] = {}
    for number, row in there.items():
        ticket, columns = wanted[number]
        if row.imported_at is None:
            detail = "The number belongs to a ticket that was opened here; answers to it go there."
            report.leave_out(ticket.line, f"ticket {number}", detail, "number-taken")
        else:
            ids[number] = row.id
            report.counts[_follow(session, row, columns)] += 1
    absent = [columns for number, (_, columns) in wanted.items() if number not in there]
    new = [columns for columns in absent if not mapper.is_over(columns)]
    report.counts[Taken.PASSED_OVER] += len(absent) - len(new)
    ids |= zip((columns["number"] for columns in new), _insert(session, new), strict=True)
    report.counts[Taken.CREATED] += len(new)
    keys = [(key, ids[number]) for number, (ticket, _) in wanted.items() if number in ids for key in _keys(ticket)]
    report.keys += len(keys)
    add_keys(session, [{"key": key, "ticket_id": ticket_id, "own": True} for key, ticket_id in keys])


def _wanted(
    batch: Sequence[StagedTicket], mapper: _Mapper, report: ConversationReport
) -> dict[str, tuple[StagedTicket, Json]]:
    """The tickets of a batch with what they would be here, by their numbers."""
    wanted: dict[str, tuple[StagedTicket, Json]] = {}
    for ticket in batch:
        number = ticket.values["tn"].strip()
        if not number or len(number) > MAX_NUMBER or printable(number) != number or number in wanted:
            detail = "Its number is empty, too long, or there twice."
            report.leave_out(ticket.line, f"ticket {number[:40]}", detail, "bad-number")
        else:
            wanted[number] = (ticket, mapper.row_of(ticket))
    return wanted


def _insert(session: Session, rows: Sequence[Json]) -> list[int]:
    if not rows:
        return []
    ids = insert_rows(session, Ticket, [{**row, "dynamic_fields": {}} for row in rows])
    marks = [{"ticket_id": number, "changed_at": row["changed_at"]} for number, row in zip(ids, rows, strict=True)]
    insert_columns(session, ImportedTicket, columns_of(marks))
    return ids


def _follow(session: Session, here: Row[Any], columns: Json) -> Taken:
    """Let a ticket follow a newer dump, as long as nothing was done with it here."""
    changes = {name: value for name, value in columns.items() if getattr(here, name) != value}
    if here.changed_at != here.imported_at or not changes:
        return Taken.UNCHANGED
    session.execute(update(Ticket).where(Ticket.id == here.id).values(**changes))
    mark = update(ImportedTicket).where(ImportedTicket.ticket_id == here.id)
    session.execute(mark.values(changed_at=columns["changed_at"]))
    return Taken.CHANGED


@cache
def _there(dialect: str) -> Select[Any]:
    """The tickets with these numbers, and what those that were imported before were then."""
    joined = select(*Ticket.__table__.columns, ImportedTicket.changed_at.label("imported_at"))
    marked = joined.select_from(Ticket).outerjoin(ImportedTicket, ImportedTicket.ticket_id == Ticket.id)
    return marked.where(among(dialect, Ticket.number, "numbers"))


def _merge(session: Session, pairs: Iterable[tuple[str, str]]) -> None:
    """Let numbers of tickets that were merged there lead to where they went."""
    for number, into in pairs:
        both = select(Ticket.number, Ticket.id).where(Ticket.number.in_((number, into)))
        ids = {row.number: row.id for row in session.execute(both)}
        if number in ids and into in ids and session.get(ImportedTicket, ids[number]) is not None:
            statement = insert_into(dialect_of(session), TicketMerge).on_conflict_do_nothing()
            session.execute(statement.values(ticket_id=ids[number], into_id=ids[into]))


def _keys(ticket: StagedTicket) -> list[str]:
    """The Message-IDs of its mail, the newest ``MAX_KEYS``."""
    found = (parse_id(mail.message_id) for mail in ticket.mails[-MAX_KEYS:] if mail.message_id)
    return [*dict.fromkeys(printable(key) for key in found if key)]


def _sender(mails: Sequence[StagedMail]) -> dict[str, str]:
    """Who wrote the first mail of a customer: his number in a subject counts."""
    first = next((mail.sender for mail in mails if mail.by_customer and mail.sender), "")
    for address in parse_addresses(printable(first)) if first else ():
        if address.address:
            return {"sender_name": address.name[:200], "sender_address": address_key(address.address)[:320]}
    return {"sender_name": "", "sender_address": ""}


def _default_queue(configuration: Configuration, queues: dict[str, int]) -> int:
    return queues.get(configuration[DEFAULT_QUEUE]) or min(queues.values())


def _line(text: str, limit: int) -> str:
    return " ".join(printable(text).split())[:limit]


def _moment(text: str) -> datetime | None:
    """A moment, which the database has in UTC."""
    try:
        return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None


def _pending(text: str) -> datetime | None:
    """When a pending ticket is due, in seconds since 1970."""
    seconds = int(text) if text.isdecimal() else 0
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 1 << 33 else None
