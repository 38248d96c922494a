"""Tables of mail accounts and credentials.

What an admin enters (``MailAccount``) stands apart from what fetching finds out (``AccountState``), so that a fetch
never makes an edit conflict.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

import postmaster.system.models  # noqa: F401 - a foreign key names a table of its
from postmaster.accounts.kinds import CREDENTIAL_KINDS, OUTLOOK_FOR_PEOPLE, CredentialKind, Grant, KindSpec
from postmaster.accounts.types import ACCOUNT_TYPES, AccountType
from postmaster.desk.models import Queue
from postmaster.extensions import BigId, Id, Model, UtcDateTime, choice, now
from postmaster.resources.models import Validity


class Dispatching(StrEnum):
    """How the queue of a new ticket is found (docs/glossary.md#dispatching)."""

    TO = "to"
    QUEUE = "queue"


class Trust(StrEnum):
    """Whose X-OTRS headers count (docs/glossary.md#x-otrs-headers)."""

    NO = "no"
    YES = "yes"
    PROVEN = "proven-senders-only"


class Credential(Model):
    """What accounts sign in with. What is ``sealed`` is encrypted (see ``sealing``) and never shown again.

    Which of the fields count says its row of ``CREDENTIAL_KINDS``. ``revision`` counts the changes and each time it was
    authorised, so that an account paused by a refused login resumes when it goes up.
    """

    __tablename__ = "credential"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[CredentialKind] = mapped_column(choice(CredentialKind), default=CredentialKind.BASIC)
    username: Mapped[str] = mapped_column(String(320))
    sealed_password: Mapped[str] = mapped_column(default="")
    grant: Mapped[Grant | None] = mapped_column(choice(Grant))
    tenant: Mapped[str | None] = mapped_column(String(200))
    client_id: Mapped[str | None] = mapped_column(String(400))
    sealed_client_secret: Mapped[str] = mapped_column(default="")
    sealed_client_certificate: Mapped[str] = mapped_column(default="")
    secret_expires: Mapped[date | None]
    scopes: Mapped[str | None]
    authorization_endpoint: Mapped[str | None]
    token_endpoint: Mapped[str | None]
    device_endpoint: Mapped[str | None]
    hosts: Mapped[str] = mapped_column(default="")
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    comment: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    token: Mapped[CredentialToken | None] = relationship(
        lazy="joined", uselist=False, cascade="all, delete-orphan", back_populates="credential"
    )

    __mapper_args__ = {"version_id_col": revision}

    @property
    def spec(self) -> KindSpec:
        """The row of ``CREDENTIAL_KINDS`` that this credential is of."""
        return CREDENTIAL_KINDS[self.kind]

    @property
    def effective_grant(self) -> Grant | None:
        """How it obtains tokens; None if it has a password."""
        return self.grant or next(iter(self.spec.grants), None)

    def wanted_scopes(self, outlook_host: str) -> list[str]:
        """The scopes to ask for: those entered, or what fetching takes, at Microsoft from ``outlook_host``."""
        usual = (self.spec.mail_scopes or {}).get(self.effective_grant, "") if self.effective_grant else ""
        people = OUTLOOK_FOR_PEOPLE.get(outlook_host, outlook_host)
        return (self.scopes or usual.format(outlook=outlook_host, people=people)).split()


class CredentialToken(Model):
    """The tokens of an OAuth2 credential, sealed, and what the identity provider said last.

    ``version`` counts the times that tokens were stored; whoever renews them holds the ``claim`` until it expires, so
    that no two workers spend the same refresh token. ``expires_at`` is the access token's end, ``renew_at``
    when it is renewed. ``problem`` is the code
    of what keeps the credential from being used until somebody acts, with ``message``, ``advice`` and ``server`` as in
    ``MailError``; None if all is well.
    """

    __tablename__ = "credential_token"

    credential_id: Mapped[int] = mapped_column(BigId, ForeignKey("credential.id", ondelete="CASCADE"), primary_key=True)
    sealed_access: Mapped[str] = mapped_column(default="", deferred=True)
    sealed_refresh: Mapped[str] = mapped_column(default="")
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    renew_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scopes: Mapped[str] = mapped_column(default="")
    signed_in_as: Mapped[str] = mapped_column(default="")
    authorised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None] = mapped_column(String(40))
    claim_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None] = mapped_column(String(40))
    message: Mapped[str | None]
    advice: Mapped[str | None]
    server: Mapped[str | None]

    credential: Mapped[Credential] = relationship(back_populates="token")


