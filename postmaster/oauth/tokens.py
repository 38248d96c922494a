"""``StoredTokens``: the access tokens that sources sign in with, renewed ahead of their end."""

from __future__ import annotations

import time

from postmaster.accounts.kinds import Grant
from postmaster.accounts.types import Protocol
from postmaster.errors import MailError, Temporary, mail_error
from postmaster.oauth.provider import Tokens
from postmaster.oauth.providers import provider_of
from postmaster.oauth.token_diagnosis import causes_of, diagnose, flaw_of
from postmaster.oauth.vault import CLAIM_SECONDS, Vault, claim, mark_refused, open_vault, store_renewed

# How often a worker looks whether another one has stored new tokens.
POLL_SECONDS = 0.2


class StoredTokens:
    """The TokenSource of a credential, for accounts that open the mailbox ``login`` with ``protocol``."""

    def __init__(self, credential_id: int, protocol: Protocol, login: str) -> None:
        self._credential_id = credential_id
        self._protocol = protocol
        self._login = login

    def get(self) -> str:
        """A token that is good for some minutes at least."""
        return access_token(self._credential_id)

    def renew(self, refused: str) -> str:
        """Another token than ``refused``."""
        return access_token(self._credential_id, refused)

    def describe(self, token: str) -> str:
        """What ``token`` is for. Raises ``token-unsuitable`` if it can be seen that no mail server takes it."""
        vault = open_vault(self._credential_id)
        if flaw := flaw_of(vault.registration, token, self._protocol):
            raise mail_error(
                "token-unsuitable", credential=vault.registration.credential, what=flaw.what, todo=flaw.todo
            )
        return diagnose(vault.signed_in_as, self._login, vault.registration.grant)

    def causes(self, token: str) -> str:
        """Why a mail server may not take ``token``: the likeliest first, unless the token itself says it."""
        vault = open_vault(self._credential_id)
        return causes_of(vault.registration, token, self._protocol, self._login, vault.signed_in_as)


def access_token(credential_id: int, refused: str = "") -> str:
    """An access token of the credential that is not ``refused``, renewed if need be. Raises MailError, stage token.

    Of several workers that need one at once, one renews it, and the others wait for what it stores. If the provider
    does not answer while the token that is there still works, that one will do.
    """
    ends = time.monotonic() + CLAIM_SECONDS
    while True:
        vault = open_vault(credential_id)
        if vault.is_fresh and vault.access != refused:
            return vault.access
        if claimed := claim(vault):
            token = _renew(vault, claimed, refused)
            if token:
                return token
        elif time.monotonic() > ends:
            raise mail_error("token-busy", credential=vault.registration.credential, seconds=CLAIM_SECONDS)
        else:
            time.sleep(POLL_SECONDS)


def _renew(vault: Vault, claimed: str, refused: str) -> str:
    """The new access token; empty if another worker has stored one meanwhile."""
    try:
        tokens = ask_provider(vault)
    except MailError as error:
        if not mark_refused(vault, claimed, error):
            return ""
        if isinstance(error, Temporary) and vault.still_works and vault.access != refused:
            return vault.access
        raise
    store_renewed(vault, tokens)
    return tokens.access


def ask_provider(vault: Vault) -> Tokens:
    """New tokens, by whichever way the credential has. Raises MailError, stage token."""
    provider = provider_of(vault.registration)
    if vault.registration.grant is Grant.CLIENT_CREDENTIALS:
        return provider.own()
    if not vault.refresh:
        raise mail_error(
            "authorisation-ended",
            provider=vault.registration.provider,
            credential=vault.registration.credential,
            what="the access token has ended, and there is no refresh token",
            todo="Add offline_access to Scopes, or allow refresh tokens in the app's registration. Authorise it again.",
        )
    return provider.refresh(vault.refresh)
