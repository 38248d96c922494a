"""The mail accounts: find, add, change, delete."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session

from postmaster.accounts.credentials import CredentialService, use_of
from postmaster.accounts.fields import ACCOUNT_FIELDS, CREDENTIAL, DISPATCHING, QUEUE, TYPE
from postmaster.accounts.health import account_health
from postmaster.accounts.mailbox import mailbox_key
from postmaster.accounts.models import AccountState, Dispatching, MailAccount
from postmaster.accounts.same_server import warnings_about
from postmaster.accounts.tags import TAGS
from postmaster.accounts.types import ACCOUNT_TYPES, EMAIL_ADDRESS, TYPE_FIELDS
from postmaster.accounts.validation import (
    check_credential,
    check_dispatching,
    check_mailbox,
    check_mandatory,
    refuse_foreign_fields,
)
from postmaster.accounts.wait import end_wait, keep_wait
from postmaster.desk.addresses import ADDRESS_USERS
from postmaster.desk.models import Queue, SystemAddress
from postmaster.desk.queues import QUEUE_USERS, Queues
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import Json, iso
from postmaster.parsing.address_key import address_key
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import COMMENT, Field, Value
from postmaster.resources.models import Validity
from postmaster.resources.named_service import printable, unknown
from postmaster.resources.service import Service, Stored
from postmaster.resources.uses import Use, enumeration
from postmaster.system.settings import RECOMMENDED_ACCOUNT_LIMIT, get_setting

# Fields that no server is told of: what is wrong with a sign-in is the same whatever they are.
UNTOLD = {TAGS.name, COMMENT.name, DISPATCHING.name, QUEUE.name}


class AccountService(Service[MailAccount]):
    """Mail accounts. What an account is called is made of its fields, and may not be unique."""

    noun = "account"
    plural = "accounts"
    fields: ClassVar[tuple[Field, ...]] = ACCOUNT_FIELDS
    apart = (CREDENTIAL, EMAIL_ADDRESS)
    model = MailAccount

    def __init__(self, session: Session, actor: str) -> None:
        super().__init__(session, actor)
        self.queues = Queues(session)
        self._saved: list[int] = []

    def find(self, text: str) -> MailAccount:
        """The account with that id or label. Raises NotFoundError naming the ids if several have the label."""
        wanted = printable(text).strip()
        if account := self.numbered(wanted):
            return account
        accounts = self._labelled(wanted)
        if not accounts:
            raise unknown(self.noun, wanted)
        if len(accounts) > 1:
            ids = enumeration(str(account.id) for account in accounts)
            raise NotFoundError(
                "ambiguous-account", f"Several accounts are called “{wanted}”: {ids}.", "Name the one you mean by id."
            )
        return accounts[0]

    def _labelled(self, label: str) -> list[MailAccount]:
        """Accounts with that label; only if there is none, those whose label differs in case."""
        near = or_(MailAccount.host.is_(None), literal(label).icontains(MailAccount.host))
        query = select(MailAccount).where(near).order_by(MailAccount.id)
        accounts = [account for account in self.session.scalars(query) if account.label.casefold() == label.casefold()]
        return [account for account in accounts if account.label == label] or accounts

    def label(self, record: MailAccount) -> str:
        """``user@host``, with ``/folder`` if it has one."""
        return record.label

    def health(self, record: MailAccount) -> str:
        """See ``account_health``."""
        return account_health(record)

    def identity(self, record: MailAccount) -> Hashable:
        """The mailbox; the label as long as there is no credential that names one."""
        return mailbox_key(record) or record.label

    def fields_of(self, record: MailAccount) -> tuple[Field, ...]:
        """Those of its type."""
        lacking = _lacking(record.type)
        return tuple(field for field in self.fields if field not in lacking)

    @classmethod
    def fields_for(cls, form_values: Mapping[str, str]) -> tuple[Field, ...]:
        """Those that what was entered so far calls for: of that type, and the queue if it is to be selected."""
        lacking = _lacking(form_values.get(TYPE.name, ""))
        if form_values.get(DISPATCHING.name) != Dispatching.QUEUE:
            lacking |= {QUEUE}
        return tuple(field for field in cls.fields if field not in lacking)

    def choices(self, field: Field, record: MailAccount | None = None) -> Sequence[str] | None:
        """Valid credentials and queues; what was set invalid later stays where it is chosen."""
        if field == CREDENTIAL:
            names = CredentialService(self.session, self.actor).valid_names()
        elif field == QUEUE:
            names = self.queues.valid_names()
        else:
            return super().choices(field, record)
        chosen = self.value(record, field) if record else None
        return names if chosen in (None, *names) else [str(chosen), *names]

    def value(self, record: MailAccount, field: Field) -> Value:
        """The field's value; credential and queue by their names."""
        if field == CREDENTIAL:
            return record.credential.name if record.credential else None
        if field == QUEUE:
            return self.queues.queue_name(record.queue_id) if record.queue_id else None
        return super().value(record, field)

    def details(self, record: MailAccount) -> Json:
        """What the last runs found."""
        state = record.state or AccountState(failures=0, backlog=0)
        times = {"last_run": state.last_run_at, "last_success": state.last_success_at}
        error = {
            "code": state.error_code,
            "stage": state.error_stage,
            "message": state.error_message,
            "advice": state.error_advice,
            "server": state.error_server,
        }
        return {
            **{name: iso(time) for name, time in times.items()},
            "failures": state.failures,
            "backlog": state.backlog,
            "paused_at": iso(state.paused_at),
            "paused_by": state.paused_by,
            "paused_reason": state.paused_reason,
            "error": error if state.error_code else None,
        }

    def read(self, form_values: Mapping[str, str], record: MailAccount | None = None) -> EnteredValues[MailAccount]:
        """Read the type first, because it decides which other fields there are."""
        values = EnteredValues(self.model, self.fields, form_values, record)
        self.read_fields(values, (TYPE,))
        account_type = ACCOUNT_TYPES.get(values.draft.type)
        if account_type is None:
            self.read_fields(values, (field for field in self.fields if field != TYPE and values.given(field)))
            return values
        refuse_foreign_fields(account_type, form_values, values.errors)
        lacking = _lacking(account_type.name)
        self.read_fields(values, (field for field in self.fields if field != TYPE and field not in lacking))
        for field in lacking:
            values.set(field, field.empty)
        if values.draft.dispatching is Dispatching.TO and QUEUE.name not in form_values:
            values.set(QUEUE, None)
        return values

    def resolve(self, field: Field, value: Any) -> Any:
        """The credential and the queue that are named."""
        if field not in (CREDENTIAL, QUEUE) or value is None:
            return value
        try:
            if field == CREDENTIAL:
                return CredentialService(self.session, self.actor).find(value)
            return self.queues.queue_id(value)
        except NotFoundError as error:
            raise InputError(field.label, error.message, error.advice, error.code) from None

    def validate(self, values: EnteredValues[MailAccount]) -> None:
        """The rules of ``accounts.validation``."""
        if TYPE in values.errors:
            return
        queue_before = values.record.queue_id if values.record else None
        check_mandatory(values.draft, values.errors)
        check_credential(values.draft, values.errors)
        check_dispatching(values.draft, queue_before, values.given(QUEUE), self.queues, values.errors)
        check_mailbox(self.session, values.draft, values.errors)

    def store(self, values: EnteredValues[MailAccount]) -> Stored[MailAccount]:
        """What was wrong may be right now, so try at once, unless only what servers are not told was changed. Warn when
        there are more valid accounts than recommended.
        """
        was_valid = values.record is not None and values.record.validity is Validity.VALID
        before = values.record.config_revision if values.record is not None else ""
        stored = super().store(values)
        if before and stored.changes and stored.changes.keys() <= UNTOLD:
            keep_wait(stored.record, before)
        else:
            self._saved.append(stored.record.id)
            end_wait(stored.record)
        if stored.record.validity is Validity.VALID and not was_valid:
            self._warn_of_many()
        return stored

    def _warn_of_many(self) -> None:
        limit = get_setting(self.session, RECOMMENDED_ACCOUNT_LIMIT)
        count = self.count_valid()
        if count > limit:
            self.notes["account-limit"] = (
                f"There are {count} valid accounts now, more than the {limit} that are recommended. "
                "Watch how long fetching takes, or raise the setting RecommendedAccountLimit."
            )

    def warnings(self) -> list[str]:
        """Also which of the saved accounts another one seems to fetch under another host."""
        return [*super().warnings(), *warnings_about(MailAccount.id, self._saved)]

    def count_valid(self) -> int:
        """How many accounts are valid."""
        query = select(func.count()).where(MailAccount.validity == Validity.VALID)
        return self.session.scalar(query) or 0


@lru_cache
def _lacking(type_name: str) -> frozenset[Field]:
    """The fields that accounts of that type do not have; all that depend on it as long as there is no such type."""
    account_type = ACCOUNT_TYPES.get(type_name)
    return frozenset(field for field in TYPE_FIELDS if account_type is None or not account_type.has(field))


def _accounts_into(session: Session, queue: Queue) -> Iterator[Use]:
    """The accounts that dispatch into ``queue``."""
    query = select(MailAccount).where(MailAccount.queue_id == queue.id).order_by(MailAccount.id)
    yield from map(use_of, session.scalars(query))


def _accounts_at(session: Session, address: SystemAddress) -> Iterator[Use]:
    """The valid accounts whose mailbox has ``address``, and which so find their queue by it."""
    query = select(MailAccount).where(MailAccount.dispatching == Dispatching.TO, MailAccount.validity == Validity.VALID)
    for account in session.scalars(query.order_by(MailAccount.id)).unique():
        if address_key(account.login or "") == address.address:
            yield dataclasses.replace(use_of(account), by_name=True)


QUEUE_USERS.append(_accounts_into)
ADDRESS_USERS.append(_accounts_at)
