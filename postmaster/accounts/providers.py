"""``PROVIDERS``: where well-known providers keep mailboxes, so that an address is enough to find the server.

A row says what an ``incomingServer`` of Mozilla's autoconfig format does. Like there, a provider is known by the
domains of its addresses, and by those of the servers that take mail for other domains (their MX). Source: what each
provider tells its customers about setting up a mail program.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """A provider of mailboxes. ``host`` is its server for accounts of ``type``, at their usual port.

    ``local_login``: its users sign in with what stands before the @. ``note`` is what else it takes, as sentences.
    """

    name: str
    domains: tuple[str, ...]
    host: str
    type: str = "IMAPS"
    local_login: bool = False
    note: str = ""

    def login_of(self, address: str) -> str:
        """The user name of the mailbox with that address."""
        return address.rpartition("@")[0] if self.local_login else address


_IMAP_OFF = "IMAP has to be switched on in the settings of the mailbox."


def _by_app_password(name: str) -> str:
    return f"{name} takes an app password, which is made in the settings of the account there, not the usual one."


MICROSOFT = Provider(
    "Microsoft 365",
    (
        *("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.de", "hotmail.de", "live.de", "hotmail.co.uk"),
        *("onmicrosoft.com", "office365.com", "mx.microsoft"),
    ),
    "outlook.office365.com",
    "Outlook365",
)
GOOGLE = Provider(
    "Google",
    ("gmail.com", "googlemail.com", "google.com"),
    "imap.gmail.com",
    note=f"{_by_app_password('Google')} Or a credential of the kind OAuth2 Google.",
)

PROVIDERS = (
    MICROSOFT,
    GOOGLE,
    Provider("1&1 IONOS", ("ionos.de", "kundenserver.de", "online.de", "onlinehome.de"), "imap.ionos.de"),
    Provider("AOL", ("aol.com",), "imap.aol.com", note=_by_app_password("AOL")),
    Provider("Aruba", ("aruba.it",), "imaps.aruba.it"),
    Provider("Bluewin", ("bluewin.ch",), "imaps.bluewin.ch"),
    Provider("Comcast", ("comcast.net",), "imap.comcast.net"),
    Provider("Fastmail", ("fastmail.com", "fastmail.fm", "messagingengine.com"), "imap.fastmail.com"),
    Provider("Free", ("free.fr",), "imap.free.fr"),
    Provider("freenet", ("freenet.de",), "mx.freenet.de"),
    Provider("Gandi", ("gandi.net",), "mail.gandi.net"),
    Provider("GMX", ("gmx.de", "gmx.net", "gmx.at", "gmx.ch"), "imap.gmx.net", note=_IMAP_OFF),
    Provider("GMX", ("gmx.com", "gmx.us", "gmx.co.uk"), "imap.gmx.com", note=_IMAP_OFF),
    Provider("GoDaddy", ("secureserver.net",), "imap.secureserver.net"),
    Provider("Hetzner", ("your-server.de",), "mail.your-server.de"),
    Provider("Hostpoint", ("hostpoint.ch",), "imap.mail.hostpoint.ch"),
    Provider(
        "iCloud",
        ("icloud.com", "me.com", "mac.com"),
        "imap.mail.me.com",
        local_login=True,
        note=_by_app_password("Apple"),
    ),
    Provider("Infomaniak", ("infomaniak.ch", "infomaniak.com", "ik.me"), "mail.infomaniak.com"),
    Provider("La Poste", ("laposte.net",), "imap.laposte.net", local_login=True),
    Provider("Libero", ("libero.it",), "imapmail.libero.it"),
    Provider("Mail.ru", ("mail.ru",), "imap.mail.ru", note=_by_app_password("Mail.ru")),
    Provider("mailbox.org", ("mailbox.org",), "imap.mailbox.org"),
    Provider("Migadu", ("migadu.com",), "imap.migadu.com"),
    Provider("Namecheap", ("privateemail.com",), "mail.privateemail.com"),
    Provider("Orange", ("orange.fr", "wanadoo.fr"), "imap.orange.fr"),
    Provider("OVHcloud", ("ovh.net",), "ssl0.ovh.net"),
    Provider("Posteo", ("posteo.de", "posteo.net", "posteo.org"), "posteo.de"),
    Provider("Rackspace", ("emailsrvr.com",), "secure.emailsrvr.com"),
    Provider("Strato", ("strato.de", "rzone.de"), "imap.strato.de"),
    Provider("Telekom", ("t-online.de", "magenta.de"), "secureimap.t-online.de"),
    Provider("WEB.DE", ("web.de",), "imap.web.de", note=_IMAP_OFF),
    Provider(
        "Yahoo",
        ("yahoo.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr", "ymail.com", "yahoodns.net"),
        "imap.mail.yahoo.com",
        note=_by_app_password("Yahoo"),
    ),
    Provider("Yandex", ("yandex.ru", "yandex.com", "yandex.net"), "imap.yandex.com", note=_by_app_password("Yandex")),
    Provider("Zoho", ("zoho.com",), "imappro.zoho.com", note=_IMAP_OFF),
    Provider("Zoho", ("zoho.eu",), "imappro.zoho.eu", note=_IMAP_OFF),
)


def provider_of(name: str) -> Provider | None:
    """The provider of the domain ``name``, or of a host below it."""
    wanted = name.lower().rstrip(".")
    return next((row for row in PROVIDERS if any(f".{wanted}".endswith(f".{known}") for known in row.domains)), None)
