"""Which IdentityProvider a registration is with."""

from __future__ import annotations

from postmaster.accounts.kinds import CredentialKind
from postmaster.oauth.provider import IdentityProvider
from postmaster.oauth.registration import Registration


def provider_of(registration: Registration) -> IdentityProvider:
    """The way to the provider that ``registration`` is with.

    Imported here, as Redis is where it is used (``broker``): together these libraries take as long to import as a
    command takes that needs none of them, and most do not.
    """
    if registration.kind is CredentialKind.MICROSOFT:
        from postmaster.oauth.microsoft import Microsoft

        return Microsoft(registration)
    from postmaster.oauth.standard import Standard

    return Standard(registration)
