"""The secrets of outlets when keys are changed, or lost."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from postmaster.accounts.sealing import UnsealError, opens, reseal
from postmaster.errors import PostMasterError
from postmaster.outlets.models import Outlet
from postmaster.resources.audit import audit, lock_administration
from postmaster.resources.uses import enumeration


def reseal_outlets(session: Session) -> int:
    """Seal the secrets of all outlets with the first key; returns how many outlets there are. The caller commits.

    Raises PostMasterError naming those that no key opens. Neither revision nor time of change move.
    """
    lock_administration(session)
    rows = session.execute(select(Outlet.id, Outlet.name, Outlet.sealed_secret, Outlet.sealed_headers)).all()
    unreadable = []
    for number, name, *sealed in rows:
        try:
            secret, headers = (text and reseal(text) for text in sealed)
        except UnsealError:
            unreadable.append(f"“{name}”")
        else:
            anew = {"sealed_secret": secret, "sealed_headers": headers, "changed_at": Outlet.changed_at}
            session.execute(
                update(Outlet).where(Outlet.id == number).values(anew).execution_options(synchronize_session=False)
            )
    if unreadable:
        raise PostMasterError(
            "outlet-sealed",
            f"No key opens the secrets of the outlets {enumeration(unreadable)}. Nothing was changed.",
            "Put back the key that they were sealed with, or enter their secrets again.",
        )
    return len(rows)


def unopened_outlets(session: Session) -> Sequence[Outlet]:
    """The outlets with a secret that no key opens."""
    outlets = session.scalars(select(Outlet).order_by(Outlet.name)).unique()
    return [outlet for outlet in outlets if not (opens(outlet.sealed_secret) and opens(outlet.sealed_headers))]


def forget_outlet_secrets(session: Session, actor: str) -> list[str]:
    """Forget the secrets that no key opens; returns the names of their outlets. The caller commits."""
    lost = unopened_outlets(session)
    for outlet in lost:
        for name in ("sealed_secret", "sealed_headers"):
            if not opens(getattr(outlet, name)):
                setattr(outlet, name, "")
        audit(session, actor, "forget-sealed", "outlet", f"{outlet.name} ({outlet.id})", {})
    return [outlet.name for outlet in lost]
