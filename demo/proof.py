"""The proof: each message that was put in is recorded exactly once, and none is on the server any more."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from demo.samples import Sample
from postmaster.database import reading
from postmaster.desk.models import Article, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.intake.models import Quarantine


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


def prove(samples: Sequence[Sample], articles: Counter[str], quarantine: Counter[str], waiting: int) -> Proof:
    """Compare. ``articles`` and ``quarantine`` count messages by the SHA-256 of what is stored."""
    kinds = {sample.sha256: sample.kind for sample in samples}
    put_in = Counter(sample.sha256 for sample in samples)
    recorded = articles + quarantine
    lost = put_in - recorded
    doubled = Counter({sha256: recorded[sha256] - count for sha256, count in put_in.items()})
    return Proof(
        samples=len(samples),
        recorded=sum(min(recorded[sha256], count) for sha256, count in put_in.items()),
        quarantined=quarantine.total(),
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


def stored() -> tuple[Counter[str], Counter[str]]:
    """The SHA-256 of each message that is stored, read back from its raw source: in articles, in quarantine."""
    return _stored(Article), _stored(Quarantine)


def _stored(holder: type[Article | Quarantine]) -> Counter[str]:
    with reading() as session:
        rows = session.execute(select(RawMail.encoding, RawMail.data).join(holder, holder.raw_id == RawMail.id))
        return Counter(hashlib.sha256(unpack(encoding, data)).hexdigest() for encoding, data in rows)


def _kinds(found: Counter[str], kinds: dict[str, str]) -> tuple[str, ...]:
    names: Iterable[str] = (kinds[sha256] for sha256 in found.elements())
    return tuple(sorted(names))
