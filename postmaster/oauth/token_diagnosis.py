"""Why a mail server does not take a token: what can be seen in it, else all likely causes, each with its check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.types import Protocol
from postmaster.oauth.jwt import claims_of
from postmaster.oauth.registration import Registration

# What Exchange Online is called in the audience of a token beside the host that mail is fetched from; the number is its
# application id.
_EXCHANGE = ("outlook.office", "00000002-0000-0ff1-ce00-000000000000")


@dataclass(frozen=True)
class ExchangeNames:
    """What a protocol is called at Microsoft: the permissions as they stand in tokens, and the switch of a mailbox."""

    role: str
    scope: str
    switch: str


EXCHANGE_NAMES: dict[Protocol, ExchangeNames] = {
    Protocol.IMAP: ExchangeNames("IMAP.AccessAsApp", "IMAP.AccessAsUser.All", "ImapEnabled"),
    Protocol.POP3: ExchangeNames("POP.AccessAsApp", "POP.AccessAsUser.All", "PopEnabled"),
}


@dataclass(frozen=True)
class Cause:
    """Something that keeps a mailbox shut; ``todo`` is how to see it, or to mend it."""

    what: str
    todo: str


def flaw_of(registration: Registration, token: str, protocol: Protocol) -> Cause | None:
    """What is wrong with ``token`` itself, as far as it can be seen; Microsoft's are told apart."""
    claims = claims_of(token)
    if registration.kind is not CredentialKind.MICROSOFT or not claims:
        return None
    audience = str(claims.get("aud", ""))
    if not any(name in audience for name in (*_EXCHANGE, registration.outlook_host)):
        return Cause(f"it is issued for {audience or 'nobody'}, not to Exchange Online", "Leave Scopes empty.")
    if registration.grant is Grant.CLIENT_CREDENTIALS:
        return _lacks(
            claims.get("roles"), EXCHANGE_NAMES[protocol].role, "Application permissions, Office 365 Exchange Online"
        )
    return _lacks(
        str(claims.get("scp", "")).split(), EXCHANGE_NAMES[protocol].scope, "Delegated permissions, Microsoft Graph"
    )


def _lacks(held: object, needed: str, where: str) -> Cause | None:
    held = held if isinstance(held, list) else []
    if needed in held:
        return None
    todo = f"Add {needed} under API permissions ({where}), grant admin consent, and authorise the credential again."
    return Cause(f"it lacks the permission {needed}; it has {', '.join(map(str, held)) or 'none'}", todo)


def diagnose(signed_in_as: str, login: str, grant: Grant) -> str:
    """Whose token it is, and for which mailbox."""
    if grant is Grant.CLIENT_CREDENTIALS:
        return f"The app itself signs in, for mailbox {login}."
    return signs_in_as(signed_in_as, login) or f"Signs in as {login}."


def signs_in_as(signed_in_as: str, login: str) -> str:
    """That somebody else than the mailbox itself signs in, as for shared mailboxes; empty if nobody else does."""
    if not signed_in_as or signed_in_as.casefold() == login.casefold():
        return ""
    return f"Signs in as {signed_in_as} for mailbox {login}."


def causes_of(registration: Registration, token: str, protocol: Protocol, login: str, signed_in_as: str) -> str:
    """Why a mail server does not let ``token`` into the mailbox ``login``, as advice."""
    if flaw := flaw_of(registration, token, protocol):
        return f"The token says why: {flaw.what}. {flaw.todo}"
    causes = list(_causes(registration, protocol, login, signed_in_as))
    listed = "\n".join(f"({number}) {cause.what} {cause.todo}" for number, cause in enumerate(causes, 1))
    return f"The server does not say why. The likeliest causes first:\n{listed}"


def _causes(registration: Registration, protocol: Protocol, login: str, signed_in_as: str) -> Iterator[Cause]:
    if registration.kind is CredentialKind.MICROSOFT:
        yield from _microsoft(registration, protocol, login, signed_in_as)
    elif registration.kind is CredentialKind.GOOGLE:
        if signs_in_as(signed_in_as, login):
            yield Cause(f"{signed_in_as} signed in, but Gmail opens nobody else's mailbox.", f"Sign in as {login}.")
        yield Cause(f"{protocol} is switched off for {login}.", "Check Gmail's settings, Forwarding and POP/IMAP.")
        yield Cause(f"{login} is misspelt.", "Compare it with the name of the Google account.")
    else:
        yield Cause(f"The token is not for {login}.", "Check the user name of the credential.")
        yield Cause("The mail server expects another audience or scope.", "Compare Scopes with its settings.")
        yield Cause("The mail server does not know this provider.", "Look into its log.")


def _microsoft(registration: Registration, protocol: Protocol, login: str, signed_in_as: str) -> Iterator[Cause]:
    """Exchange has one answer for all of these."""
    if registration.grant is Grant.CLIENT_CREDENTIALS:
        yield Cause("The app has no permission for the mailbox.", f"Check: Get-MailboxPermission -Identity {login}")
        yield Cause(
            "Its service principal is not in Exchange, or has the object id of the app registration.",
            "Check: Get-ServicePrincipal; the id must be that of the Enterprise application.",
        )
    elif signs_in_as(signed_in_as, login):
        yield Cause(
            f"{signed_in_as} has no Full Access to the mailbox.", f"Check: Get-MailboxPermission -Identity {login}"
        )
    switch = EXCHANGE_NAMES[protocol].switch
    yield Cause(f"{protocol} is switched off for the mailbox.", f"Check: Get-CASMailbox {login} | fl {switch}")
    yield Cause(f"{login} is not a mailbox but an alias, a group, or misspelt.", f"Check: Get-Mailbox {login}")
    yield Cause("The permission is new.", "Exchange may take an hour to notice it.")
