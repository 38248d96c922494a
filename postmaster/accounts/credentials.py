"""The credentials: find, add, change, delete, and sealing them anew with another key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from sqlalchemy import String, case, func, select, type_coerce, update
from sqlalchemy.orm import Session

from postmaster.accounts.columns import health_column
from postmaster.accounts.fields import CREDENTIAL_FIELDS, CREDENTIAL_NAME, PASSWORD, USERNAME
from postmaster.accounts.health import Health
from postmaster.accounts.mailbox import rival
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.accounts.sealing import UnsealError, reseal
from postmaster.accounts.validation import mailbox_taken
from postmaster.accounts.wait import end_wait
from postmaster.errors import PostMasterError
from postmaster.system.audit import audit, serialise
from postmaster.system.fields import Field, FieldErrors, Value
from postmaster.system.listing import Listing
from postmaster.system.models import Validity
from postmaster.system.service import NamedService, enumeration

# The accounts that sign in with a credential, and those of them that are paused until it changes.
_accounts = select(func.count(MailAccount.id)).where(MailAccount.credential_id == Credential.id).correlate(Credential)
_used = _accounts.scalar_subquery()
_refused = _accounts.join(AccountState).where(health_column() == Health.PAUSED.value).scalar_subquery()
_urgency = case(
    (Credential.validity != Validity.VALID, 3), (Credential.sealed_password == "", 1), (_refused > 0, 0), else_=2
)
CREDENTIALS = Listing(
    key=Credential.id,
    query=select(Credential, _used.label("used"), _refused.label("refused")),
    searched=(
        Credential.name,
        Credential.username,
        Credential.comment,
        type_coerce(Credential.kind, String),
        type_coerce(Credential.validity, String),
    ),
    sorts={
        "update": (_urgency, func.lower(Credential.name)),
        "name": (func.lower(Credential.name),),
        "kind": (type_coerce(Credential.kind, String),),
        "username": (func.lower(Credential.username),),
        "used": (_used,),
        "validity": (type_coerce(Credential.validity, String),),
    },
)


class CredentialService(NamedService[Credential]):
    """Credentials. The password is sealed when it is read, and never shown; an empty one means "keep"."""

    noun = "credential"
    plural = "credentials"
    fields: ClassVar[tuple[Field, ...]] = CREDENTIAL_FIELDS
    key: ClassVar[Field] = CREDENTIAL_NAME
    model = Credential

    def health(self, thing: Credential) -> str:
        """``needs-password`` is what an import without secrets leaves behind."""
        if thing.validity is not Validity.VALID:
            return "invalid"
        return "healthy" if thing.sealed_password else "needs-password"

    def valid_names(self) -> list[str]:
        """The names of the credentials that may be chosen, in the order in which people look for them."""
        query = select(Credential.name).where(Credential.validity == Validity.VALID)
        return sorted(self.session.scalars(query), key=str.casefold)

    def users(self, thing: Credential) -> Iterator[str]:
        """The accounts that sign in with it."""
        for account in self._accounts(thing):
            yield f"account {account.id} ({account.label})"

    def _accounts(self, credential: Credential) -> Iterator[MailAccount]:
        query = select(MailAccount).where(MailAccount.credential_id == credential.id).order_by(MailAccount.id)
        yield from self.session.scalars(query)

    def assign(self, thing: Credential, texts: Mapping[str, str], errors: FieldErrors) -> None:
        """Read ``texts``; an empty password keeps the one that there is."""
        thing.sealed_password = thing.sealed_password or ""  # None in a new one
        if thing.sealed_password and not texts.get(PASSWORD.name):
            texts = {name: text for name, text in texts.items() if name != PASSWORD.name}
        super().assign(thing, texts, errors)

    def check(
        self, thing: Credential, texts: Mapping[str, str], before: Mapping[str, Value], errors: FieldErrors
    ) -> None:
        """A new user name must not lead two valid accounts to the same mailbox."""
        super().check(thing, texts, before, errors)
        if not before or before[USERNAME.name] == thing.username:
            return
        for account in self._accounts(thing):
            other = rival(self.session, account) if account.validity is Validity.VALID else None
            if other is not None:
                errors.add(USERNAME.name, mailbox_taken(account, other, USERNAME.label))

    def saved(self, thing: Credential, before: Mapping[str, Value]) -> None:
        """What was wrong with its accounts may be right now."""
        if before:
            for account in self._accounts(thing):
                end_wait(account)


def rotate_keys(session: Session, actor: str) -> int:
    """Seal all credentials with the first key; returns how many there are.

    Raises PostMasterError naming those that no key opens; then nothing is changed. Neither revision nor time of
    change move: the password is the same, so an account paused by it stays paused.
    """
    serialise(session)
    sealed, unreadable = [], []
    query = select(Credential).where(Credential.sealed_password != "").order_by(Credential.id)
    for credential in session.scalars(query.with_for_update(of=Credential)):
        try:
            sealed.append((credential.id, reseal(credential.sealed_password)))
        except UnsealError:
            unreadable.append(f"“{credential.name}”")
    if unreadable:
        raise PostMasterError(
            "credential-sealed",
            f"No key opens the password of: {enumeration(unreadable)}. Nothing was changed.",
            "Put back the key that they were sealed with, or enter their passwords again.",
        )
    for credential_id, password in sealed:
        session.execute(
            update(Credential)
            .where(Credential.id == credential_id)
            .values(sealed_password=password, changed_at=Credential.changed_at)
            .execution_options(synchronize_session=False)
        )
    audit(session, actor, "rotate-key", "credential", "all", {"count": len(sealed)})
    return len(sealed)
