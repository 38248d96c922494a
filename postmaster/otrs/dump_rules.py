"""What the rules of a dump say about a message: its filters, addresses, settings and tickets, whatever is here.

Headers are tested and values filled in by the same code as here; what a value means is asked of the dump alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial

from postmaster.errors import InputError
from postmaster.extensions import Json
from postmaster.otrs.documents import scalar
from postmaster.otrs.dump import Dump
from postmaster.otrs.module_filters import ModuleFilter, is_active, module_filters
from postmaster.otrs.names import Names
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.staging import Staging
from postmaster.parsing.address_key import address_key
from postmaster.parsing.message import ParsedMessage
from postmaster.pipeline.context import recipients
from postmaster.pipeline.filters.matching import CompiledFilter, Filtered, MailView, run_filters
from postmaster.pipeline.filters.patterns import HeaderAssignment, match_condition, not_match_condition
from postmaster.pipeline.ticket_numbers import Hook, find_numbers
from postmaster.pipeline.verdict import NO_VERDICT
from postmaster.pipeline.x_otrs_headers import FOLLOWUP_PREFIX, PREFIX, Control, as_otrs
from postmaster.resources.models import Validity
from postmaster.resources.readers import InvalidValue

IGNORED, NEW, FOLLOW_UP, REJECTED = "ignored", "new", "follow-up", "rejected"

# Settings that decide, and what they are there until somebody changes them.
_DEFAULTS = {
    "Ticket::Hook": "Ticket#",
    "Ticket::HookDivider": "",
    "PostmasterDefaultQueue": "Raw",
    "PostmasterDefaultState": "new",
    "PostmasterDefaultPriority": "3 normal",
    "PostmasterFollowUpState": "open",
    "PostmasterFollowUpStateClosed": "",
}

# Tables of what a header names, with the column of the name, by the header.
_LISTS = {"Queue": "queue", "State": "ticket_state", "Priority": "ticket_priority"}

_CLOSED = ("closed", "merged", "removed")


@dataclass
class Fate:
    """What becomes of a message. Without a ticket all but ``outcome`` is empty."""

    outcome: str
    queue: str = ""
    state: str = ""
    priority: str = ""
    customer: str = ""
    follow_up_of: str = ""

    def as_json(self) -> Json:
        """As ``--json`` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """The ticket that a message belongs to there, with what ids mean."""

    number: str
    queue: str
    state: str
    kind: str
    priority: str
    customer: str


