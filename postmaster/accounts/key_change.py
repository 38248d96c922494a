"""All secrets when their key is changed, or lost: those of credentials, outlets and targets of alerts alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from postmaster.accounts.sealed_columns import SEALED, SealedTable
from postmaster.accounts.sealing import UnsealError, opens, reseal
from postmaster.errors import PostMasterError
from postmaster.extensions import now
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.uses import enumeration


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The sealed texts of a row, by column; empty ones left out."""

    where: SealedTable
    owner_id: int
    name: str
    texts: dict[str, str]

    @property
    def owner(self) -> str:
        """Whose they are, in words."""
        return f"{self.where.noun} “{self.name}”"

    def lost(self) -> dict[str, str]:
        """Those that no key opens, of what cannot be had again."""
        passing = {column.name for column in self.where.passing}
        return {name: text for name, text in self.texts.items() if name not in passing and not opens(text)}


def rotate_keys(session: Session, actor: str) -> int:
    """Seal all secrets with the first key; returns how many things have some. The caller commits.

    Raises PostMasterError naming those that no key opens; then nothing is changed. Neither revision nor time of
    change move: the secrets are the same, so an account paused by them stays paused.
    """
    lock_administration(session)
    rotated, unreadable = set(), []
    for each in _stored(session, lock=True):
        rotated.add(each.owner)
        try:
            anew = {name: reseal(text) for name, text in each.texts.items()}
        except UnsealError:
            unreadable.append(each.owner)
        else:
            session.execute(update(each.where.table).where(each.where.key == each.owner_id).values(anew))
    if unreadable:
        raise PostMasterError(
            "credential-sealed",
            f"No key opens the secrets of: {enumeration(dict.fromkeys(unreadable))}. Nothing was changed.",
            "Put back the key that they were sealed with, or enter their secrets again.",
        )
    audit(session, actor, "rotate-key", "credential", "all", {"count": len(rotated)})
    return len(rotated)


def lost_secrets(session: Session) -> Sequence[str]:
    """What has secrets that no key opens, each in words."""
    return list(dict.fromkeys(each.owner for each in _stored(session, lock=False) if each.lost()))


def forget_sealed(session: Session, actor: str) -> Sequence[str]:
    """Forget the secrets that no key opens; returns whose they were, in words. The caller commits."""
    lock_administration(session)
    forgotten: dict[str, _Secrets] = {}
    for each in _stored(session, lock=True):
        if lost := each.lost():
            _forget(session, each, lost)
            forgotten.setdefault(each.owner, each)
    for each in forgotten.values():
        owner = each.where.owner
        changed = {"changed_at": now(), "revision": owner.c.revision + 1}
        session.execute(update(owner).where(owner.c.id == each.owner_id).values(changed))
        audit(session, actor, "forget-sealed", each.where.noun, f"{each.name} ({each.owner_id})", {})
    return list(forgotten)


def _forget(session: Session, secrets: _Secrets, lost: dict[str, str]) -> None:
    where = secrets.where
    if where.void:
        session.execute(delete(where.table).where(where.key == secrets.owner_id))
    else:
        session.execute(update(where.table).where(where.key == secrets.owner_id).values(dict.fromkeys(lost, "")))


def _stored(session: Session, *, lock: bool) -> Iterator[_Secrets]:
    """All that is sealed, by what it belongs to and its name; with ``lock``, nobody else changes it meanwhile."""
    for where in SEALED:
        columns = (*where.columns, *where.passing)
        query = select(where.key, where.owner.c.name, *columns).select_from(where.joined).order_by(where.owner.c.name)
        query = query.with_for_update(of=where.table) if lock else query
        for owner_id, name, *texts in session.execute(query).all():
            named = {column.name: text for column, text in zip(columns, texts, strict=True) if text}
            if named:
                yield _Secrets(where, owner_id, name, named)
