"""For any messages, filters and headers: one outcome each, no exception, and the same wherever a batch ends."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from postmaster import create_app
from postmaster.accounts.models import Trust
from postmaster.config import load_environment
from postmaster.database import read_session, transaction
from postmaster.desk.models import Article, Queue, Ticket, TicketCounter
from postmaster.fetching.foresight import Foresight
from postmaster.ledger.entries import Origin, Recorded
from postmaster.ledger.models import InboundMail, Quarantine
from postmaster.ledger.record import record
from postmaster.pipeline.arrival import Arrival, read_arrival
from postmaster.pipeline.decision import Rules
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.service import FilterService
from postmaster.pipeline.json import describe_decision
from postmaster.pipeline.outcome import Outcome
from postmaster.pipeline.x_otrs_headers import HEADERS, known_header
from tests.results import runner_of
from tests.support import Desk

SETTINGS = {
    "TicketsPerSenderHour": "3",
    "Ticket::Services": "Mail",
    "Ticket::DynamicFields": "Room",
    "PostmasterFollowUpSearchInBody": "yes",
    "PostmasterFollowUpSearchInAttachment": "yes",
}
POLICIES = {"Junk": "reject", "Misc": "new-ticket"}

IDS = st.sampled_from("abcdef")
VALUES = st.sampled_from(
    ["Junk", "Misc", "Raw", "Nowhere", "new", "open", "closed successful", "pending reminder", "+1h", "yes", "no",
     "0", "1", "Mail", "5 very high", "system", "lock", "x" * 300, "[***]", "", "\N{SNOWMAN}"]
)  # fmt: skip
NAMES = st.builds(
    lambda prefix, header: f"{prefix}{header.name.replace('NAME', 'Room')}",
    st.sampled_from(["X-OTRS-", "X-OTRS-FollowUp-"]),
    st.sampled_from(HEADERS),
)
ODD_LINES = st.sampled_from(
    ["Auto-Submitted: auto-replied", "Precedence: bulk", "Return-Path: <>", "To: desk@example.org, <<<",
     "Cc: =?utf-8?b?/w==?=", "Content-Type: multipart/report; boundary=b", "X-OTRS-Title: \xff\0",
     "References: <<>> ,,", "no header"]
)  # fmt: skip
REFERENCES = st.builds(
    lambda name, ids: f"{name}: {' '.join(f'<{each}%%@x>' for each in ids)}",
    st.sampled_from(["In-Reply-To", "References"]),
    st.lists(IDS, max_size=3),
)
CONTROLS = st.builds(lambda name, value: f"{name}: {value}", NAMES, VALUES) | st.sampled_from(
    ["X-OTRS-Queue: Junk", "X-OTRS-Queue: Misc", "X-OTRS-State: closed successful", "X-OTRS-Ignore: yes",
     "X-OTRS-FollowUp-State: closed successful", "X-OTRS-FollowUp-Queue: Misc", "X-OTRS-FollowUp-State-Keep: yes"]
)  # fmt: skip
# In a text, {} stands for the number of a ticket that is there, comes next, or comes later.
TEXTS = st.sampled_from(["hello", "Re: [Ticket#{}]", "Ticket#{} AW:", "[Ticket#99999999999]", "", "(a)[***]"])
# A bounce that brings back a message of a ticket, or one that nobody knows.
BOUNCE = """--b

It did not arrive.
--b
Content-Type: message/delivery-status

Action: failed

--b
Content-Type: message/rfc822

