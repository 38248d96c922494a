"""The link to the wall view, which needs nobody to sign in: signed with the app's key, and valid until it is revoked.

The database keeps only its generation, of which nobody can make a link without the key.
"""

from __future__ import annotations

import hmac
import secrets

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from postmaster.resources.audit import audit, lock_administration
from postmaster.system.models import SettingRow

# No setting that anybody enters: the generation of the link that is good.
_NAME = "wall-link"


def wall_token(session: Session) -> str | None:
    """What the valid link ends in; None if there is none."""
    row = session.get(SettingRow, _NAME)
    return str(_signer().dumps(row.value)) if row else None


def opens_wall(session: Session, token: str) -> bool:
    """Whether ``token`` is that of the valid link."""
    row = session.get(SettingRow, _NAME)
    try:
        generation = _signer().loads(token)
    except BadSignature:
        return False
    return row is not None and hmac.compare_digest(str(generation), row.value)


def create_wall_link(session: Session, actor: str) -> None:
    """Create a link; the one before no longer works. The caller commits."""
    lock_administration(session)
    session.merge(SettingRow(name=_NAME, value=secrets.token_hex(16)))
    audit(session, actor, "create", "wall link", "status", {})


def revoke_wall_link(session: Session, actor: str) -> bool:
    """Revoke the link; returns False if there was none. The caller commits."""
    lock_administration(session)
    row = session.get(SettingRow, _NAME)
    if row is None:
        return False
    session.delete(row)
    audit(session, actor, "revoke", "wall link", "status", {})
    return True


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt="link to the wall view")
