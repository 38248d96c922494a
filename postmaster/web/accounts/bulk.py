"""What is done with selected accounts, and how it is undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from postmaster.accounts.fields import DISPATCHING, QUEUE
from postmaster.accounts.models import Dispatching, MailAccount
from postmaster.accounts.pause import REASON, note_pause, pause, resume, set_pause
from postmaster.accounts.service import AccountService
from postmaster.accounts.tags import TAGS, read_tags, tags_of, with_tags
from postmaster.accounts.wait import state_of
from postmaster.extensions import Json, iso
from postmaster.resources.bulk import TakeBack, changed_since, put_back
from postmaster.web.bulk_actions import ActWith, BulkAction, Told, delete_action, each
from postmaster.web.fetch_results import request_together

KEEPS = "Its tickets stay, and so does the mail that is still on the server."


def _pause(service: Any, account: MailAccount, texts: Mapping[str, str]) -> bool:
    return pause(service, account, texts[REASON.name])


def _resume(service: Any, account: MailAccount, _texts: Mapping[str, str]) -> bool:
    return resume(service, account)


def _into_queue(service: Any, account: MailAccount, texts: Mapping[str, str]) -> bool:
    entered = {DISPATCHING.name: Dispatching.QUEUE.value, QUEUE.name: texts[QUEUE.name]}
    return bool(service.change(account, entered))


def _tagging(*, add: bool) -> ActWith:
    def act(service: Any, account: MailAccount, texts: Mapping[str, str]) -> bool:
        words = tags_of(read_tags(texts[TAGS.name]))
        tags = with_tags(account.tags, added=words) if add else with_tags(account.tags, removed=words)
        return tags != account.tags and bool(service.change(account, {TAGS.name: tags}))

    return act


def _fetch(ids: Sequence[int], _texts: Mapping[str, str], _actor: str) -> Told:
    requested = request_together(ids)
    return Told(requested.sentence) if requested.state.ok else Told("", requested.sentence)


def _unpause(service: Any, account: MailAccount, detail: Json) -> bool:
    """Only the very pause: somebody may have ended it since, and another may have begun for the same reason."""
    since, state = detail.get("paused_at", (None, None))[1], account.state
    if state is None or since is None or iso(state.paused_at) != since:
        raise changed_since()
    return resume(service, account)


def _pause_again(service: Any, account: MailAccount, detail: Json) -> bool:
    """As it was: by whom, since when, and why."""
    state = state_of(account)
    if state.paused_at is not None:
        raise changed_since()
    who, since, why = (detail[name][0] for name in ("paused_by", "paused_at", "reason"))
    set_pause(state, datetime.fromisoformat(since), who, why)
    note_pause(service, account, state)
    return True


PAUSE = BulkAction(
    "pause",
    "Pause…",
    "circle-pause",
    each(AccountService, "Paused", _pause),
    (REASON,),
    lasts="Nothing is fetched until somebody resumes it; a run under way ends after its current batch.",
)
RESUME = BulkAction("resume", "Resume", "circle-play", each(AccountService, "Resumed", _resume))

BULK_ACTIONS = (
    PAUSE,
    RESUME,
    BulkAction("fetch", "Fetch now", "refresh-cw", _fetch),
    BulkAction(
        "queue",
        "Queue…",
        "layers",
        each(AccountService, "Moved", _into_queue),
        (QUEUE,),
        lasts="All mail of these accounts goes into this queue from then on.",
    ),
    BulkAction("tag", "Add tags…", "tag", each(AccountService, "Tagged", _tagging(add=True)), (TAGS,)),
    BulkAction("untag", "Remove tags…", "tag", each(AccountService, "Untagged", _tagging(add=False)), (TAGS,)),
    delete_action(AccountService, KEEPS.replace("Its", "Their")),
)

WAYS_BACK: Mapping[str, TakeBack] = {"set": put_back, "pause": _unpause, "resume": _pause_again}
