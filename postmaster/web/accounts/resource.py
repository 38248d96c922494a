"""What the pages of all resources have to know of the mail accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from postmaster.accounts.health import HEALTH_LABELS
from postmaster.desk.account_list import ACCOUNTS
from postmaster.desk.configuration import account_service
from postmaster.system.settings import RECOMMENDED_ACCOUNT_LIMIT, get_setting
from postmaster.web.resources import Column, Resource, resource_blueprint
from postmaster.web.status import LOOKS


def _context(_session: Session) -> Mapping[str, Any]:
    return {"looks": LOOKS, "words": HEALTH_LABELS}


def _frame(session: Session) -> Mapping[str, Any]:
    return {
        "valid": account_service(session, actor="").count_valid(),
        "limit": get_setting(session, RECOMMENDED_ACCOUNT_LIMIT),
    }


RESOURCE = Resource(
    noun="account",
    plural="accounts",
    called="mail account",
    keeps="Its tickets stay, and so does the mail that is still on the server.",
    title="PostMaster Mail Accounts",
    lead="Mailboxes that are fetched; each mail becomes a ticket.",
    empty="",
    service=account_service,
    listing=ACCOUNTS,
    columns=(
        Column("Account", "account"),
        Column("Type", "type"),
        Column("Credential", "credential"),
        Column("Dispatching", "queue"),
        Column("Health", "health"),
        Column("Validity", "validity"),
        Column("Comment"),
    ),
    context=_context,
    frame=_frame,
    page_template="accounts/page.html",
)

blueprint = resource_blueprint(RESOURCE, __name__)
