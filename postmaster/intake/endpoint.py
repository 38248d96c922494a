"""From an account to where its mail is fetched."""

from __future__ import annotations

from postmaster.accounts.models import MailAccount
from postmaster.accounts.sealing import UnsealError, unseal
from postmaster.accounts.types import FOLDER
from postmaster.config import Settings
from postmaster.errors import mail_error
from postmaster.sources.base import Endpoint
from postmaster.system.models import Validity


def endpoint_of(account: MailAccount, settings: Settings) -> Endpoint:
    """Where and how to sign in for ``account``.

    Raises ``type-unavailable``, ``credential-missing``, ``credential-invalid`` or ``credential-sealed``.
    """
    kind = account.account_type
    if account.host is None:
        raise mail_error("type-unavailable", type=account.type)
    credential = account.credential
    if credential is None:
        raise mail_error("credential-missing")
    if credential.validity != Validity.VALID:
        raise mail_error("credential-invalid", credential=credential.name)
    try:
        password = unseal(credential.sealed_password)
    except UnsealError as error:
        raise mail_error("credential-sealed", credential=credential.name) from error
    return Endpoint(
        type=kind,
        host=account.host,
        port=account.port or kind.port,
        login=credential.username,
        password=password,
        folder=(account.folder or "INBOX") if kind.has(FOLDER) else "INBOX",
        ssl_verify=account.ssl_verify,
        ssl_fingerprint=account.ssl_fingerprint,
        ssl_verifycn_name=account.ssl_verifycn_name,
        ca_file=settings.ca_file,
    )
