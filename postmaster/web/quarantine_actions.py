"""What an admin does with messages in quarantine: which are chosen, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session
from wtforms import SelectMultipleField, StringField

from postmaster.errors import InputError
from postmaster.ledger.models import Quarantine
from postmaster.ledger.quarantine import Handled, deliver, discard, retry
from postmaster.ledger.quarantine_list import QuarantineFilter
from postmaster.resources.numbers import NO_ID
from postmaster.web.asked import NumberField, asked_id, chosen_id
from postmaster.web.forms import Form
from postmaster.web.lists import wanted


class ChosenMailForm(Form):
    """Chosen messages, and what to do with them: ``action`` is one of ``QUARANTINE_ACTIONS``.

    With ``newest`` it is all messages up to that id that the list's filter finds; those up to ``after`` were seen to
    by requests before: ``done`` are out of quarantine, ``kept`` are still in it.
    """

    mail = SelectMultipleField(choices=(), validate_choice=False, coerce=chosen_id)
    action = StringField()
    queue = StringField()
    confirmed = StringField()
    newest = NumberField()
    after = NumberField(default=0)
    done = NumberField(default=0)
    kept = NumberField(default=0)

    def numbers(self, session: Session) -> Sequence[int]:
        """The ids of the messages."""
        if self.newest.data is not None:
            account, like = request.args.get("account", ""), asked_id("like")
            found = QuarantineFilter(wanted().text, account, self.newest.data, like)
            return found.ids(session, self.after.data or 0)
        numbers: Sequence[int] = self.mail.data or ()
        if NO_ID in numbers:
            raise InputError("message", "What was chosen is not a message.", "Reload the page and choose again.")
        return numbers

    def count(self, handled: Sequence[Handled]) -> None:
        """Note the results for messages."""
        kept = sum(each.error is not None for each in handled)
        self.done.data = (self.done.data or 0) + len(handled) - kept
        self.kept.data = (self.kept.data or 0) + kept
        self.after.data = max((each.number for each in handled), default=0)


@dataclass(frozen=True)
class QuarantineAction:
    """Something that is done with chosen messages; ``done`` says so, before the result for each."""

    run: Callable[[Session, Quarantine, ChosenMailForm, str], str]
    done: str


def _retry(session: Session, row: Quarantine, _form: ChosenMailForm, actor: str) -> str:
    number = retry(session, row, actor)
    return f"ticket {number}" if number else f"message {row.id} was dropped, as a filter or a header says"


def _deliver(session: Session, row: Quarantine, form: ChosenMailForm, actor: str) -> str:
    return "ticket " + deliver(session, row, str(form.queue.data), actor)


def _delete(session: Session, row: Quarantine, _form: ChosenMailForm, actor: str) -> str:
    discard(session, row, actor)
    return f"message {row.id}"


QUARANTINE_ACTIONS = {
    "retry": QuarantineAction(_retry, "left the quarantine"),
    "deliver": QuarantineAction(_deliver, "left the quarantine"),
    "delete": QuarantineAction(_delete, "deleted for good"),
}
