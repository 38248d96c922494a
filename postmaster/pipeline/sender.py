"""Who wrote a message (kind 20 of docs/glossary.md#real-mail): in From, or behind a group or list.

All fields are asked in their order, and whoever is an address of the desk itself is passed over: otherwise everybody
who writes through a group would be one customer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from postmaster.parsing.address_key import MAX_ADDRESS, address_key, clean_address
from postmaster.parsing.addresses import parse_addresses
from postmaster.parsing.message import Address, ParsedMessage

# Where the writer may stand, the likeliest first; with a list that puts itself into From, and otherwise.
FIELDS = ("From", "X-Original-From", "Reply-To", "X-Original-Sender", "Sender", "Return-Path")
FIELDS_BEHIND_LIST = ("X-Original-From", "Reply-To", "X-Original-Sender", "From")

# Fields that only lists and groups write.
LIST_FIELDS = frozenset({"list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list", "x-beenthere"})

# Addresses that are asked about, of one message.
MAX_CANDIDATES = 8

# “Ann via Support”, as groups write it in the languages of their members.
_VIA = re.compile(
    r"(?<!\w)(?:via|über|durch|par|pour|por|per|mediante|przez|através de|a través de|μέσω|через)(?!\w)", re.I
)
_VERP = re.compile(r"([^=]+)=([^=@]+\.[^=@]+)")
# Tried at the start of a word only, and never given back: the fields of lists are as long as their writers like.
_BARE = re.compile(r'(?<![^\s<>(),:;"@])[^\s<>(),:;"@]++@[^\s<>(),:;"]++')


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who may have written a message: the address as written, as it is compared, and the field it stands in.

    ``is_desk``: nobody else is named, and this is an address of the desk itself.
    """

    field: str = ""
    name: str = ""
    address: str = ""
    key: str = ""
    is_desk: bool = False

    @property
    def is_person(self) -> bool:
        """Whether it can be told from others: that is not so of mail without a sender, and of the desk's own."""
        return bool(self.key) and not self.is_desk


NOBODY = Writer()


def possible_writers(message: ParsedMessage) -> tuple[Writer, ...]:
    """Everybody who may have written ``message``, the likeliest first."""
    lists = _list_keys(message) if message.header_names & LIST_FIELDS else frozenset()
    behind = is_rewritten(message, lists)
    found: dict[str, Writer] = {}
    for field in FIELDS_BEHIND_LIST if behind else FIELDS:
        for mailbox in _mailboxes(message, field):
            key = address_key(mailbox.address)
            if not (key in lists or base_key(key) in lists) or field == "From":
                found.setdefault(key, Writer(field, mailbox.name, mailbox.address[:MAX_ADDRESS], key))
    if behind and (hidden := _behind_verp(message)):
        found = {hidden.key: hidden} | found
    whole = sorted(found.values(), key=lambda writer: "@" not in writer.key)  # a local name such as root comes last
    return tuple(writer for writer in whole if writer.key)[:MAX_CANDIDATES]


def choose_writer(writers: Iterable[Writer], own: Collection[str]) -> Writer:
    """The first of ``writers`` that is none of the desk's ``own`` addresses; failing that, the desk itself."""
    desk = NOBODY
    for writer in writers:
        if writer.key not in own and base_key(writer.key) not in own:
            return writer
        if not desk.key:
            desk = Writer(writer.field, writer.name, writer.address, writer.key, is_desk=True)
    return desk


def base_key(key: str) -> str:
    """An address without what is after a plus in its local part: groups send from ``desk+bounces@``."""
    local, at, domain = key.rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def is_rewritten(message: ParsedMessage, lists: Collection[str]) -> bool:
    """Whether From names a list that ``message`` came through instead of the one who wrote it."""
    sender = message.from_
    if (hidden := _behind_verp(message)) and hidden.key in map(address_key, (to.address for to in message.reply_to)):
        return True
    if sender is None or not message.header_names & LIST_FIELDS:
        return False
    return address_key(sender.address) in lists or bool(_VIA.search(sender.name))


def _mailboxes(message: ParsedMessage, field: str) -> Iterator[Address]:
    if field == "From":
        yield from filter(None, (message.from_,))
        return
    if field == "Reply-To":
        yield from message.reply_to
        return
    for value in message.header_values(field):
        yield from (mailbox for mailbox in parse_addresses(value) if mailbox.address)


def _list_keys(message: ParsedMessage) -> frozenset[str]:
    """The addresses of the list that the message came through."""
    values = [value for name in ("List-Post", "Mailing-List", "X-Mailing-List", "X-BeenThere")
              for value in message.header_values(name)]  # fmt: skip
    named = {address_key(clean_address(word)) for value in values for word in _BARE.findall(value)}
    for value in message.header_values("List-Id"):
        name, dot, domain = value.rpartition("<")[2].strip(" >").partition(".")
        named.add(address_key(f"{name}@{domain}") if dot else "")
    return frozenset(named - {""})


def _behind_verp(message: ParsedMessage) -> Writer | None:
    """``ann=customer.example@list.example`` in From stands for ``ann@customer.example``."""
    sender = message.from_
    match = _VERP.fullmatch(sender.address.rpartition("@")[0]) if sender else None
    if sender is None or match is None:
        return None
    address = clean_address(f"{match[1]}@{match[2]}")
    return Writer("From", sender.name, address[:MAX_ADDRESS], address_key(address))
