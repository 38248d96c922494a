"""What to do at an identity provider so that a credential works, step by step, with the values filled in.

Sources: Microsoft Learn, "Authenticate an IMAP, POP or SMTP connection using OAuth"; Google, "OAuth 2.0 for Web Server
Applications" and "Manage App Audience".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.oauth.registration import PROVIDER_NAMES


@dataclass(frozen=True)
class SetupStep:
    """One thing to do. ``copy`` is to be copied there as it stands: an address, names, or a script.

    ``warning`` is why that will not be taken there.
    """

    title: str
    text: str
    copy: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Known:
    """What the steps are filled in with; empty where it is not known yet. ``object_id`` is the service principal's.

    ``outlook_host`` is where mail is fetched from at Microsoft; it tells the national clouds apart.
    """

    redirect_uri: str
    outlook_host: str = ""
    client_id: str = ""
    tenant: str = ""
    object_id: str = ""
    mailboxes: Sequence[str] = ()


def setup_steps(kind: CredentialKind, grant: Grant, known: Known) -> list[SetupStep]:
    """What to do for a credential of that ``kind`` and ``grant``."""
    return _STEPS[kind, grant](known)


# Hosts to which browsers may be sent back without HTTPS; no other.
_WITHOUT_HTTPS = {
    CredentialKind.MICROSOFT: ("localhost",),
    CredentialKind.GOOGLE: ("localhost", "127.0.0.1", "::1"),
}


def redirect_flaw(kind: CredentialKind, redirect_uri: str) -> str:
    """Why a provider of that ``kind`` does not let this address be registered, and what to do; empty if it does.

    Sources: Microsoft Learn, "Redirect URI (reply URL) best practices and limitations"; Google, "OAuth 2.0 for Web
    Server Applications", validation rules.
    """
    parts, excepted = urlsplit(redirect_uri), _WITHOUT_HTTPS.get(kind)
    if excepted is None or parts.scheme == "https" or parts.hostname in excepted:
        return ""
    pages = f"{parts.scheme}://localhost:{parts.port or 80}/"
    here = f"On this machine, open these pages at {pages} instead. " if parts.hostname in ("127.0.0.1", "::1") else ""
    return (
        f"{PROVIDER_NAMES[kind]} does not take this address: it must begin with https:// or http://localhost. {here}"
        "For others, serve the pages by HTTPS and set POSTMASTER_PUBLIC_URL."
    )


def _microsoft(known: Known) -> list[SetupStep]:
    return [
        _REGISTER,
        SetupStep(
            "Redirect URI",
            "In the app: Authentication, Add a platform, Web (not Single-page application). Enter this address.",
            known.redirect_uri,
            redirect_flaw(CredentialKind.MICROSOFT, known.redirect_uri),
        ),
        SetupStep(
            "Permissions",
            "API permissions, Add a permission, Microsoft Graph, Delegated permissions. Tick these:",
            "IMAP.AccessAsUser.All\nPOP.AccessAsUser.All\noffline_access",
        ),
        _SECRET,
        SetupStep(
            "Authorise",
            "Save, then choose Authorise and sign in as the mailbox itself, or as somebody with Full Access to it: a "
            "shared mailbox cannot sign in. For “flask credential authorise” switch on “Allow public client flows” "
            "under Authentication.",
        ),
        _OUTLOOK,
    ]


def _microsoft_app(known: Known) -> list[SetupStep]:
    return [
        _REGISTER,
        SetupStep(
            "Permissions",
            "API permissions, Add a permission, APIs my organization uses, Office 365 Exchange Online, Application "
            "permissions. Tick these, then press “Grant admin consent”:",
            "IMAP.AccessAsApp\nPOP.AccessAsApp",
        ),
        _SECRET,
        SetupStep(
            "Let the app into the mailbox",
            "As an Exchange administrator, in PowerShell (once before: Install-Module ExchangeOnlineManagement, "
            "Microsoft.Graph.Applications). The object id is that of the Enterprise application; that of the app "
            "registration does not work.",
            powershell(known),
        ),
        SetupStep("Try", "Save, then choose Try. Exchange may take an hour to notice a new permission."),
        _OUTLOOK,
    ]


def powershell(known: Known) -> str:
    """The commands that register the app's service principal in Exchange and let it into the mailboxes."""
    exchange, graph = _CLOUDS.get(known.outlook_host, ("", ""))
    find = f"Connect-MgGraph{graph} -Scopes Application.Read.All\n{_FIND_ID}"
    lines = [
        f"$app = {_quoted(known.client_id or 'CLIENT ID')}",
        f"$id = {_quoted(known.object_id)}" if known.object_id else find,
        f"Connect-ExchangeOnline{exchange} -Organization {_quoted(known.tenant or 'TENANT')}",
        "New-ServicePrincipal -AppId $app -ObjectId $id -DisplayName PostMaster",
        *(
            f"Add-MailboxPermission -Identity {_quoted(mailbox)} -User $id -AccessRights FullAccess"
            for mailbox in known.mailboxes or ("MAILBOX",)
        ),
    ]
    return "\n".join(lines)


