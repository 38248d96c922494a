"""What an account that is not well complains of: the reason in a sentence, what to do, and which button mends it.

Status, the wall, ``flask status`` and the alerts all ask here, so they cannot say different things of one account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from postmaster.accounts.credential_health import CredentialHealth, credential_health, need_of
from postmaster.accounts.health import Health, account_health
from postmaster.accounts.kinds import Grant
from postmaster.accounts.models import AccountState, Credential, MailAccount
from postmaster.errors import FIRST_FETCH_HELD, FIRST_FETCH_WHY
from postmaster.quantity import quantity


class Mend(StrEnum):
    """What an admin presses. The value is what the button says."""

    AUTHORISE = "Authorise"
    CREDENTIAL = "Edit credential"
    ACCOUNT = "Edit account"
    FETCH = "Fetch now"
    CONFIRM = "Confirm"
    RESUME = "Resume"


# By the code of what the last fetch failed of. What nobody can mend in these pages is tried again by hand.
MENDS: Mapping[str, Mend] = {
    "host-unknown": Mend.ACCOUNT,
    "address-forbidden": Mend.ACCOUNT,
    "connect-refused": Mend.ACCOUNT,
    "connect-timeout": Mend.ACCOUNT,
    "connect-failed": Mend.ACCOUNT,
    "no-greeting": Mend.ACCOUNT,
    "server-unavailable": Mend.FETCH,
    "not-a-mail-server": Mend.ACCOUNT,
    "starttls-missing": Mend.ACCOUNT,
    "tls-failed": Mend.ACCOUNT,
    "certificate-untrusted": Mend.ACCOUNT,
    "certificate-name": Mend.ACCOUNT,
    "certificate-expired": Mend.FETCH,
    "certificate-invalid": Mend.FETCH,
    "ca-file-unusable": Mend.FETCH,
    "fingerprint-mismatch": Mend.ACCOUNT,
    "login-refused": Mend.CREDENTIAL,
    "login-unavailable": Mend.FETCH,
    "login-in-use": Mend.FETCH,
    "login-limit": Mend.FETCH,
    "login-disabled": Mend.ACCOUNT,
    "credential-missing": Mend.ACCOUNT,
    "credential-invalid": Mend.CREDENTIAL,
    "credential-elsewhere": Mend.CREDENTIAL,
    "credential-sealed": Mend.CREDENTIAL,
    "credential-unusable": Mend.CREDENTIAL,
    "provider-unreachable": Mend.FETCH,
    "provider-slow": Mend.FETCH,
    "provider-unavailable": Mend.FETCH,
    "provider-confused": Mend.CREDENTIAL,
    "provider-certificate": Mend.FETCH,
    "token-busy": Mend.FETCH,
    "authorisation-missing": Mend.AUTHORISE,
    "authorisation-ended": Mend.AUTHORISE,
    "consent-missing": Mend.AUTHORISE,
    "client-refused": Mend.CREDENTIAL,
    "token-denied": Mend.CREDENTIAL,
    "scopes-missing": Mend.AUTHORISE,
    "token-unsuitable": Mend.CREDENTIAL,
    "oauth-not-offered": Mend.ACCOUNT,
    "token-refused": Mend.CREDENTIAL,
    "mailbox-closed": Mend.ACCOUNT,
    "server-slow": Mend.FETCH,
    "memory-short": Mend.FETCH,
    "quit-lost": Mend.FETCH,
    "tls-broken": Mend.FETCH,
    "tls-outdated": Mend.FETCH,
    "certificate-nameless": Mend.ACCOUNT,
    "login-unclear": Mend.CREDENTIAL,
    "provider-refused": Mend.CREDENTIAL,
    "uids-missing": Mend.FETCH,
    "uids-not-unique": Mend.FETCH,
    "folder-missing": Mend.ACCOUNT,
    "folder-read-only": Mend.ACCOUNT,
    "folder-refused": Mend.FETCH,
    "connection-lost": Mend.FETCH,
    "server-silent": Mend.FETCH,
    "session-deadline": Mend.FETCH,
    "server-confused": Mend.FETCH,
    "server-refused": Mend.FETCH,
    "delete-refused": Mend.FETCH,
    "database-away": Mend.FETCH,
    "filters-not-compiled": Mend.FETCH,
    "lease-held": Mend.FETCH,
    "lease-lost": Mend.FETCH,
    "host-busy": Mend.FETCH,
    "fetching-paused": Mend.FETCH,
    "account-paused": Mend.RESUME,
    "first-fetch-held": Mend.CONFIRM,
    "run-died": Mend.FETCH,
    "unexpected": Mend.FETCH,
}

# By how its credential stands. Whatever else is wrong with one is mended where it is edited.
_CREDENTIAL_MENDS: Mapping[CredentialHealth, Mend] = {
    CredentialHealth.NEEDS_AUTHORISATION: Mend.AUTHORISE,
    CredentialHealth.NEEDS_UPDATE: Mend.AUTHORISE,
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """``reason`` is what is wrong, ``advice`` what to do (may be empty), ``credential_id`` whose button it may be."""

    reason: str
    advice: str
    mend: Mend
    credential_id: int | None = None

    def __str__(self) -> str:
        return f"{self.reason} {self.advice}".strip()


def complaint_of(account: MailAccount) -> Complaint | None:
    """What ``account`` complains of; None if nothing keeps its mail back."""
    health, state, credential = account_health(account), account.state, account.credential
    if state is not None and health is Health.PAUSED_BY_HAND:
        return _of_pause(state)
    if health in (Health.NEEDS_CREDENTIAL, Health.NEEDS_UPDATE):
        return _of_credential(credential)
    if health is Health.QUEUE_INVALID and account.queue is not None:
        reason = f"Its queue “{account.queue.name}” is not valid, so its mail is dispatched by address."
        return Complaint(reason, "Choose another queue, or set that one valid.", Mend.ACCOUNT)
    if state is None or health not in (Health.NEEDS_CONFIRMATION, Health.PAUSED, Health.FAILING):
        return None
    if health is Health.NEEDS_CONFIRMATION:
        return _of_first_fetch(state)
    return _of_failure(health, state, credential)


def _of_pause(state: AccountState) -> Complaint:
    reason = f"Paused by {state.paused_by} since {state.paused_at:%Y-%m-%d %H:%M} UTC: “{state.paused_reason}”."
    return Complaint(reason, "Its mail stays on the server until somebody resumes it.", Mend.RESUME)


def _of_credential(credential: Credential | None) -> Complaint:
    if credential is None:
        return Complaint("The account has no credential.", "Choose one in the account.", Mend.ACCOUNT)
    need, mend = need_of(credential), _CREDENTIAL_MENDS.get(credential_health(credential), Mend.CREDENTIAL)
    what, todo = (need.what, need.todo) if need else ("", "")
    return Complaint(what, todo, _possible(mend, credential), credential.id)


def _of_first_fetch(state: AccountState) -> Complaint:
    reason = FIRST_FETCH_HELD.format(messages=quantity(state.held_count or 0, "message"))
    return Complaint(reason, FIRST_FETCH_WHY, Mend.CONFIRM)


def _of_failure(health: Health, state: AccountState, credential: Credential | None) -> Complaint:
    by_health = Mend.CREDENTIAL if health is Health.PAUSED else Mend.FETCH
    mend = MENDS.get(state.error_code or "", by_health)
    reason = state.error_message or ("The login was refused." if health is Health.PAUSED else "The last fetch failed.")
    return Complaint(
        reason, state.error_advice or "", _possible(mend, credential), credential.id if credential else None
    )


def _possible(mend: Mend, credential: Credential | None) -> Mend:
    """``mend``, or to edit the credential where nobody can authorise it: it has no user who could sign in."""
    if mend is not Mend.AUTHORISE:
        return mend
    can_sign_in = (
        credential is not None
        and credential.spec.is_oauth
        and credential.effective_grant is not Grant.CLIENT_CREDENTIALS
    )
    return Mend.AUTHORISE if can_sign_in else Mend.CREDENTIAL
