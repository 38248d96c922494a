"""Tags of accounts: free words by which admins find and handle those that belong together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.resources.fields import Field
from postmaster.resources.readers import InvalidValue, line
from postmaster.system.lists import LIST_SEPARATOR

MAX_TAGS = 20
MAX_TAG = 40

_DIVIDED = re.compile(r"[;,]")
_LINE = line(MAX_TAGS * (MAX_TAG + len(LIST_SEPARATOR)))


def read_tags(text: str) -> str:
    """Tags as they are stored: in lower case, each once, divided by ``LIST_SEPARATOR``. Raises InvalidValue."""
    words = unicodedata.normalize("NFC", _LINE(text)).lower()
    tags = tuple(dict.fromkeys(" ".join(part.split()) for part in _DIVIDED.split(words) if part.strip()))
    if long := next((tag for tag in tags if len(tag) > MAX_TAG), None):
        raise InvalidValue(f"has “{long}”, which is longer than {MAX_TAG} characters", "Divide tags by commas.")
    if len(tags) > MAX_TAGS:
        raise InvalidValue(f"has {len(tags)} tags; at most {MAX_TAGS} are allowed")
    return LIST_SEPARATOR.join(tags)


TAGS = Field(
    "tags",
    "Tags",
    read=read_tags,
    empty="",
    metavar="WORDS",
    help="Free words, divided by commas, to find accounts by and to handle them together.",
)


def tags_of(stored: str) -> tuple[str, ...]:
    """The tags that a column or ``read_tags`` says."""
    return tuple(stored.split(LIST_SEPARATOR)) if stored else ()


def with_tags(stored: str, added: Iterable[str] = (), removed: Collection[str] = ()) -> str:
    """What is stored once tags are added and others removed."""
    return LIST_SEPARATOR.join(tag for tag in dict.fromkeys((*tags_of(stored), *added)) if tag not in removed)


def has_tag(tag: str) -> ColumnElement[bool]:
    """Whether an account has ``tag``."""
    around = literal(LIST_SEPARATOR)
    wanted = f"{LIST_SEPARATOR}{tag.lower()}{LIST_SEPARATOR}"
    return (around + MailAccount.tags + around).contains(wanted, autoescape=True)


def known_tags(session: Session) -> Mapping[str, str]:
    """All tags that accounts have, in their order, each with what is shown for it."""
    stored = session.scalars(select(MailAccount.tags).where(MailAccount.tags != "").distinct())
    return {tag: tag for tag in sorted({tag for tags in stored for tag in tags_of(tags)})}
