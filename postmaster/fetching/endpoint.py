"""From an account to where its mail is fetched."""

from __future__ import annotations

from dataclasses import replace

from postmaster.accounts.hosts import is_for
from postmaster.accounts.mailbox import server_of
from postmaster.accounts.models import Credential, MailAccount
from postmaster.accounts.sealing import UnsealError, unseal
from postmaster.accounts.types import FOLDER, HOST
from postmaster.config import Environment
from postmaster.errors import mail_error
from postmaster.oauth.tokens import StoredTokens
from postmaster.resources.models import Validity
from postmaster.sources.base import Endpoint


def endpoint_of(account: MailAccount, settings: Environment) -> Endpoint:
    """Where and how to sign in for ``account``. Tokens are obtained only when they are needed.

    Raises ``credential-missing``, ``credential-invalid``, ``credential-elsewhere`` or ``credential-sealed``.
    """
    bare, credential = bare_endpoint_of(account, settings), account.credential
    if credential is None or account.login is None:
        raise mail_error("credential-missing")
    if credential.validity != Validity.VALID:
        raise mail_error("credential-invalid", credential=credential.name)
    if not is_for(credential.hosts, bare.host):
        raise mail_error("credential-elsewhere", credential=credential.name, hosts=credential.hosts, host=bare.host)
    by_token = credential.spec.is_oauth
    return replace(
        bare,
        login=account.login,
        password="" if by_token else _password(credential),
        tokens=StoredTokens(credential.id, bare.type.protocol, account.login) if by_token else None,
    )


def bare_endpoint_of(account: MailAccount, settings: Environment) -> Endpoint:
    """Where ``account`` is, without what signs in: for a look at the server."""
    kind = account.account_type
    return Endpoint(
        type=kind,
        host=server_of(account),
        port=(account.port or kind.port) if kind.has(HOST) else settings.outlook_port,
        login="",
        password="",
        folder=(account.folder or "INBOX") if kind.has(FOLDER) else "INBOX",
        ssl_verify=account.ssl_verify,
        ssl_fingerprint=account.ssl_fingerprint,
        ssl_verifycn_name=account.ssl_verifycn_name,
        answer_timeout=account.answer_timeout,
        ca_file=settings.ca_file,
        forbidden_networks=settings.forbidden_networks,
    )


def _password(credential: Credential) -> str:
    try:
        return unseal(credential.sealed_password)
    except UnsealError as error:
        raise mail_error("credential-sealed", credential=credential.name) from error
