"""Mail accounts of a dump. What they sign in with becomes a credential, with its password sealed at once."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.health import is_usable
from postmaster.accounts.kinds import CREDENTIAL_NAME, PASSWORD
from postmaster.accounts.models import Credential
from postmaster.accounts.service import AccountService
from postmaster.accounts.types import ACCOUNT_TYPES, EMAIL_ADDRESS, FOLDER
from postmaster.errors import InputError
from postmaster.otrs.names import Names, refuse
from postmaster.otrs.oauth import OAuthTaker
from postmaster.otrs.report import Taken
from postmaster.otrs.rows import DumpRow
from postmaster.otrs.upsert import Result, Upserter

TYPES_BY_NAME = {name.upper(): name for name in ACCOUNT_TYPES}

# Znuny fetches Exchange Online by IMAP with a token, or by Microsoft's own interface.
MICROSOFT_HOSTS = {"outlook.office365.com", "outlook.office.com"}
OUTLOOK, GRAPH = "Outlook365", "MSGRAPH"

# Types of accounts that OTOBO's package MailAccount-OAuth2 adds, all for OAuth2.
_PACKAGE_TYPES = {
    "IMAPOAUTH2": "IMAPS",
    "IMAPSOAUTH2": "IMAPS",
    "IMAPTLSOAUTH2": "IMAPTLS",
    "POP3OAUTH2": "POP3S",
    "POP3SOAUTH2": "POP3S",
    "POP3SSOAUTH2": "POP3S",
    "POP3TLSOAUTH2": "POP3TLS",
}

WITHOUT_SECRET = "The credential “{name}” needs a password: {why}. Run: flask credential set '{name}' --password-stdin"  # noqa: S105
WITHOUT_CONSENT = (
    "It signs in with OAuth2, and the dump does not hold with what: dump the tables oauth2_token_config and "
    "oauth2_token as well, or add an OAuth2 credential and select it."
)
UNAUTHORISED = "The credential “{name}” cannot be used yet; see what is said of it."
BY_GRAPH = "Microsoft Graph fetched it there; here it is fetched by IMAP, which Exchange Online must allow the mailbox."


class AccountTaker:
    """Takes mail accounts."""

    def __init__(self, session: Session, names: Names, oauth: OAuthTaker, actor: str) -> None:
        self._names = names
        self._oauth = oauth
        self._credentials = CredentialService(session, actor)
        self._accounts = Upserter(AccountService(session, actor))

    def take(self, row: DumpRow) -> Result:
        """Take one. Raises InputError or InvalidFieldsError."""
        item = self._item(row)
        credential, lacks = self._credential(row, item)
        if credential is not None:
            item["credential"] = credential.name
        result = self._accounts.bring(item)
        if not is_usable(result.record.credential):
            result = result.adding(lacks)
        is_new = result.taken is Taken.CREATED
        return result.adding(BY_GRAPH) if is_new and row.get("account_type").upper() == GRAPH else result

    def warnings(self) -> list[str]:
        """What the command that adds accounts would say about them."""
        return self._accounts.warnings()

    def _item(self, row: DumpRow) -> dict[str, str]:
        """The account's fields, without its credential."""
        account_type = self._type(row)
        kind = ACCOUNT_TYPES[account_type]
        host, _, port = row.get("host").partition(":")
        item = {
            "type": account_type,
            "trusted": "yes" if row.get("trusted") not in ("", "0") else "no",
            "validity": self._names.validity(row),
            "comment": row.comment(),
            **self._dispatching(row),
        }
        item |= {EMAIL_ADDRESS.name: row.get("login")} if kind.has(EMAIL_ADDRESS) else {"host": host, "port": port}
        if kind.has(FOLDER):
            folder = row.get("imap_folder").strip()
            item[FOLDER.name] = "" if folder.upper() == "INBOX" else folder
        return item

    def _type(self, row: DumpRow) -> str:
        given = row.get("account_type").strip() or "POP3"  # what it means in old installations
        given = _PACKAGE_TYPES.get(given.upper(), given)
        if given.upper() == GRAPH or (_by_token(row) and row.get("host").lower() in MICROSOFT_HOSTS):
            return OUTLOOK
        if given.upper() not in TYPES_BY_NAME:
            raise refuse("Type", f"is “{given}”, which is not known here", f"Known are {', '.join(ACCOUNT_TYPES)}.")
        return TYPES_BY_NAME[given.upper()]

    def _dispatching(self, row: DumpRow) -> Mapping[str, str]:
        number = row.get("queue_id")
        if number in ("", "0"):
            return {"dispatching": "to"}
        return {"dispatching": "queue", "queue": self._names.queue(number)}

    def _credential(self, row: DumpRow, item: Mapping[str, str]) -> tuple[Credential | None, str]:
        """The credential of an account, made if there is none of that name, and what it lacks."""
        login = row.get("login").strip()
        if found := self._oauth.credential(row.get("oauth2_token_config_id"), login) if _by_token(row) else None:
            return found, UNAUTHORISED.format(name=found.name)
        if item["type"] == OUTLOOK:
            return None, WITHOUT_CONSENT
        name = f"{login} ({item['host']})"
        credential = self._credentials.named(CREDENTIAL_NAME.parse(name))
        if credential is None:
            texts = {"name": name, "username": login, "comment": "Taken over with its mail account."}
            credential = self._credentials.add(texts, secrets=False)
        if credential.sealed_password:
            return credential, ""
        if _by_token(row):
            return credential, WITHOUT_CONSENT
        return credential, self._give_password(credential, row.get("pw"))

    def _give_password(self, credential: Credential, password: str) -> str:
        """Seal the password; returns what to do if it cannot be used. It is never shown."""
        try:
            PASSWORD.parse(password)
        except InputError:
            why = "the dump has none" if not password else "the one in the dump cannot be used"
            return WITHOUT_SECRET.format(name=credential.name, why=why)
        self._credentials.change(credential, {PASSWORD.name: password})
        return ""


def _by_token(row: DumpRow) -> bool:
    by_type = row.get("account_type").strip().upper() in _PACKAGE_TYPES
    return by_type or row.get("authentication_type").startswith("oauth2")
