"""Saved views: lists as somebody wants to see them again, by name; for whoever saved them, or for all admins."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from postmaster.errors import NotFoundError
from postmaster.resources.audit import audit
from postmaster.resources.fields import Field
from postmaster.resources.readers import line
from postmaster.system.models import SavedView

NAME = Field("name", "Name", mandatory=True, read=line(100), help="What the view is called by.")


def views_of(session: Session, user_id: int, plural: str) -> Sequence[SavedView]:
    """The views of the list of ``plural`` that a user sees, by their names."""
    seen = or_(SavedView.user_id == user_id, SavedView.shared)
    query = select(SavedView).where(SavedView.plural == plural, seen)
    return session.scalars(query.order_by(func.lower(SavedView.name), SavedView.id)).all()


def save_view(
    session: Session, user_id: int, actor: str, plural: str, name: str, query: str, *, shared: bool
) -> SavedView:
    """Save the list of ``plural`` at the address that ends in ``query``, in place of the user's view of that name.

    The caller commits. Raises InputError if the name is missing or too long.
    """
    name = NAME.parse(name)
    mine = select(SavedView).where(SavedView.user_id == user_id, SavedView.plural == plural, SavedView.name == name)
    view = session.scalars(mine).first() or SavedView(user_id=user_id, plural=plural, name=name)
    view.query, view.shared = query, shared
    session.add(view)
    session.flush()
    audit(session, actor, "save", "view", f"{name} ({view.id})", {"list": plural, "shared": shared}, view.id)
    return view


def delete_view(session: Session, user_id: int, actor: str, plural: str, view_id: int) -> str:
    """Delete a view that the user sees; returns its name. The caller commits. Raises NotFoundError."""
    view = next((view for view in views_of(session, user_id, plural) if view.id == view_id), None)
    if view is None:
        raise NotFoundError("unknown-view", "This view no longer exists", "Somebody may have deleted it.")
    session.delete(view)
    audit(session, actor, "delete", "view", f"{view.name} ({view.id})", {"list": plural}, view.id)
    return view.name