class Authorisation(Model):
    """Somebody was sent to an identity provider to sign in, and is expected back once (RFC 6749 section 4.1).

    ``state_hash`` and ``session_hash`` are SHA-256 of what the provider hands back and of what the browser's session
    holds; ``user_id`` is whoever may come back. Both are None if the way was begun on the command line: then any admin
    may end it. ``sealed_flow`` is what the exchange of the code takes, such as the PKCE verifier (RFC 7636).
    """

    __tablename__ = "authorisation"

    id: Mapped[Id]
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    session_hash: Mapped[str | None] = mapped_column(String(64))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id", ondelete="CASCADE"), index=True)
    sealed_flow: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class MailAccount(Model):
    """A mailbox that is fetched: see docs/glossary.md#mail-accounts. None means "not entered"."""

    __tablename__ = "mail_account"

    id: Mapped[Id]
    type: Mapped[str] = mapped_column(String(20))
    credential_id: Mapped[int | None] = mapped_column(ForeignKey("credential.id"), index=True)
    address: Mapped[str | None] = mapped_column(String(320))
    host: Mapped[str | None] = mapped_column(String(255))
    port: Mapped[int | None]
    folder: Mapped[str | None] = mapped_column(String(1000))
    ssl_verify: Mapped[bool] = mapped_column(default=True)
    ssl_fingerprint: Mapped[str | None] = mapped_column(String(200))
    ssl_verifycn_name: Mapped[str | None] = mapped_column(String(255))
    trust: Mapped[Trust] = mapped_column(choice(Trust), default=Trust.NO, server_default=Trust.NO.value)
    authserv_ids: Mapped[str | None] = mapped_column(String(1000))
    dispatching: Mapped[Dispatching] = mapped_column(choice(Dispatching), default=Dispatching.TO)
    queue_id: Mapped[int | None] = mapped_column(ForeignKey("queue.id"), index=True)
    interval: Mapped[int | None]
    answer_timeout: Mapped[int | None]
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    tags: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    comment: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    credential: Mapped[Credential | None] = relationship(lazy="joined")
    queue: Mapped[Queue | None] = relationship(lazy="joined", viewonly=True)
    state: Mapped[AccountState | None] = relationship(
        lazy="joined", uselist=False, cascade="all, delete-orphan", back_populates="account"
    )

    __mapper_args__ = {"version_id_col": revision}

    @property
    def account_type(self) -> AccountType:
        """The row of ``ACCOUNT_TYPES`` that this account is of."""
        return ACCOUNT_TYPES[self.type]

    @property
    def login(self) -> str | None:
        """What names the mailbox on the server: the address, or the credential's user name; None without."""
        if self.address:
            return self.address
        return (self.credential.username or None) if self.credential else None

    @property
    def label(self) -> str:
        """``user@host``, with ``/folder`` unless that is INBOX: its name (docs/glossary.md#mail-accounts)."""
        if self.address:
            name = self.address
        elif self.credential:
            name = f"{self.credential.username.split('@')[0]}@{self.host}"
        else:
            name = self.host or self.type
        return name if (self.folder or "INBOX").upper() == "INBOX" else f"{name}/{self.folder}"

    @property
    def config_revision(self) -> str:
        """Changes whenever the account's settings or its credential change."""
        credential = f"{self.credential.id}.{self.credential.revision}" if self.credential else "-"
        return f"{self.revision}/{credential}"


# Somebody asked for it, or it waits for a worker.
QUEUED = text("requested_at IS NOT NULL OR claim IS NOT NULL")


class AccountState(Model):
    """What fetching found out about an account. ``failures`` counts failed runs in a row.

    ``paused_revision`` is the account's ``config_revision`` whose login was refused: the account is paused as long as
    the two are equal, so any change to account or credential resumes it. ``held_revision`` likewise, until somebody
    confirms that the ``held_count`` messages of a mailbox never fetched before are to be taken.

    ``next_run_at`` None means at once. ``requested_at`` and ``requested_by``: somebody pressed Fetch now, and no run
    has begun since. ``claim`` names the only job that may start a run; ``claimed_at`` is when it was queued.
    ``backlog_growth`` counts the runs in a row that left more on the server than the run before.

    ``paused_at``, ``paused_by`` and ``paused_reason`` are there while somebody has paused it (``accounts.pause``);
    ``resumed_at`` is when that ended last.
    """

    __tablename__ = "account_state"
    __table_args__ = (Index("ix_account_state_queued", "account_id", sqlite_where=QUEUED, postgresql_where=QUEUED),)

    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("mail_account.id", ondelete="CASCADE"), primary_key=True)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_stage: Mapped[str | None] = mapped_column(String(20))
    error_message: Mapped[str | None]
    error_advice: Mapped[str | None]
    error_server: Mapped[str | None]
    paused_revision: Mapped[str | None] = mapped_column(String(80))
    backlog: Mapped[int] = mapped_column(default=0)
    backlog_growth: Mapped[int] = mapped_column(default=0)
    last_run_seconds: Mapped[float | None]
    next_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    requested_by: Mapped[str | None] = mapped_column(String(100))
    claim: Mapped[str | None] = mapped_column(String(40))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_revision: Mapped[str | None] = mapped_column(String(80))
    held_count: Mapped[int | None]
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_by: Mapped[str | None] = mapped_column(String(200))
    paused_reason: Mapped[str | None] = mapped_column(String(500))
    resumed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[MailAccount] = relationship(back_populates="state")
