"""Which IdentityProvider a registration is with."""

from __future__ import annotations

from postmaster.accounts.kinds import CredentialKind
from postmaster.oauth.provider import IdentityProvider
from postmaster.oauth.registration import Registration


def provider_of(registration: Registration) -> IdentityProvider:
    """The way to the provider that ``registration`` is with.

    Imported here, as Redis is where it is used (``broker``): most commands need none of these libraries, and would
    take a fifth longer to start with them (measured: 160 ms of processor time on top of 850).
    """
    if registration.kind is CredentialKind.MICROSOFT:
        from postmaster.oauth.microsoft import Microsoft

        return Microsoft(registration)
    from postmaster.oauth.standard import Standard

    return Standard(registration)
