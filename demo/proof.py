"""The proof: each message that was put in is recorded exactly once, and none is on the server any more."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from demo.samples import Sample
from postmaster.database import read_session
from postmaster.desk.models import Article, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.ledger.models import FetchRun, Quarantine, RunStatus


@dataclass(frozen=True)
class Proof:
    """What became of the samples. ``lost`` and ``doubled`` name their kinds; ``waiting`` are still on the server."""

    samples: int
    recorded: int
    quarantined: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    waiting: int

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, doubled or left behind."""
        return not (self.lost or self.doubled or self.waiting)


@dataclass(frozen=True)
class Stored:
    """Messages by the SHA-256 of what is stored of them: in articles, in quarantine."""

    articles: Counter[str]
    quarantine: Counter[str]

    @property
    def together(self) -> Counter[str]:
        """Both."""
        return self.articles + self.quarantine


def prove(samples: Sequence[Sample], found: Stored, waiting: int) -> Proof:
    """Compare what was put in with what is stored and with how many messages are ``waiting`` on the server."""
    kinds = {sample.sha256: sample.kind for sample in samples}
    put_in = Counter(sample.sha256 for sample in samples)
    recorded = found.together
    lost = put_in - recorded
    doubled = Counter({sha256: recorded[sha256] - count for sha256, count in put_in.items()})
    return Proof(
        samples=len(samples),
        recorded=(put_in & recorded).total(),
        quarantined=found.quarantine.total(),
        lost=_kinds(lost, kinds),
        doubled=_kinds(+doubled, kinds),
        waiting=waiting,
    )


def missing(samples: Sequence[Sample], recorded: Counter[str]) -> list[Sample]:
    """The samples that are recorded nowhere yet: what a mailbox is to be filled with."""
    left = Counter(recorded)
    absent = []
    for sample in samples:
        if left[sample.sha256] > 0:
            left[sample.sha256] -= 1
        else:
            absent.append(sample)
    return absent


def stored() -> Stored:
    """What is stored, read back from the raw source of each message."""
    return Stored(_stored(Article), _stored(Quarantine))


def fetched_accounts() -> set[str]:
    """The labels of the accounts that were fetched to their end, at least once."""
    with read_session() as session:
        return set(session.scalars(select(FetchRun.label).where(FetchRun.status == RunStatus.OK)))


def _stored(holder: type[Article | Quarantine]) -> Counter[str]:
    with read_session() as session:
        rows = session.execute(select(RawMail.encoding, RawMail.data).join(holder, holder.raw_id == RawMail.id))
        return Counter(hashlib.sha256(unpack(encoding, data)).hexdigest() for encoding, data in rows)


def _kinds(found: Counter[str], kinds: dict[str, str]) -> tuple[str, ...]:
    names: Iterable[str] = (kinds[sha256] for sha256 in found.elements())
    return tuple(sorted(names))
