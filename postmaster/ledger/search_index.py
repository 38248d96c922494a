"""The terms that mail is found by: an inverted index of the ledger, the same on every database.

Each word, address, domain, Message-ID, account and outcome of a message is a row of ``mail_term``, hashed to 64 bits
together with the field that it stands in: eight bytes whatever somebody sends, found newest first through the primary
key. Two terms with the same hash are as likely as a disk that errs; a search would show one message too many.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from postmaster.bulk import insert_columns
from postmaster.ledger.models import MailTerm
from postmaster.parsing.address_key import address_key, domain_key

# Words of a subject or a name that are indexed; what is longer is not written by people.
MAX_WORDS = 50

# Parts of a domain, from its end, under which it is found.
MAX_LABELS = 6

# Scripts without blanks between words: each character counts as one.
_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_PART = re.compile(rf"[{_IDEOGRAPH}]|[^\W{_IDEOGRAPH}]+")
_CORE = re.compile(r"\w(?:.*\w)?", re.DOTALL)


class IndexedPart(StrEnum):
    """The parts of a ledger row that have terms."""

    ACCOUNT = "account"
    OUTCOME = "outcome"
    VERDICT = "verdict"
    SENDER = "sender"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    MESSAGE_ID = "message-id"


def terms_of(entry: Mapping[str, Any], account_id: int | None) -> set[int]:
    """The terms of a ledger row; ``entry`` has its columns by name."""
    found = {*_common_terms(str(entry["outcome"]), entry["label"], account_id)}
    if verdict := entry.get("verdict"):
        found.add(term(IndexedPart.VERDICT, verdict["verdict"]))
    found |= name_terms(IndexedPart.SENDER, entry["sender"], entry["sender_name"])
    for address in entry["recipients"]:
        found |= name_terms(IndexedPart.RECIPIENT, address, "")
    found.update(term(IndexedPart.SUBJECT, word) for word in _words(entry["subject"]))
    if entry["message_id"]:
        found.add(_number(IndexedPart.MESSAGE_ID, _bare(fold(entry["message_id"]))))
    return found


@lru_cache(maxsize=1 << 6)
def _common_terms(outcome: str, label: str, account_id: int | None) -> frozenset[int]:
    """The terms that all mail of an account has in common which became the same."""
    words = {label} if account_id is None else {label, str(account_id)}
    accounts = (term(IndexedPart.ACCOUNT, account_word(word)) for word in words)
    return frozenset((term(IndexedPart.OUTCOME, outcome), *accounts))


@lru_cache(maxsize=1 << 10)  # some 900 bytes each
def name_terms(part: IndexedPart, address: str, name: str) -> frozenset[int]:
    """The terms of a sender or recipient; most have written, or were written to, before."""
    return frozenset(_number(part, word) for word in (*_address_words(address), *_words(name)))


def wanted_words(wanted: str) -> list[str]:
    """The words that somebody searches by, as they stand in the index; one that no mail has for mere punctuation."""
    found: list[str] = []
    for word in fold(wanted).split():
        parts = _PART.findall(word)
        ideographic = any(len(part) == 1 and re.match(f"[{_IDEOGRAPH}]", part) for part in parts)
        found += parts if ideographic else [_bare(word)]
    return list(filter(None, dict.fromkeys(found))) or [""] * bool(wanted.strip())


def searched_term(part: IndexedPart, word: str) -> int:
    """The term of a word that somebody searches by; in addresses it stands as those are compared."""
    if part not in (IndexedPart.SENDER, IndexedPart.RECIPIENT):
        return term(part, word)
    if "@" in word:
        word = _bare(address_key(word))
    return term(part, domain_key(word) if "xn--" in word else word)


def account_word(label: str) -> str:
    """The word for an account, by its label or its id."""
    return fold(label.strip())


def _number(part: IndexedPart, word: str) -> int:
    """The number that stands for ``word`` in ``part``."""
    digest = blake2b(f"{part.value}:{word}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


# Words come again and again. An entry takes some 250 bytes, and working it out 2 µs.
term = lru_cache(maxsize=1 << 12)(_number)


def fold(words: str) -> str:
    """``words`` without what people do not see: case, and compatibility forms (Unicode Standard Annex 15)."""
    return (words if words.isascii() else unicodedata.normalize("NFKC", words)).casefold()


def _words(words: str) -> Iterable[str]:
    """The words of a text, and its parts between blanks where those are more, as in ``order-4711``."""
    folded = fold(words)
    found = dict.fromkeys(_PART.findall(folded))
    found |= dict.fromkeys(_bare(word) for word in folded.split() if not word.isalnum())
    found.pop("", None)
    return islice(found, MAX_WORDS)


def _address_words(address: str) -> Iterator[str]:
    """The address, its local part and that one's words, its domain and the domains above, but for the topmost."""
    whole = address_key(address)
    local, _, domain = whole.rpartition("@")
    yield from filter(None, (_bare(whole), _bare(local), *_PART.findall(local)))
    labels = domain.split(".")[-MAX_LABELS:]
    yield from filter(None, (_bare(domain), *(_bare(".".join(labels[start:])) for start in range(len(labels) - 1))))


def _bare(word: str) -> str:
    """``word`` without the punctuation around it."""
    core = _CORE.search(word)
    return core[0] if core else ""


def write_terms(session: Session, entries: Iterable[tuple[int, Iterable[int]]]) -> None:
    """Write the terms of ledger rows, by their ids. The caller commits."""
    rows = sorted([(number, mail_id) for mail_id, terms in entries for number in terms])
    if not rows:
        return
    numbers, ids = zip(*rows, strict=True)
    insert_columns(session, MailTerm, {"term": numbers, "mail_id": ids})


def renew_terms(session: Session, mail_id: int, before: set[int], after: set[int]) -> None:
    """Bring the terms of a ledger row in line with what it says now. The caller commits."""
    stale = delete(MailTerm).where(MailTerm.term.in_(before - after), MailTerm.mail_id == mail_id)
    session.execute(stale.execution_options(synchronize_session=False))
    write_terms(session, [(mail_id, after - before)])
