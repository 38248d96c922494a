"""What a credential says about an app that is registered with an identity provider, ready for use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from postmaster import config
from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.accounts.models import Credential
from postmaster.accounts.sealing import UnsealError, unseal
from postmaster.config import Environment
from postmaster.config.readers import Network
from postmaster.errors import mail_error

PROVIDER_NAMES = {
    CredentialKind.MICROSOFT: "Microsoft",
    CredentialKind.GOOGLE: "Google",
    CredentialKind.GENERIC: "The identity provider",
}

# The tenant of whoever signs in, as long as it is that of an organisation.
ANY_TENANT = "organizations"


@dataclass(frozen=True)
class Registration:
    """An app as its identity provider knows it. Secrets are in the clear, and only here: ``repr`` leaves them out.

    ``token_url`` is Microsoft's authority with the tenant, which says the rest; ``scopes`` are what to ask for.
    """

    credential: str
    kind: CredentialKind
    grant: Grant
    client_id: str
    client_secret: str = field(repr=False)
    certificate: str = field(repr=False)
    scopes: tuple[str, ...]
    tenant: str
    authorize_url: str
    token_url: str
    device_url: str
    username: str
    outlook_host: str
    ca_file: Path | None
    forbidden_networks: tuple[Network, ...]

    @property
    def provider(self) -> str:
        """The provider's name."""
        return PROVIDER_NAMES[self.kind]


def registration_of(credential: Credential) -> Registration:
    """The registration that ``credential``, of an OAuth2 kind, describes. Raises ``credential-sealed``."""
    environment = config.current()
    try:
        secret, certificate = (
            unseal(sealed) if sealed else ""
            for sealed in (credential.sealed_client_secret, credential.sealed_client_certificate)
        )
    except UnsealError as error:
        raise mail_error("credential-sealed", stage="token", credential=credential.name) from error
    authorize_url, token_url = _urls(credential, environment)
    return Registration(
        credential=credential.name,
        kind=credential.kind,
        grant=credential.effective_grant or Grant.AUTHORIZATION_CODE,
        client_id=credential.client_id or "",
        client_secret=secret,
        certificate=certificate,
        scopes=tuple(credential.wanted_scopes(environment.outlook_host)),
        tenant=credential.tenant or ANY_TENANT,
        authorize_url=authorize_url,
        token_url=token_url,
        device_url=credential.device_endpoint or "",
        username=credential.username,
        outlook_host=environment.outlook_host,
        ca_file=environment.ca_file,
        forbidden_networks=environment.forbidden_networks,
    )


def _urls(credential: Credential, environment: Environment) -> tuple[str, str]:
    """Where people sign in, and where tokens are handed out."""
    if credential.kind is CredentialKind.MICROSOFT:
        authority = f"{environment.microsoft_authority}/{credential.tenant or ANY_TENANT}"
        return f"{authority}/oauth2/v2.0/authorize", authority
    if credential.kind is CredentialKind.GOOGLE:
        return environment.google_authorize_url, environment.google_token_url
    return credential.authorization_endpoint or "", credential.token_endpoint or ""
