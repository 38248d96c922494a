"""Finding the mail server of an address: by its provider, by what its domain says in DNS, and by what is usual.

What may be it is tried up to TLS, so that its certificate is checked; nothing secret is sent, and nothing is fetched by
HTTP: a stranger's domain is asked by DNS only (docs/glossary.md#finding-the-server).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from dns.exception import DNSException

from postmaster.accounts.providers import MICROSOFT, Provider, provider_of
from postmaster.accounts.types import ACCOUNT_TYPES, HOST
from postmaster.config import Environment
from postmaster.errors import MailError, mail_error
from postmaster.extensions import Json
from postmaster.resources.readers import InvalidValue, host
from postmaster.sources.base import Endpoint
from postmaster.sources.dial import Dialler
from postmaster.sources.name_records import RecordsAwayError, RecordServer

# Seconds that DNS may take, and then each of the servers that are tried side by side.
DNS_SECONDS = TRY_SECONDS = 2.0

# And for what keeps to that to say so.
GRACE_SECONDS = 0.2

# Servers that are tried, and records of a kind that count: a domain may name as many as it likes.
MAX_CANDIDATES, MAX_RECORDS = 10, 3

# The services of RFC 6186 and RFC 8314 section 5.1, the best first, with their types. What is not encrypted is not
# looked for.
SERVICES = {"_imaps": "IMAPS", "_imap": "IMAPTLS", "_pop3s": "POP3S", "_pop3": "POP3TLS"}

# Names that mail servers usually have in their domain.
USUAL_NAMES = ("imap", "mail")

GUESSED_TYPE = "IMAPS"

ResultT = TypeVar("ResultT")


class Clue(StrEnum):
    """By what a server was found."""

    PROVIDER = "provider"
    SRV = "srv"
    MX = "mx"
    GUESS = "guess"


CLUE_WORDS = {
    Clue.PROVIDER: "known provider",
    Clue.SRV: "named by the domain (SRV)",
    Clue.MX: "provider that takes the domain's mail (MX)",
    Clue.GUESS: "usual name",
}


@dataclass(frozen=True)
class Candidate:
    """A server that may have the mailbox, and the user name there."""

    type: str
    host: str
    port: int
    login: str
    clue: Clue
    provider: Provider | None = None


@dataclass(frozen=True)
class Tried:
    """What came of a candidate: without ``error`` it is there, and its certificate is good."""

    candidate: Candidate
    error: MailError | None

    def as_dict(self) -> Json:
        """The form that ``--json`` prints."""
        row = self.candidate
        return {
            "type": row.type,
            "host": row.host,
            "port": row.port,
            "username": row.login,
            "clue": row.clue.value,
            "provider": row.provider.name if row.provider else None,
            "error": self.error.as_dict() if self.error else None,
        }


@dataclass(frozen=True)
class Discovery:
    """What was found for an address. ``tried`` are all servers that were tried, the likeliest first."""

    address: str
    tried: Sequence[Tried]

    @property
    def found(self) -> Tried | None:
        """The likeliest server that is there; failing that, one whose certificate is not good."""
        good = (each for each in self.tried if each.error is None)
        doubtful = (each for each in self.tried if each.error and each.error.stage == "tls")
        return next(good, None) or next(doubtful, None)

    @property
    def is_foreign(self) -> bool:
        """Whether the domain names a server that is not below it: somebody has to confirm that (RFC 6186 section 6)."""
        row = self.found.candidate if self.found else None
        return (
            row is not None
            and row.clue is Clue.SRV
            and row.provider is None
            and not is_within(row.host, domain_of(self.address))
        )

    @property
    def notes(self) -> list[str]:
        """What whoever sets up the account should know of what was found."""
        if self.found is None:
            return []
        row = self.found.candidate
        notes = [row.provider.note] if row.provider and row.provider.note else []
        if self.is_foreign:
            notes.append(f"It is not below {domain_of(self.address)}. Use it only if you know that it has the mailbox.")
        return notes

    def as_dict(self) -> Json:
        """The form that ``--json`` prints."""
        return {
            "address": self.address,
            "found": self.found.as_dict() if self.found else None,
            "foreign": self.is_foreign,
            "notes": self.notes,
            "tried": [each.as_dict() for each in self.tried],
        }


def domain_of(address: str) -> str:
    """The domain of a mail address, in its ASCII form. Raises InvalidValue."""
    return host(address.rpartition("@")[2]).lower()


def is_within(name: str, domain: str) -> bool:
    """Whether ``name`` is ``domain``, or below it."""
    return f".{name.lower()}".endswith(f".{domain}")


def discover(address: str, settings: Environment) -> Discovery:
    """Find the server of ``address``, in a few seconds at most. Raises InvalidValue for what has no domain."""
    candidates = list(dict.fromkeys(_candidates(address, settings)))[:MAX_CANDIDATES]
    results = _side_by_side([partial(_try, row, settings) for row in candidates], TRY_SECONDS)
    return Discovery(address, [result or _late(row) for row, result in zip(candidates, results, strict=True)])


def _late(row: Candidate) -> Tried:
    return Tried(row, mail_error("connect-timeout", host=row.host, port=row.port, seconds=f"{TRY_SECONDS:g}"))


def _candidates(address: str, settings: Environment) -> Iterator[Candidate]:
    """Servers that may have the mailbox, the likeliest first."""
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

    answers = _side_by_side([partial(ask, *question) for question in questions], DNS_SECONDS)
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


def _try(row: Candidate, settings: Environment) -> Tried:
    """Connect, and check the certificate, as a fetch would; then hang up."""
    dialler = Dialler(
        Endpoint(
            type=ACCOUNT_TYPES[row.type],
            host=row.host,
            port=row.port,
            login="",
            answer_timeout=TRY_SECONDS,
            ca_file=settings.ca_file,
            forbidden_networks=settings.forbidden_networks,
        ),
        TRY_SECONDS,
    )
    try:
        dialler.resolve()
        dialler.connect()
        dialler.secure()
    except MailError as error:
        return Tried(row, error)
    else:
        return Tried(row, None)
    finally:
        dialler.hang_up()


def _side_by_side(jobs: Sequence[Callable[[], ResultT]], seconds: float) -> list[ResultT | None]:
    """What each of ``jobs`` returns, None where that takes longer than ``seconds``.

    Their threads are left alone then: looking up a name cannot be given up, and must keep nobody waiting.
    """
    results: list[ResultT | None] = [None] * len(jobs)

    def run(place: int) -> None:
        results[place] = jobs[place]()

    threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds + GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return list(results)
