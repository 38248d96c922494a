"""Which IdentityProvider a registration is with."""

from __future__ import annotations

from collections.abc import Callable

from postmaster.accounts.kinds import CredentialKind
from postmaster.oauth.microsoft import Microsoft
from postmaster.oauth.provider import IdentityProvider
from postmaster.oauth.registration import Registration
from postmaster.oauth.standard import Standard

_PROVIDERS: dict[CredentialKind, Callable[[Registration], IdentityProvider]] = {
    CredentialKind.MICROSOFT: Microsoft,
    CredentialKind.GOOGLE: Standard,
    CredentialKind.GENERIC: Standard,
}


def provider_of(registration: Registration) -> IdentityProvider:
    """The way to the provider that ``registration`` is with."""
    return _PROVIDERS[registration.kind](registration)
