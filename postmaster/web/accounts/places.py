"""Where a mailbox can be: what is asked first of a new account, and what the answer enters in its form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from postmaster.accounts.fields import TYPE
from postmaster.accounts.providers import GOOGLE, MICROSOFT
from postmaster.accounts.types import HOST

# What a new account most likely is: encrypted from the start.
USUAL_TYPE = "IMAPS"


@dataclass(frozen=True)
class Place:
    """A place, what to expect there, and what it enters by itself."""

    name: str
    purpose: str
    values: Mapping[str, str]


PLACES: Mapping[str, Place] = {
    "microsoft": Place(
        "Microsoft 365",
        "Exchange Online and Outlook.com. The mailbox is opened by an app that is registered at Microsoft (OAuth2).",
        {TYPE.name: MICROSOFT.type},
    ),
    "google": Place(
        "Google",
        "Gmail and Google Workspace, with an app password, or with OAuth2.",
        {TYPE.name: GOOGLE.type, HOST.name: GOOGLE.host},
    ),
    "other": Place(
        "Another server",
        "An e-mail address and its password will do: the server is found by the address.",
        {TYPE.name: USUAL_TYPE},
    ),
}
