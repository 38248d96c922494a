"""Errors as part of the interface: a stable code, a sentence that says what is wrong, and what to do.

Every error that a user can meet is a ``PostMasterError``. What can go wrong with a mail server is data: ``FAULTS``
lists each case once, and pages, command line, log and help show the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FaultStage = Literal[
    "dns", "connect", "tls", "token", "login", "permission", "folder", "list", "read", "record", "delete", "lease"
]


class PostMasterError(Exception):
    """Something a user can act on. ``exit_code`` is what a command ends with that meets it (``cli.door``)."""

    exit_code = 2

    def __init__(self, code: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.advice) if part)

    def sentences(self) -> list[str]:
        """What it says, one line each."""
        return [f"{self} [{self.code}]"]


class ConfigError(PostMasterError):
    """The environment, a setting or the database is not as it must be; nothing was started."""


class InputError(PostMasterError):
    """A value that somebody entered is refused. ``field`` is the name of the field as the user knows it."""

    def __init__(self, field: str, message: str, advice: str = "", code: str = "invalid-value") -> None:
        super().__init__(code, message, advice)
        self.field = field


class NotFoundError(PostMasterError):
    """A name or number that nothing answers to, or that several things answer to."""


class MailError(PostMasterError):
    """A mail server, or the way to it, did not do what a fetch needs.

    ``stage`` says how far it got, ``server`` holds the server's own words (may be empty). ``retry_after`` is after how
    many seconds the server wants to be asked again, where it said so.
    """

    exit_code = 1

    def __init__(self, code: str, stage: FaultStage, message: str, advice: str = "", server: str = "") -> None:
        super().__init__(code, message, advice)
        self.stage: FaultStage = stage
        self.server = server
        self.retry_after: float | None = None

    def as_dict(self) -> dict[str, str]:
        """The form that ``--json`` prints (docs/reference.md#json)."""
        return {
            "code": self.code,
            "stage": self.stage,
            "message": self.message,
            "advice": self.advice,
            "server": self.server,
        }


class Temporary(MailError):  # noqa: N818 - the field's word, see docs/glossary.md#fetching
    """Trying again later, with nothing changed, may help."""


class Permanent(MailError):  # noqa: N818 - the field's word, see docs/glossary.md#fetching
    """Somebody has to change something first."""


@dataclass(frozen=True)
class Fault:
    """One way in which fetching fails. ``message`` and ``advice`` may name details in braces."""

    code: str
    stage: FaultStage
    temporary: bool
    message: str
    advice: str


# An account says both, each in its place, as long as it waits. ``messages`` is how many there are, as in "1 message".
FIRST_FETCH_HELD = "This mailbox was never fetched before and holds {messages}."
FIRST_FETCH_WHY = (
    "All mail in it would become tickets and be deleted on the server, so an admin has to confirm it first."
)

_FAULTS = (
    Fault("host-unknown", "dns", True, "The host name {host} is not known.",
          "Check the spelling of Host, and that this machine can reach its DNS server."),
    Fault("address-forbidden", "dns", False, "{host} is at {address}, where PostMaster may not connect to.",
          "Check the spelling of the host. If it is right, have whoever runs PostMaster take {network} out of "
          "POSTMASTER_FORBIDDEN_NETWORKS."),
    Fault("connect-refused", "connect", True, "{host} refuses connections on port {port}.",
          "Check Host, Port and Type: the server may offer another protocol, or be down."),
    Fault("connect-timeout", "connect", True, "{host} did not answer on port {port} within {seconds} s.",
          "Check Host and Port, and whether a firewall lets this machine through."),
    Fault("connect-failed", "connect", True, "{host} could not be reached on port {port}: {why}.",
          "Check Host and Port, and the network of this machine."),
    Fault("no-greeting", "connect", True,
          "{host} took the connection on port {port}, but did not greet within {seconds} s.",
          "Check Port and Type: a TLS port needs an IMAPS or POP3S type, a plain port another one."),
    Fault("server-unavailable", "connect", True, "{host} accepts no connections at the moment.",
          "Nothing to do here: the next run tries again. If it lasts, ask the mail server's administrator."),
    Fault("not-a-mail-server", "connect", False, "What answers at {host} port {port} does not speak {protocol}.",
          "Check Port and Type: a TLS port needs an IMAPS or POP3S type, a plain port another one."),
    Fault("starttls-missing", "tls", False, "{host} does not offer STARTTLS on port {port}, so nothing was sent.",
          "Choose the {protocol}S type, which encrypts from the start, or have STARTTLS switched on."),
    Fault("tls-failed", "tls", False, "An encrypted connection to {host} could not be set up.",
          "Check Type and Port: a port without TLS answers like this."),
    Fault("tls-broken", "tls", True, "The connection to {host} broke while encryption was being set up.",
          "Nothing to do here: the next run tries again. If it lasts, check Type and Port, and ask the mail server's "
          "administrator."),
    Fault("tls-outdated", "tls", False, "{host} offers outdated encryption only, which is no longer secure.",
          "Ask its operator for TLS 1.2 or later with current keys and ciphers. Nothing was sent."),
    Fault("certificate-untrusted", "tls", False, "The certificate of {host} is not signed by a CA known here.",
          "Self-signed? Compare its fingerprint, and enter it as SSL Fingerprint. Own CA? Set POSTMASTER_CA_FILE. "
          "Otherwise have the server send its full chain."),
    Fault("certificate-name", "tls", False, "The certificate of {host} names a different host: {names}.",
          "Use that name as Host, or enter it as SSL VerifyCN Name if you know it to be right."),
    Fault("certificate-nameless", "tls", False,
          "The certificate of {host} names no host where that counts (subjectAltName), it is only called {names}.",
          "Have its operator issue one with the name in subjectAltName. If you know it to be right, enter its SSL "
          "Fingerprint instead."),
    Fault("certificate-expired", "tls", False, "The certificate of {host} has expired or is not valid yet.",
          "Have it renewed on the mail server, and check the clock of this machine."),
    Fault("certificate-invalid", "tls", False, "The certificate of {host} is not valid.",
          "Have the mail server's administrator look at it."),
    Fault("ca-file-unusable", "tls", False, "The file {file} holds no certificates that can be read.",
          "Have POSTMASTER_CA_FILE name a file with certificates in PEM form."),
    Fault("fingerprint-mismatch", "tls", False,
          "The certificate of {host} is not the one with the given SSL Fingerprint; it has {actual}.",
          "If the server's certificate was renewed, compare with its administrator and enter the new fingerprint. "
          "If not, somebody may be listening in: do not change anything."),
    Fault("login-refused", "login", False, "{host} refused the login of {login}.",
          "Check user name and password of the credential; the account waits until they or its settings change."),
    Fault("login-unclear", "login", True,
          "{host} refused the login of {login}, but not clearly because of the password.",
          "The next run tries again, less and less often; after a day of this the account waits until its credential "
          "or its settings change. Read the server's words, and check user name and password of the credential."),
    Fault("login-unavailable", "login", True, "{host} cannot check logins at the moment.",
          "Nothing to do here: the next run tries again. If it lasts, ask the mail server's administrator."),
    Fault("login-in-use", "login", True, "The mailbox of {login} on {host} is in use by another session.",
          "Close other programs that fetch this mailbox; the next run tries again."),
    Fault("login-limit", "login", True, "{host} allows {login} no more sessions at the moment.",
          "Nothing to do here: the next run tries again. If it lasts, lower SessionsPerHost or fetch less often."),
    Fault("login-disabled", "login", False,
          "{host} does not accept passwords on this connection; it offers: {offered}.",
          "Choose a type with TLS (IMAPS, IMAPTLS, POP3S, POP3TLS), or a credential of another kind."),
    Fault("credential-missing", "login", False, "The account has no credential.",
          "Select a valid credential in the account."),
    Fault("credential-invalid", "login", False, "The credential “{credential}” is not valid.",
          "Set the credential valid, or select another one."),
    Fault("credential-elsewhere", "login", False,
          "The credential “{credential}” may be used at {hosts} only, not at {host}, so nothing was sent.",
          "Check Host in the account, or enter it in Hosts of the credential if it is right."),
    Fault("credential-sealed", "login", False, "No key opens the secrets of the credential “{credential}”.",
          "Restore the key that they were sealed with, in credential.key or POSTMASTER_CREDENTIAL_KEYS, or enter them "
          "again."),
    Fault("credential-unusable", "login", False,
          "User name or password of the credential hold a line break or a NUL character, so nothing was sent.",
          "Enter them again, without what was pasted along."),
    Fault("provider-unreachable", "token", True, "{provider} could not be reached at {address}.",
          "Check the network of this machine, and that it may connect to there. The next run tries again."),
    Fault("provider-slow", "token", True, "{provider} did not answer at {address} within {seconds} s.",
          "Nothing to do here: the next run tries again. If it lasts, check the network of this machine."),
    Fault("provider-unavailable", "token", True, "{provider} hands out no tokens at the moment.",
          "Nothing to do here: the next run tries again. If it lasts, look at the provider's status page."),
    Fault("provider-confused", "token", True, "What answers at {address} does not look like {provider}.",
          "Check the addresses of the credential, and whether a proxy answers in the provider's place."),
    Fault("provider-certificate", "token", False, "The certificate of {provider} at {address} is not trusted.",
          "If a proxy of your company, or a provider inside of it, signs with a CA of its own, name that in "
          "POSTMASTER_CA_FILE. Check the clock of this machine."),
    Fault("token-busy", "token", True, "Another run has been renewing the tokens of “{credential}” for {seconds} s.",
          "Nothing to do here: the next run tries again."),
    Fault("authorisation-missing", "token", False, "The credential “{credential}” was never authorised.",
          "Open the credential and choose Authorise, or run: flask credential authorise NAME"),
    Fault("authorisation-ended", "token", False, "{provider} ended the authorisation of “{credential}”: {what}.",
          "{todo}"),
    Fault("consent-missing", "token", False, "{provider} has no consent for “{credential}”: {what}.", "{todo}"),
    Fault("client-refused", "token", False, "{provider} refused the app of “{credential}”: {what}.", "{todo}"),
    Fault("provider-refused", "token", True, "{provider} gave no token for “{credential}”: {what}.",
          "The next run tries again, less and less often; after a day of this the account waits until its credential "
          "or its settings change. {todo}"),
    Fault("token-denied", "token", False, "{provider} gave no token for “{credential}”: {what}.", "{todo}"),
    Fault("scopes-missing", "token", False, "The authorisation of “{credential}” does not cover: {what}.",
          "Authorise it again and leave all boxes ticked. If they are not offered, add the permissions to the app."),
    Fault("token-unsuitable", "token", False, "The token of “{credential}” cannot open mailboxes: {what}.", "{todo}"),
    Fault("oauth-not-offered", "login", False, "{host} takes no OAuth2 tokens for {protocol} on this connection.",
          "Choose a type with TLS, or a credential of kind basic, or have XOAUTH2 or OAUTHBEARER switched on."),
    Fault("token-refused", "login", True, "{host} refused the access token for {login}.", "{causes}"),
    Fault("mailbox-closed", "permission", False, "{host} took the access token, but does not open the mailbox {login}.",
          "{causes}"),
    Fault("folder-missing", "folder", False, "There is no folder “{folder}” in the mailbox of {login}.",
          "Check IMAP Folder; folders that exist: {folders}."),
    Fault("folder-read-only", "folder", False, "The folder “{folder}” can be read but not changed by {login}.",
          "Fetched mail must be deleted: have the right to delete granted, or choose another folder."),
    Fault("folder-refused", "folder", True, "{host} did not open the folder “{folder}”.",
          "If it lasts, ask the mail server's administrator."),
    Fault("connection-lost", "read", True, "The connection to {host} broke.",
          "Nothing to do here: what was not stored is still on the server, and the next run goes on."),
    Fault("server-silent", "read", True, "{host} stopped answering: nothing came for {seconds} s.",
          "Nothing is lost, and the next run goes on. If it lasts, ask the mail server's administrator."),
    Fault("session-deadline", "read", True, "{host} was too slow: the session was ended after {seconds} s.",
          "Nothing is lost, and the next run goes on. If it lasts, ask the mail server's administrator."),
    Fault("server-slow", "list", True, "{host} was too slow: {what} took longer than {seconds} s.",
          "Nothing is lost. The account is tried again, less and less often, and leaves a worker to the others. Ask "
          "the mail server's administrator why it answers so slowly; Test connection shows at which step it does."),
    Fault("uids-not-unique", "list", True, "{host} gives several messages of “{folder}” the same UID, or none.",
          "Nothing was touched, for a UID would delete the wrong message. Have the server's administrator rebuild the "
          "folder's index, or move the mail to another folder."),
    Fault("uids-missing", "list", True, "{host} tells no UID of any message in “{folder}”.",
          "Nothing was touched, for without UIDs nobody can tell which message is deleted. The next run tries again. "
          "If it lasts, have the server's administrator look at it, or fetch this mailbox with a POP3 type."),
    Fault("server-confused", "read", True, "{host} answered something that could not be understood.",
          "If it lasts, show the server's words to its administrator."),
    Fault("server-refused", "read", True, "{host} refused a command.",
          "If it lasts, show the server's words to its administrator."),
    Fault("quit-lost", "delete", True, "{host} hung up when it was to delete what was fetched.",
          "No mail is lost or taken twice: the next run sees what is left. If it lasts, ask the mail server's "
          "administrator."),
    Fault("memory-short", "read", True, "PostMaster has not enough memory to go on. The mail server is not to blame.",
          "Nothing was deleted that was not stored. Give it more memory (ulimit, MemoryMax, the container's limit), "
          "or lower PostmasterMaxEmailSize."),
    Fault("delete-refused", "delete", True, "{host} did not delete mail that was fetched and stored.",
          "No mail is lost or taken twice; the next run tries again. If it lasts, check the rights on the mailbox."),
    Fault("database-away", "record", True, "The database could not store the mail.",
          "Nothing was deleted on the server. Check that the database runs and has space; the next run goes on."),
    Fault("filters-not-compiled", "read", True, "The filters could not be compiled: no process could start.",
          "Nothing is lost, and the next run goes on. If it lasts, look whether memory or processes run out."),
    Fault("lease-held", "lease", True, "Another run is fetching this mailbox: {holder}.",
          "Wait until it has ended."),
    Fault("lease-lost", "lease", True, "This run was overtaken by another one, because it stood still too long.",
          "Nothing to do: the other run goes on with the same mail."),
    Fault("host-busy", "lease", True, "{host} already has {limit} sessions, as many as SessionsPerHost allows.",
          "Wait, or raise the setting SessionsPerHost."),
    Fault("fetching-paused", "lease", True, "All fetching is paused by {who} since {since}: “{reason}”.",
          "When the reason is gone, run: flask pause off"),
    Fault("account-paused", "lease", True, "The account is paused by {who} since {since}: “{reason}”.",
          "When the reason is gone, resume it, or run: flask account resume ACCOUNT"),
    Fault("first-fetch-held", "list", False,
          f"{FIRST_FETCH_HELD} {FIRST_FETCH_WHY}",
          "Confirm it by: flask account confirm ID. flask fetch --account ID needs no confirmation."),
    Fault("run-died", "record", True, "The last run was cut off: its process ended without a word.",
          "Nothing is lost, and the next run goes on. If it happens again, look whether memory runs out."),
    Fault("unexpected", "read", True, "Something unexpected went wrong; reference {reference}.",
          "Nothing was deleted that was not stored. Look for the reference in the log, and report it."),
)  # fmt: skip

# Refused logins: the account waits until its settings or its credential change; at once if it is certain that the
# password is wrong, else after a day of nothing but such refusals.
PAUSING = ("login-refused",)
UNCLEAR = ("login-unclear", "token-refused", "provider-refused")

FAULTS: dict[str, Fault] = {fault.code: fault for fault in _FAULTS}


def mail_error(code: str, *, stage: FaultStage | None = None, server: str = "", **details: object) -> MailError:
    """The error for ``code`` in ``FAULTS``, its sentence filled in with ``details``; raise what it returns.

    ``stage`` overrides the stage of the table where the same fault can happen at several.
    """
    fault = FAULTS[code]
    kind = Temporary if fault.temporary else Permanent
    message, advice = fault.message.format(**details), fault.advice.format(**details)
    return kind(code, stage or fault.stage, message, advice, server)
