"""The servers that may have the mailbox of an address: its provider's, what DNS names, and what is usual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from dns.exception import DNSException

from postmaster.accounts.providers import MICROSOFT, Provider, provider_of
from postmaster.accounts.types import ACCOUNT_TYPES, HOST
from postmaster.config import Environment
from postmaster.resources.readers import InvalidValue, host
from postmaster.sources.name_records import RecordsAwayError, RecordServer
from postmaster.sources.side_by_side import run_side_by_side

# Seconds that DNS may take for all questions together.
DNS_SECONDS = 2.0

# Servers that are tried, and records of a kind that count: a domain may name as many as it likes.
MAX_CANDIDATES, MAX_RECORDS = 10, 3

# The services of RFC 6186 and RFC 8314 section 5.1, the best first, with their types. What is not encrypted is not
# looked for.
SERVICES = {"_imaps": "IMAPS", "_imap": "IMAPTLS", "_pop3s": "POP3S", "_pop3": "POP3TLS"}

# Names that mail servers usually have in their domain, and the type of such a guess.
USUAL_NAMES, GUESSED_TYPE = ("imap", "mail"), "IMAPS"


class Clue(StrEnum):
    """By what a server was found."""

    PROVIDER = "provider"
    SRV = "srv"
    MX = "mx"
    GUESS = "guess"


@dataclass(frozen=True)
class Candidate:
    """A server that may have the mailbox, and the user name there."""

    type: str
    host: str
    port: int
    login: str
    clue: Clue
    provider: Provider | None = None


def domain_of(address: str) -> str:
    """The domain of a mail address, in its ASCII form. Raises InvalidValue."""
    return host(address.rpartition("@")[2]).lower()


def is_within(name: str, domain: str) -> bool:
    """Whether ``name`` is ``domain``, or below it."""
    return f".{name.lower()}".endswith(f".{domain}")


def candidates_for(address: str, settings: Environment) -> list[Candidate]:
    """Servers that may have the mailbox, the likeliest first. Raises InvalidValue for what has no domain."""
    return list(dict.fromkeys(_candidates(address, settings)))[:MAX_CANDIDATES]


def _candidates(address: str, settings: Environment) -> Iterator[Candidate]:
    domain = domain_of(address)
    if provider := provider_of(domain):
        yield _at(provider, Clue.PROVIDER, address, settings)
        return
    questions = [(f"{service}._tcp.{domain}", "SRV") for service in SERVICES]
    *services, exchangers = _ask([*questions, (domain, "MX")], settings)
    exchanger_names = [name for record in exchangers if (name := _name(record.exchange))]
    yield from (
        [*_services(services, address, settings), *_exchangers(exchanger_names, address, settings)]
        or _guesses(domain, exchanger_names, address)
    )


def _services(answers: Sequence[Sequence[Any]], address: str, settings: Environment) -> Iterator[Candidate]:
    """The servers that the domain names itself."""
    for kind, records in zip(SERVICES.values(), answers, strict=True):
        for record in records:
            name = _name(record.target)
            if name and record.port:  # "." says that the domain has no such service (RFC 2782)
                yield _named(kind, name, record.port, address, settings)


def _exchangers(names: Sequence[str], address: str, settings: Environment) -> Iterator[Candidate]:
    """The servers of the providers that take the domain's mail."""
    for name in names:
        if provider := provider_of(name):
            yield _at(provider, Clue.MX, address, settings)


def _guesses(domain: str, exchangers: Sequence[str], address: str) -> Iterator[Candidate]:
    """What is usual, where the domain says nothing."""
    own = [name for name in exchangers if is_within(name, domain)]
    for name in (*(f"{usual}.{domain}" for usual in USUAL_NAMES), *own):
        yield Candidate(GUESSED_TYPE, name, ACCOUNT_TYPES[GUESSED_TYPE].port, address, Clue.GUESS)


def _named(kind: str, name: str, port: int, address: str, settings: Environment) -> Candidate:
    """A server that the domain names itself. That of Microsoft has a type of its own."""
    provider = provider_of(name)
    if provider is MICROSOFT:
        return _at(provider, Clue.SRV, address, settings)
    return Candidate(kind, name, port, address, Clue.SRV, provider)


def _at(provider: Provider, clue: Clue, address: str, settings: Environment) -> Candidate:
    kind, name = ACCOUNT_TYPES[provider.type], provider.host
    port = kind.port
    if not kind.has(HOST):  # the server of all accounts of that type
        name, port = settings.outlook_host, settings.outlook_port
    return Candidate(kind.name, name, port, provider.login_of(address), clue, provider)


def _ask(questions: Sequence[tuple[str, str]], settings: Environment) -> list[list[Any]]:
    """The records of each question, the preferred first; none where DNS does not answer."""
    try:
        server = RecordServer(settings.dns_servers, MAX_CANDIDATES)
    except DNSException:
        return [[] for _ in questions]

    def ask(name: str, kind: str) -> list[Any]:
        try:
            found = server.records(name, kind, DNS_SECONDS)
        except RecordsAwayError:
            return []
        return sorted(found, key=_preference)[:MAX_RECORDS]

    answers = run_side_by_side([partial(ask, *question) for question in questions], DNS_SECONDS)
    return [answer or [] for answer in answers]


def _preference(record: Any) -> tuple[int, int]:
    """What is tried first: of SRV the heaviest of the same priority (RFC 2782), of MX the lowest preference."""
    return (record.priority, -record.weight) if hasattr(record, "weight") else (record.preference, 0)


def _name(target: Any) -> str:
    """The host that a record names; empty if it is none."""
    try:
        return host(target.to_text(omit_final_dot=True)).lower()
    except InvalidValue:
        return ""
