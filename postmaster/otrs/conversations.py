"""Running conversations: tickets of a dump with what their mail is known by, so that answers find them from now on.

No article comes along. Each batch is a transaction of its own, in which no mail is decided on. A ticket is recognised
by its number, so whoever was cut off begins anew, and what is here already stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.orm import Session

from postmaster.bulk import among, columns_of, insert_columns, insert_rows
from postmaster.database import dialect_of, insert_into, transaction
from postmaster.desk.models import ImportedTicket, Ticket, TicketMerge
from postmaster.desk.tickets import add_field_keys, renew_field_keys
from postmaster.extensions import Json
from postmaster.ledger.apply import add_keys, lock_deciding
from postmaster.otrs.mapping import TicketMapper
from postmaster.otrs.report import ImportLine, Taken
from postmaster.otrs.staging import StagedTicket, Staging, staged
from postmaster.parsing.ids import parse_id
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.resources.audit import audit
from postmaster.resources.models import Validity
from postmaster.resources.named_service import printable

MAX_NUMBER = 30

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


def take_conversations(file: IO[bytes], days: int, actor: str, commit: Commit) -> ConversationReport:
    """Take the tickets of a dump that have not been closed for longer than ``days``.

    ``commit`` carries out each batch in a transaction. Raises InputError if the dump cannot be used; what was taken
    until then stays, and the next attempt goes on from there.
    """
    report = ConversationReport()
    with staged(file) as staging:
        for flawed in staging.unreadable:
            report.leave_out(flawed.line, flawed.table, f"It cannot be read: {flawed.why}.", "unreadable")
        mapper: list[TicketMapper] = []
        commit(lambda session: mapper.append(TicketMapper(session, staging, report.notes, days)))
        commit(lambda session: _note_missing_fields(session, staging, report))
        for batch in staging.batches():
            commit(_step(batch, mapper[0], report))
        commit(lambda session: _merge(session, staging.merged()))
    commit(lambda session: _audit(session, actor, report))
    return report


def _note_missing_fields(session: Session, staging: Staging, report: ConversationReport) -> None:
    """Say so if filters find tickets by fields, and no ticket of the dump has any."""
    valid = PostmasterFilter.validity == Validity.VALID
    wanted = select(PostmasterFilter.followup_field).where(valid, PostmasterFilter.followup_field.is_not(None))
    if not staging.has_fields and (names := sorted({*filter(None, session.scalars(wanted))})):
        report.notes[
            f"Filters find tickets by {', '.join(names)}, and no ticket of the dump has a dynamic field: dump the "
            "tables dynamic_field and dynamic_field_value as well."
        ] += 1


def in_transaction(step: Callable[[Session], None]) -> None:
    """Carry out a step in a transaction of its own."""
    with transaction() as session:
        step(session)


def _step(batch: Sequence[StagedTicket], mapper: TicketMapper, report: ConversationReport) -> Callable[[Session], None]:
    return lambda session: _take_batch(session, batch, mapper, report)


def _audit(session: Session, actor: str, report: ConversationReport) -> None:
    told = {taken.value: report.counts[taken] for taken in (Taken.CREATED, Taken.CHANGED) if report.counts[taken]}
    if told:
        audit(session, actor, "import", "conversations", "OTRS", told)


def _take_batch(
    session: Session, batch: Sequence[StagedTicket], mapper: TicketMapper, report: ConversationReport
) -> None:
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
    batch: Sequence[StagedTicket], mapper: TicketMapper, report: ConversationReport
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
    ids = insert_rows(session, Ticket, rows)
    add_field_keys(session, zip(ids, (row["dynamic_fields"] for row in rows), strict=True))
    marks = [{"ticket_id": number, "changed_at": row["changed_at"]} for number, row in zip(ids, rows, strict=True)]
    insert_columns(session, ImportedTicket, columns_of(marks))
    return ids


def _follow(session: Session, here: Row[Any], columns: Json) -> Taken:
    """Let a ticket follow a newer dump, as long as nothing was done with it here."""
    changes = {name: value for name, value in columns.items() if getattr(here, name) != value}
    if here.changed_at != here.imported_at or not changes:
        return Taken.UNCHANGED
    session.execute(update(Ticket).where(Ticket.id == here.id).values(**changes))
    if "dynamic_fields" in changes:
        renew_field_keys(session, {here.id: columns["dynamic_fields"]})
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
