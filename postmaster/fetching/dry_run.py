"""A dry run over an account's mail: reads without a trace, changes neither database nor server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.accounts.mailbox import mailbox_key
from postmaster.accounts.models import MailAccount
from postmaster.database import read_session
from postmaster.errors import MailError
from postmaster.extensions import Json
from postmaster.fetching.batches import batches
from postmaster.fetching.counters import NOT_REACHED, TOO_LARGE, WITHHELD, AccountResult
from postmaster.fetching.foresight import Foresight
from postmaster.fetching.messages import ReadBatch, read_batch, select_messages
from postmaster.fetching.pending import Ledger, load_ledger
from postmaster.fetching.run import FetchOptions, Plan, Stopwatch, make_plan
from postmaster.ledger.models import Mailbox
from postmaster.pipeline.arrival import read_arrival
from postmaster.pipeline.outcome import Outcome
from postmaster.sources.open import open_source
from postmaster.sources.protocols import PROTOCOLS


def preview_account(account_id: int, options: FetchOptions) -> AccountResult:
    """A dry run over one account; the result's ``messages`` say what would happen to each."""
    with read_session() as session:
        return preview_draft(session, session.get_one(MailAccount, account_id), options)


def preview_draft(
    session: Session, account: MailAccount, options: FetchOptions, limit: int | None = None
) -> AccountResult:
    """A dry run over an account, saved or not, of the next ``limit`` messages that would be taken, or of all."""
    started = time.monotonic()
    result = AccountResult(account.id or 0, account.label, messages=[])
    try:
        plan = make_plan(session, account)
        ledger = _ledger_of(session, account)
        if note := PROTOCOLS[plan.endpoint.type.protocol].dry_run_note:
            result.notes.append(note)
        _preview(session, plan, ledger, options, result, limit)
    except MailError as error:
        result.error = error
    result.seconds = time.monotonic() - started
    return result


def _ledger_of(session: Session, account: MailAccount) -> Ledger:
    key = mailbox_key(account)
    found = select(Mailbox.id).where(
        Mailbox.host == (key.host if key else None),
        Mailbox.login == (key.login if key else None),
        Mailbox.folder == (key.folder if key else None),
    )
    mailbox_id = session.execute(found).scalar_one_or_none()
    return Ledger([]) if mailbox_id is None else load_ledger(session, mailbox_id)


def _preview(
    session: Session, plan: Plan, ledger: Ledger, options: FetchOptions, result: AccountResult, limit: int | None
) -> None:
    messages = result.messages = []
    foresight = Foresight(session, plan.origin.rules)
    watch = Stopwatch(options)
    watch.open_session()
    source = open_source(
        plan.endpoint, deadline_seconds=watch.deadline, reconnect_after=plan.reconnect_after, read_only=True
    )
    try:
        mails = source.list()
        ledger.compare(mails)
        listing = select_messages(mails, ledger, plan.largest)
        remaining, withheld = len(listing.wanted), len(listing.withheld)
        for batch in batches(listing.wanted[:limit]):
            if watch.stop_reason():
                break
            read = read_batch(source, batch, ledger)
            result.counters.gone += read.gone
            withheld += len(read.withheld)
            for row in foresee(foresight, read):
                result.counters.count([Outcome(row["outcome"])])
                messages.append(row)
            remaining -= len(batch)
            options.on_progress(result.id, len(listing.wanted) - remaining, len(listing.wanted))
        result.offer = foresight.offer()
        result.counters.left_reasons += Counter(
            {TOO_LARGE: listing.too_large, WITHHELD: withheld, watch.why_stopped or NOT_REACHED: remaining}
        )
        source.close()
    except BaseException:
        source.abort()
        raise


def foresee(foresight: Foresight, read: ReadBatch) -> Iterator[Json]:
    """A line about each message of a batch, in the order of the mailbox."""
    arrivals = [read_arrival(raw, sha256, "", 0) for _, raw, sha256 in read.new]
    decisions = foresight.of(arrivals)
    rows = [(mail.handle, decision) for (mail, *_), decision in zip(read.new, decisions, strict=True)]
    before = {"outcome": Outcome.ALREADY_RECORDED.value, "reason": "recorded-before", "queue": None, "title": ""}
    rows += [(mail.handle, before) for mail, _ in read.known]
    for handle, decision in sorted(rows, key=lambda row: row[0]):
        shown = {name: decision[name] for name in ("outcome", "reason", "queue")}
        yield {"uid": handle, **shown, "subject": decision["title"], "ticket": decision.get("ticket")}