@dataclass
class DumpRules:
    """The rules of a dump. ``flaws`` are of filters that cannot be tried; ``staging`` has its tickets, if any."""

    dump: Dump
    staging: Staging | None = None
    flaws: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = Names(self.dump)
        self._settings = {**_DEFAULTS, **_settings(self.dump.of("sysconfig_modified"))}
        self._lists = {name: _by_id(self.dump.of(table)) for name, table in _LISTS.items()}
        self._policies = {row.get("name"): self._names.policy(row) for row in self.dump.of("queue")}
        self._addresses = self._valid_addresses()
        self._filters = [*self._compiled()]
        self._logins = {address_key(row.get("email")): row.get("login") for row in self.dump.of("customer_user")}

    def judge(self, message: ParsedMessage) -> Fate:
        """What becomes of a message of an account that is not trusted, and dispatches by the To: field."""
        view = MailView(message, trusted=False, verdict=NO_VERDICT)
        filtered = run_filters(self._filters, view, account_id=None)
        controls = filtered.controls
        if _value(controls, PREFIX, "Ignore").lower() in ("yes", "true", "1"):
            return Fate(IGNORED)
        found = self._ticket_of(message, filtered)
        if found is None or (found.kind in _CLOSED and self._policies.get(found.queue) == "new-ticket"):
            return self._new(message, controls)
        return self._follow_up(found, controls)

    def _new(self, message: ParsedMessage, controls: dict[str, Control]) -> Fate:
        by_address = (self._addresses[key] for key in recipients(message) if key in self._addresses)
        queue = self._named("Queue", controls, PREFIX) or next(by_address, self._settings["PostmasterDefaultQueue"])
        sender = address_key(message.from_.address) if message.from_ else ""
        return Fate(
            NEW,
            queue,
            self._named("State", controls, PREFIX) or self._settings["PostmasterDefaultState"],
            self._named("Priority", controls, PREFIX) or self._settings["PostmasterDefaultPriority"],
            _value(controls, PREFIX, "CustomerUser") or self._logins.get(sender, sender),
        )

    def _follow_up(self, found: Found, controls: dict[str, Control]) -> Fate:
        rejected = found.kind in _CLOSED and self._policies.get(found.queue) == "reject"
        state = found.state if rejected or found.kind == "new" else self._followup_state(found)
        fate = Fate(
            REJECTED if rejected else FOLLOW_UP, found.queue, state, found.priority, found.customer, found.number
        )
        if not rejected:
            fate.queue = self._named("Queue", controls, FOLLOWUP_PREFIX) or fate.queue
            fate.state = self._named("State", controls, FOLLOWUP_PREFIX) or fate.state
            fate.priority = self._named("Priority", controls, FOLLOWUP_PREFIX) or fate.priority
        return fate

    def _followup_state(self, found: Found) -> str:
        closed = self._settings["PostmasterFollowUpStateClosed"] if found.kind in _CLOSED else ""
        return closed or self._settings["PostmasterFollowUpState"]

    def _named(self, name: str, controls: dict[str, Control], prefix: str) -> str:
        """What a header names, by its ID or its name, if the dump has it."""
        entries = self._lists[name]
        by_id = entries.get(_value(controls, prefix, f"{name}ID"), "")
        wanted = _value(controls, prefix, name).casefold()
        return by_id or next((entry for entry in entries.values() if entry.casefold() == wanted), "")

    def _ticket_of(self, message: ParsedMessage, filtered: Filtered) -> Found | None:
        if self.staging is None:
            return None
        hook = Hook(self._settings["Ticket::Hook"], self._settings["Ticket::HookDivider"])
        for number in find_numbers(message.subject, hook):
            if row := _ticket(self.staging, "ticket.c1 = ?", number):
                return self._found(self.staging, row)
        for trial in filter(lambda each: each.field_key, filtered.trials):
            if row := _ticket(self.staging, _BY_FIELD, trial.filter.followup_field, trial.captured):
                return self._found(self.staging, row)
        for message_id in (*message.in_reply_to, *reversed(message.references)):
            if row := _ticket(self.staging, _BY_MAIL, f"<{message_id}>"):
                return self._found(self.staging, row)
        return None

    def _found(self, staging: Staging, row: tuple[str, ...]) -> Found:
        number, queue, state, priority, customer = row
        names = staging.names
        kind = self._names.kind_of_state(staging.types_of_states.get(state, ""))
        return Found(
            number,
            names["queue"].get(queue, queue),
            names["ticket_state"].get(state, state),
            kind,
            names["ticket_priority"].get(priority, priority),
            customer,
        )

    def _valid_addresses(self) -> dict[str, str]:
        queues = self._lists["Queue"]
        rows = (row for row in self.dump.of("system_address") if self._names.validity(row) == Validity.VALID)
        return {address_key(row.get("value0")): queues.get(row.get("queue_id"), "") for row in rows}

    def _compiled(self) -> Iterable[CompiledFilter]:
        for row in filter(is_active, self.dump.of("sysconfig_modified")):
            with suppress(InputError):  # without what it needs, the module did nothing there
                for each in module_filters(row):
                    yield from self._told(each.item["name"], partial(_of_module, each=each))
        parts: dict[str, list[DumpRow]] = {}
        for row in self.dump.of("postmaster_filter"):
            parts.setdefault(row.get("f_name"), []).append(row)
        for name in sorted(parts):
            yield from self._told(name, partial(_compile, rows=parts[name]))

    def _told(self, name: str, compiled: Callable[[str], CompiledFilter]) -> Iterable[CompiledFilter]:
        """The filter, unless it cannot be tried: then that is among the flaws."""
        try:
            yield compiled(name)
        except InvalidValue as flaw:
            self.flaws.append(f"The filter “{name}” {flaw.flaw}: nobody can say here what it would do.")


