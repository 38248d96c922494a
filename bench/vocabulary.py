"""The words of a desk in use (bench/stock.sql), and the terms of its mail: strides of the ledger's ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.ledger import ONCE_SENDER, OURS, SELDOM_SENDER, WORDS
from postmaster.ledger.search_index import IndexedPart, account_word, name_terms, term

_SYLLABLES = ("ka", "lo", "mi", "ne", "ru", "sa", "ti", "vo", "be", "da")
SENDERS = 97 * 499
"""Those who write, beside the big customer: each first name with each last name."""

BIG = "orders@bigcorp.example"
ONCE, SELDOM = "n = {once}", "n % 5000 = 2500 AND n <> {once}"
HEAVY = "n % 8 = 3 AND n % 5000 <> 2500 AND n <> {once}"
ORDINARY = "n % 8 <> 3 AND n % 5000 <> 2500 AND n <> {once}"
NEW = "n % 5000 <> 1 AND n % 50 <> 7 AND n % 200 <> 11 AND n % 5 <> 4"
CONDITIONS = ("true", ONCE, SELDOM, HEAVY, ORDINARY, NEW, "n % 100 <> 0")
ALWAYS, ONCE_IS, SELDOM_IS, HEAVY_IS, ORDINARY_IS, NEW_IS, PASS_IS = range(len(CONDITIONS))


class Stride(NamedTuple):
    """A term of the rows ``rest``, ``rest + every`` and so on, of those for which that condition holds."""

    term: int
    every: int
    rest: int
    condition: int


def words() -> Iterator[tuple[str, int, str]]:
    """The words of each list, by their places."""
    lists = {
        "a": WORDS[:7],
        "b": WORDS[7:38],
        "f": [_name(place) for place in range(97)],
        "l": [_name(place) + "son" for place in range(499)],
        "r": OURS,
    }
    for name, chosen in lists.items():
        yield from ((name, place, word) for place, word in enumerate(chosen))


def vocabulary(accounts: int, rows: int) -> list[Stride]:
    """All terms of so many rows but those that one message alone has, in the order in which they are stored."""
    return sorted({*_subjects(rows), *_senders(rows), *_marks(), *_recipients(), *_accounts(accounts)})


def _name(place: int) -> str:
    """As in Kalo, Mikane."""
    digits = f"{place:03d}" if place > 99 else f"{place:02d}"
    return "".join(_SYLLABLES[int(digit)] for digit in digits).title()


def _subjects(rows: int) -> Iterator[Stride]:
    by_places = {7: WORDS[:7], 31: WORDS[7:38], 997: [f"item{n}" for n in range(997)]}
    by_places[50021] = [f"ref{n}" for n in range(min(50021, rows + 1))]
    for every, chosen in by_places.items():
        for rest, word in enumerate(chosen):
            yield Stride(term(IndexedPart.SUBJECT, word), every, rest, ALWAYS)


def _senders(rows: int) -> Iterator[Stride]:
    for rest in range(min(SENDERS, rows + 1)):
        first, last = _name(rest % 97), _name(rest % 499) + "son"
        domain = {*name_terms(IndexedPart.SENDER, f"@company{rest % 499}.example", "")}
        firsts, lasts = (name_terms(IndexedPart.SENDER, "", word) for word in (first, last))
        address = f"{first}.{last}@company{rest % 499}.example".lower()
        for number in name_terms(IndexedPart.SENDER, address, f"{first} {last}"):
            if number in firsts:
                yield Stride(number, 97, rest % 97, ORDINARY_IS)
            elif number in lasts or number in domain:
                yield Stride(number, 499, rest % 499, ORDINARY_IS)
            else:
                yield Stride(number, SENDERS, rest, ORDINARY_IS)
    for number in name_terms(IndexedPart.SENDER, BIG, ""):
        yield Stride(number, 8, 3, HEAVY_IS)
    for number in name_terms(IndexedPart.SENDER, SELDOM_SENDER, ""):
        yield Stride(number, 5000, 2500, SELDOM_IS)
    for number in name_terms(IndexedPart.SENDER, ONCE_SENDER, ""):
        yield Stride(number, 1, 0, ONCE_IS)


def _marks() -> Iterator[Stride]:
    """Outcomes and verdicts."""
    for word, every, rest, condition in (
        ("quarantined", 5000, 1, ALWAYS),
        ("ignored", 50, 7, ALWAYS),
        ("rejected", 200, 11, ALWAYS),
        ("follow-up", 5, 4, ALWAYS),
        ("new", 1, 0, NEW_IS),
    ):
        yield Stride(term(IndexedPart.OUTCOME, word), every, rest, condition)
    yield Stride(term(IndexedPart.VERDICT, "fail"), 100, 0, ALWAYS)
    yield Stride(term(IndexedPart.VERDICT, "pass"), 2, 0, PASS_IS)


def _recipients() -> Iterator[Stride]:
    ours = [name_terms(IndexedPart.RECIPIENT, address, "") for address in OURS]
    common = frozenset.intersection(*ours)
    for rest, terms in enumerate(ours):
        yield from (Stride(number, 4, rest, ALWAYS) for number in terms - common)
    yield from (Stride(number, 1, 0, ALWAYS) for number in common)


def _accounts(count: int) -> Iterator[Stride]:
    for rest in range(count):
        account = rest + 1
        for word in (str(account), f"user{account}@mail{account % 97}.example.com"):
            yield Stride(term(IndexedPart.ACCOUNT, account_word(word)), count, rest, ALWAYS)