# How PowerShell is told of a national cloud, by where that has its mail.
_CLOUDS = {
    "outlook.office365.us": (" -ExchangeEnvironmentName O365USGovGCCHigh", " -Environment USGov"),
    "outlook-dod.office365.us": (" -ExchangeEnvironmentName O365USGovDoD", " -Environment USGovDoD"),
    "partner.outlook.cn": (" -ExchangeEnvironmentName O365China", " -Environment China"),
}

_FIND_ID = "$id = (Get-MgServicePrincipal -Filter \"appId eq '$app'\").Id"


def _quoted(text: str) -> str:
    """A PowerShell string in which nothing is special."""
    return "'" + text.replace("'", "''").replace("\u2019", "\u2019\u2019").replace("\u2018", "\u2018\u2018") + "'"


def _google(known: Known) -> list[SetupStep]:
    return [
        SetupStep("Project", "In the Google Cloud console: choose a project, and enable the Gmail API in it."),
        SetupStep(
            "Scope",
            "Google Auth Platform, Data access: add this scope. No smaller one opens IMAP or POP3.",
            "https://mail.google.com/",
        ),
        SetupStep(
            "Audience",
            "Choose “Internal” if all mailboxes are in your Workspace. “External” and “Testing” is a trap: only the "
            "users listed there can sign in, and each authorisation ends after 7 days. Publish the app to avoid that.",
        ),
        SetupStep(
            "Client",
            "Clients, Create client, type “Web application”. Enter this as authorised redirect URI, then copy client "
            "ID and client secret.",
            known.redirect_uri,
            redirect_flaw(CredentialKind.GOOGLE, known.redirect_uri),
        ),
        SetupStep("Authorise", "Save, then choose Authorise and sign in as the mailbox: Gmail opens nobody else's."),
        SetupStep(
            "Mail account",
            "Enter the mailbox as User name here, and add a mail account: type IMAPS, host imap.gmail.com, with this "
            "credential.",
        ),
    ]


def _generic(known: Known) -> list[SetupStep]:
    return [
        SetupStep("Client", "Register a confidential client for the authorization code flow with PKCE (S256)."),
        SetupStep("Redirect URI", "Register this address for it.", known.redirect_uri),
        SetupStep(
            "Scopes",
            "Ask for what your mail server expects, openid to see who signed in, and offline_access where the provider "
            "gives refresh tokens only then. The token's audience and user name must be what the mail server checks.",
        ),
        SetupStep(
            "Authorise", "Save, then choose Authorise. With a device endpoint “flask credential authorise” works too."
        ),
    ]


def _generic_app(_known: Known) -> list[SetupStep]:
    return [
        SetupStep(
            "Client", "Register a confidential client, and allow it the client credentials grant (service account)."
        ),
        SetupStep("Mailbox", "Have the mail server accept tokens of that client for the mailboxes."),
        SetupStep("Try", "Save, then choose Try."),
    ]


_REGISTER = SetupStep(
    "App",
    "In the Entra admin center: App registrations, New registration, for this organization only. Copy Application "
    "(client) ID and Directory (tenant) ID from its overview.",
)
_SECRET = SetupStep(
    "Secret",
    "Certificates & secrets: make a client secret, and enter its Value (not its ID) and its expiry date here. Or "
    "upload a certificate, and enter it with its private key.",
)

_OUTLOOK = SetupStep(
    "Mail account",
    "Add a mail account of type Outlook365 with this credential, and the mailbox as E-mail Address. One credential "
    "does for all mailboxes that it may open.",
)

_STEPS: dict[tuple[CredentialKind, Grant], Callable[[Known], list[SetupStep]]] = {
    (CredentialKind.MICROSOFT, Grant.AUTHORIZATION_CODE): _microsoft,
    (CredentialKind.MICROSOFT, Grant.CLIENT_CREDENTIALS): _microsoft_app,
    (CredentialKind.GOOGLE, Grant.AUTHORIZATION_CODE): _google,
    (CredentialKind.GENERIC, Grant.AUTHORIZATION_CODE): _generic,
    (CredentialKind.GENERIC, Grant.CLIENT_CREDENTIALS): _generic_app,
}