From: bob%%@example.net
To: ada%%@example.net
Subject: [Ticket#{}]
Message-ID: <a%%@x>
References: <b%%@x>

Hello
--b--
"""


@dataclass(frozen=True)
class Draft:
    """A message to be made, once it is known which numbers tickets have."""

    sender: str
    own: str | None
    subject: str
    body: str
    offset: int
    lines: Sequence[str]
    answers: Sequence[int] | None

    def raw(self, example: str, number: int) -> bytes:
        """Its bytes. Ids and senders are other ones in each example."""
        ticket = str(number + self.offset)
        lines = [f"From: {self.sender}{example}@example.net", f"Subject: {self.subject.format(ticket)}", *self.lines]
        lines += [f"Message-ID: <{self.own}%%@x>"] if self.own else []
        lines += ["Content-Type: multipart/report; boundary=b"] if self.body == BOUNCE else []
        if self.answers is not None:
            index = bytes(6) + hashlib.sha256(example.encode()).digest()[:16]
            index += b"".join(bytes([step]) * 5 for step in self.answers)
            lines.append(f"Thread-Index: {base64.b64encode(index).decode()}")
        text = "\n".join([*lines, "", self.body.format(ticket)])
        return text.replace("%%", example).encode("utf-8", "surrogateescape")


MESSAGES = st.builds(
    Draft,
    sender=st.sampled_from(["ada", "bob"]),
    own=st.none() | IDS,
    subject=TEXTS,
    body=TEXTS | TEXTS | st.just(BOUNCE),
    offset=st.integers(-2, 3),
    lines=st.lists(st.one_of(REFERENCES, CONTROLS, CONTROLS, ODD_LINES), max_size=5),
    answers=st.none() | st.none() | st.lists(st.sampled_from([1, 2]), max_size=2),
)


@dataclass(frozen=True)
class Noise:
    """A message of any bytes, behind a line that makes its sender another one in each example."""

    head: Sequence[tuple[str, str]]
    rest: bytes

    def raw(self, example: str, _number: int) -> bytes:
        """Its bytes."""
        lines = [f"From: noise{example}@example.net", *(f"{name}: {value}" for name, value in self.head), ""]
        return "\r\n".join(lines).replace("%%", example).encode("utf-8", "surrogatepass") + self.rest


HEADER_NAMES = st.sampled_from(
    ["From", "To", "Resent-To", "Subject", "Message-ID", "In-Reply-To", "References", "Thread-Index", "Content-Type",
     "Content-Transfer-Encoding", "Return-Path", "X-Loop", "X-OTRS-Queue", "X-OTRS-FollowUp-Title", "X-OTRS-Owner"]
)  # fmt: skip
NOISE = st.builds(
    Noise,
    head=st.lists(st.tuples(HEADER_NAMES, st.text(max_size=30) | st.builds("<{}%%@x>".format, IDS)), max_size=6),
    rest=st.binary(max_size=200) | st.builds(lambda rest: b"\r\n" + rest, st.binary(max_size=200)),
)
PATTERNS = st.sampled_from(
    ["Subject=(hello)", "Body=.", "From=EMAILADDRESS:.*", "X-OTRS-Queue=Junk", "Subject=(?<n>\\d+)$"]
)
FILTERS = st.lists(
    st.fixed_dictionaries(
        {
            "stop": st.sampled_from(["yes", "no"]),
            "match": PATTERNS,
            "not_match": st.just("") | PATTERNS,
            "set": st.builds(lambda name, value: f"{name}={value or 'x'}", NAMES.filter(known_header), VALUES),
        }
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> list[Flask]:
    """Two apps that are told the same."""
    folder = tmp_path_factory.mktemp("apps")
    made = [create_app(load_environment({"POSTMASTER_DATA_DIR": str(folder / name)})) for name in ("one", "other")]
    for app in made:
        desk = Desk(runner_of(app))
        for name, value in SETTINGS.items():
            desk.ok("setting", "set", name, value)
        for name, policy in POLICIES.items():
            desk.ok("queue", "set", name, "--follow-up", policy)
    return made


_EXAMPLES = iter(range(10**9))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drafts=st.lists(MESSAGES | MESSAGES | MESSAGES | NOISE, min_size=1, max_size=8),
    filters=FILTERS,
    trusted=st.booleans(),
    cuts=st.sets(st.integers(1, 7)),
)
def test_each_message_has_one_outcome_and_the_same_wherever_a_batch_ends(
    apps: list[Flask], drafts: list[Draft | Noise], filters: list[dict[str, str]], trusted: bool, cuts: set[int]
) -> None:
    rules, example = Rules(_trust(trusted)), f".{next(_EXAMPLES)}"
    with time_machine.travel("2026-11-25T12:00:00+00:00", tick=False):
        raws = [draft.raw(example, 2026112500000 + _last_number(apps[0])) for draft in drafts]
        for app in apps:
            _set_filters(app, filters)
        foretold = _foretell(apps[0], raws, rules)
        together = _take(apps[0], [raws], rules)
        apart = _take(apps[1], list(_cut(raws, cuts)), rules)
    assert together == apart
    assert together == foretold


# Whether it is trusted, whether it dispatches by queue, and its mail.
Account = tuple[bool, bool, list[Draft]]


@settings(
    max_examples=settings.default.max_examples // 3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    accounts=st.lists(st.tuples(st.booleans(), st.booleans(), st.lists(MESSAGES, max_size=3)), min_size=2, max_size=4),
    filters=FILTERS,
    data=st.data(),
)
def test_what_becomes_of_messages_that_have_nothing_in_common_is_the_same_in_any_order_of_accounts(
    apps: list[Flask],
    accounts: list[tuple[bool, bool, list[Draft]]],
    filters: list[dict[str, str]],
    data: st.DataObject,
) -> None:
    order = data.draw(st.permutations(range(len(accounts))))
    batches = [[draft.raw(f".{next(_EXAMPLES)}", 0) for draft in drafts] for _, _, drafts in accounts]
    decided = []
    with time_machine.travel("2026-11-25T12:00:00+00:00", tick=False):
        for app, turns in zip(apps, (range(len(accounts)), order), strict=True):
            _set_filters(app, filters)
            made = {turn: _take(app, [batches[turn]], _rules(app, *accounts[turn][:2])) for turn in turns}
            decided.append([made[turn] for turn in sorted(made)])
    assert decided[0] == decided[1]


def _trust(trusted: bool) -> Trust:
    return Trust.YES if trusted else Trust.NO


def _rules(app: Flask, trusted: bool, by_queue: bool) -> Rules:
    with app.app_context(), read_session() as session:
        queue_id = session.scalars(select(Queue.id).where(Queue.name == "Misc")).one()
    return Rules(_trust(trusted), queue_id if by_queue else None)


def _cut(raws: list[bytes], cuts: set[int]) -> Iterator[list[bytes]]:
    bounds = sorted({0, *(cut for cut in cuts if cut < len(raws)), len(raws)})
    for start, end in pairwise(bounds):
        yield raws[start:end]


def _last_number(app: Flask) -> int:
    with app.app_context(), read_session() as session:
        return session.scalar(select(TicketCounter.value)) or 0


def _set_filters(app: Flask, filters: list[dict[str, str]]) -> None:
    with app.app_context(), transaction() as session:
        session.execute(delete(PostmasterFilter))
        service = FilterService(session, actor="test")
        for number, texts in enumerate(filters):
            service.add({"name": f"F{number}", **texts})


def _arrivals(raws: Sequence[bytes]) -> list[Arrival]:
    return [read_arrival(raw, hashlib.sha256(raw).digest(), "", number) for number, raw in enumerate(raws)]


def _foretell(app: Flask, raws: Sequence[bytes], rules: Rules) -> list[Any]:
    with app.app_context(), read_session() as session:
        told = Foresight(session, rules).of(_arrivals(raws))
    return [{name: value for name, value in each.items() if name != "ticket"} for each in told]


def _take(app: Flask, batches: list[list[bytes]], rules: Rules) -> list[Any]:
    """Record the batches; returns what was decided. The books must balance."""
    origin = Origin(rules, label="pipe", time_zone=ZoneInfo("UTC"))
    with app.app_context():
        before = _counts()
        done = [row for batch in batches for row in record(_arrivals(batch), origin, lambda _session: None)]
        _balance(before, _counts(), done)
    drafts = [row.decision for row in done]
    return [describe_decision(draft) for draft in drafts if draft]


def _counts() -> dict[str, int]:
    tables = {"ledger": InboundMail, "tickets": Ticket, "articles": Article, "quarantine": Quarantine}
    with read_session() as session:
        return {name: session.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()}


def _balance(before: dict[str, int], after: dict[str, int], done: list[Recorded]) -> None:
    outcomes = [row.outcome for row in done]
    added = {name: after[name] - before[name] for name in after}
    assert {row.reason for row in done}.isdisjoint({"unreadable", "unstorable"})
    assert added == {
        "ledger": len(done),
        "tickets": outcomes.count(Outcome.NEW),
        "articles": len(done) - outcomes.count(Outcome.IGNORED) - outcomes.count(Outcome.QUARANTINED),
        "quarantine": outcomes.count(Outcome.QUARANTINED),
    }
    with read_session() as session:
        stored = dict(session.execute(select(InboundMail.id, InboundMail.outcome)).all())  # type: ignore[arg-type]
    assert all(stored[row.inbound_id] == row.outcome for row in done)
    assert all(row.inbound_id and (row.ticket is not None) == _has_ticket(row.outcome) for row in done)


def _has_ticket(outcome: Outcome) -> bool:
    return outcome in (Outcome.NEW, Outcome.FOLLOW_UP, Outcome.REJECTED)