def _compile(name: str, rows: Iterable[DumpRow]) -> CompiledFilter:
    conditions, settings, stop = [], [], False
    for row in rows:
        key, value = row.get("f_key"), " ".join(row.get("f_value").splitlines())
        stop = stop or row.get("f_stop") not in ("", "0")
        if row.get("f_type").lower() == "set":
            settings.append(HeaderAssignment(as_otrs(key), value))
        else:
            read: Callable[[str], object] = match_condition if row.get("f_not") in ("", "0") else not_match_condition
            conditions.append(read(f"{key}={value}"))
    return CompiledFilter(0, name, stop, tuple(conditions), tuple(settings))  # type: ignore[arg-type]


def _of_module(name: str, each: ModuleFilter) -> CompiledFilter:
    lines = {kind: each.item[kind].splitlines() for kind in ("match", "not_match", "set")}
    conditions = (*map(match_condition, lines["match"]), *map(not_match_condition, lines["not_match"]))
    settings = (HeaderAssignment(as_otrs(key), value) for key, _, value in (x.partition("=") for x in lines["set"]))
    field_name = each.item.get("follow_up_field", "")
    return CompiledFilter(0, name, False, conditions, tuple(settings), followup_field=field_name)


def _value(controls: dict[str, Control], prefix: str, name: str) -> str:
    control = controls.get(f"{prefix}{name}".lower())
    return control.value.strip() if control else ""


def _settings(rows: Iterable[DumpRow]) -> dict[str, str]:
    known = {name.lower(): name for name in _DEFAULTS}
    valid = (row for row in rows if row.get("is_valid") != "0" and row.get("reset_to_default") != "1")
    named = ((known.get(row.get("name").lower()), scalar(row.get("effective_value"))) for row in valid)
    return {name: value for name, value in named if name and value is not None}


def _by_id(rows: Iterable[DumpRow]) -> dict[str, str]:
    return {row.get("id"): row.get("name") for row in rows}


_BY_MAIL = (
    "ticket.id = (SELECT article.ticket_id FROM mail JOIN article ON article.id = mail.article_id "
    "WHERE mail.message_id = ? LIMIT 1)"
)

_BY_FIELD = (
    "ticket.id IN (SELECT object_id FROM field JOIN field_name ON field_name.id = field.field_id "
    "WHERE field_name.name = ? AND field.value = ?) ORDER BY ticket.id DESC LIMIT 1"
)


def _ticket(staging: Staging, condition: str, *values: str) -> tuple[str, ...] | None:
    """Number, queue, state, priority and customer of a ticket."""
    query = f"SELECT c1, c3, c11, c10, c13 FROM ticket WHERE {condition}"  # noqa: S608 - conditions are those above
    found: tuple[str, ...] | None = staging.connection.execute(query, values).fetchone()
    return found


def index_for_lookups(staging: Staging) -> None:
    """Let tickets be found by their numbers, by what their mail is known by, and by their dynamic fields."""
    connection = staging.connection
    connection.execute("CREATE TABLE field_name (id TEXT PRIMARY KEY, name TEXT)")
    connection.executemany("INSERT INTO field_name VALUES (?, ?)", staging.names["dynamic_field"].items())
    connection.execute("CREATE INDEX field_value ON field (value)")
    connection.execute("CREATE INDEX ticket_number ON ticket (c1)")
    connection.execute("CREATE INDEX mail_id ON mail (message_id)")
