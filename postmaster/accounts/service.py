"""The mail accounts: find, add, change, delete."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.fields import ACCOUNT_FIELDS, CREDENTIAL, DISPATCHING, QUEUE, TYPE
from postmaster.accounts.health import account_health
from postmaster.accounts.mailbox import mailbox_key
from postmaster.accounts.models import AccountState, Dispatching, MailAccount
from postmaster.accounts.same_server import warnings_about
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS
from postmaster.accounts.validation import (
    check_credential,
    check_dispatching,
    check_mailbox,
    check_mandatory,
    refuse_foreign_fields,
)
from postmaster.accounts.wait import end_wait
from postmaster.desk.models import Queue
from postmaster.desk.queues import QUEUE_USERS, Queues
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import Json
from postmaster.resources.fields import Field, FieldErrors, Value
from postmaster.resources.models import Validity
from postmaster.resources.service import Service, enumeration, printable, unknown
from postmaster.system.settings import RECOMMENDED_ACCOUNT_LIMIT, get_setting


class AccountService(Service[MailAccount]):
    """Mail accounts. What an account is called is made of its fields, and may not be unique."""

    noun = "account"
    plural = "accounts"
    fields: ClassVar[tuple[Field, ...]] = ACCOUNT_FIELDS
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
        return tuple(field for field in self.fields if field not in _lacking(record.type))

    def fields_for(self, texts: Mapping[str, str]) -> tuple[Field, ...]:
        """Those that what was entered so far calls for: of that type, and the queue if it is to be selected."""
        lacking = _lacking(texts.get(TYPE.name, ""))
        if texts.get(DISPATCHING.name) != Dispatching.QUEUE:
            lacking.add(QUEUE)
        return tuple(field for field in self.fields if field not in lacking)

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
            **{name: time.isoformat() if time else None for name, time in times.items()},
            "failures": state.failures,
            "backlog": state.backlog,
            "error": error if state.error_code else None,
        }

    def assign(self, record: MailAccount, texts: Mapping[str, str], errors: FieldErrors) -> None:
        """Read ``texts``; the type first, because it decides which other fields there are."""
        super().assign(record, {name: text for name, text in texts.items() if name == TYPE.name}, errors)
        account_type = ACCOUNT_TYPES.get(record.type)
        if account_type is None:
            super().assign(record, {name: text for name, text in texts.items() if text and name != TYPE.name}, errors)
            return
        refuse_foreign_fields(account_type, texts, errors)
        lacking = [field for field in TYPE_FIELDS if not account_type.has(field)]
        rest = texts.keys() - {TYPE.name, *(field.name for field in lacking)}
        super().assign(record, {name: texts[name] for name in rest}, errors)
        for field in lacking:
            setattr(record, field.attribute, field.empty)
        if record.dispatching is Dispatching.TO and QUEUE.name not in texts:
            record.queue_id = None

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

    def check(
        self, record: MailAccount, texts: Mapping[str, str], before: Mapping[str, Value], errors: FieldErrors
    ) -> None:
        """The rules of ``accounts.validation``."""
        if TYPE in errors:
            return
        queue = before.get(QUEUE.name)
        queue_before = self.queues.queue_id(str(queue)) if queue else None
        check_mandatory(record, errors)
        check_credential(record, errors)
        check_dispatching(record, queue_before, texts.get(QUEUE.name, ""), self.queues, errors)
        check_mailbox(self.session, record, errors)

    def saved(self, record: MailAccount, before: Mapping[str, Value]) -> None:
        """What was wrong may be right now, so try at once. Warn when there are more valid accounts than recommended."""
        end_wait(record)
        self._saved.append(record.id)
        if record.validity is not Validity.VALID or before.get("validity") == Validity.VALID:
            return
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


def _lacking(type_name: str) -> set[Field]:
    """The fields that accounts of that type do not have; all that depend on it as long as there is no such type."""
    account_type = ACCOUNT_TYPES.get(type_name)
    return {field for field in TYPE_FIELDS if account_type is None or not account_type.has(field)}


def _accounts_into(session: Session, queue: Queue) -> Iterator[str]:
    """The accounts that dispatch into ``queue``."""
    for account in session.scalars(select(MailAccount).where(MailAccount.queue_id == queue.id)):
        yield f"account {account.id} ({account.label})"


QUEUE_USERS.append(_accounts_into)
