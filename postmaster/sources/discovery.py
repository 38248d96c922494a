"""Finding the mail server of an address, so that nobody has to know host, type and port.

What may be it (``candidates_for``) is tried up to TLS, so that its certificate is checked; nothing secret is sent, and
nothing is fetched by HTTP: a stranger's domain is asked by DNS only (docs/glossary.md#finding-the-server).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from postmaster.accounts.types import ACCOUNT_TYPES
from postmaster.config import Environment
from postmaster.errors import MailError, mail_error
from postmaster.extensions import Json
from postmaster.sources.base import Endpoint
from postmaster.sources.candidates import Candidate, Clue, candidates_for, domain_of, is_within
from postmaster.sources.dial import Dialler
from postmaster.sources.side_by_side import run_side_by_side

# Seconds that each of the servers may take; they are tried side by side.
TRY_SECONDS = 2.0

CLUE_WORDS = {
    Clue.PROVIDER: "known provider",
    Clue.SRV: "named by the domain (SRV)",
    Clue.MX: "provider that takes the domain's mail (MX)",
    Clue.GUESS: "usual name",
}


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


def discover(address: str, settings: Environment) -> Discovery:
    """Find the server of ``address``, in a few seconds at most. Raises InvalidValue for what has no domain."""
    candidates = candidates_for(address, settings)
    results = run_side_by_side([partial(_try, row, settings) for row in candidates], TRY_SECONDS)
    return Discovery(address, [result or _late(row) for row, result in zip(candidates, results, strict=True)])


def _late(row: Candidate) -> Tried:
    return Tried(row, mail_error("connect-timeout", host=row.host, port=row.port, seconds=f"{TRY_SECONDS:g}"))


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
