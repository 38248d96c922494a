"""What the pages of all resources have to know of the mail accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from postmaster.accounts.complaint import complaint_of
from postmaster.accounts.health import HEALTH_LABELS
from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.models import MailAccount
from postmaster.accounts.service import AccountService
from postmaster.operations.progress import progress
from postmaster.pipeline.decision import OUTCOMES, REASONS
from postmaster.system.settings import RECOMMENDED_ACCOUNT_LIMIT, get_setting
from postmaster.web.accounts.form import account_form
from postmaster.web.accounts.row_state import list_pulse, standings
from postmaster.web.badges import HEALTH_BADGES
from postmaster.web.resources import Column, Resource, resource_blueprint


def _context(_session: Session) -> Mapping[str, Any]:
    return {"looks": HEALTH_BADGES, "words": HEALTH_LABELS}


def _along(session: Session, accounts: Sequence[MailAccount]) -> Mapping[str, Any]:
    return {"standings": standings(session, accounts)}


def _frame(session: Session) -> Mapping[str, Any]:
    return {
        "pulse": list_pulse(progress(session)),
        "valid": AccountService(session, actor="").count_valid(),
        "limit": get_setting(session, RECOMMENDED_ACCOUNT_LIMIT),
    }


ACCOUNT_PAGES = Resource(
    called="mail account",
    keeps="Its tickets stay, and so does the mail that is still on the server.",
    title="PostMaster Mail Accounts",
    lead="PostMaster checks these mailboxes regularly and turns each message into a ticket.",
    empty="",
    service=AccountService,
    listing=ACCOUNTS,
    columns=(
        Column("Account", "account"),
        Column("Dispatching", "queue"),
        Column("Health", "health"),
        Column("Last success", "success"),
        Column("Today"),
        Column("Quarantined"),
        Column("Next run", "next"),
        Column("Validity", "validity"),
    ),
    helps={
        "credential": "What the account signs in with. Without one it is saved, but not fetched.",
        "folder": "Only this folder is fetched; empty means INBOX. Other folders remain untouched.",
        "ssl_verify": "Choosing no disables the check.",
        "ssl_fingerprint": "For a self-signed certificate or an unknown CA: the only certificate that is accepted, "
        "as algo$hex. Colons do not matter.",
        "ssl_verifycn_name": "Only if the certificate names a different host.",
        "trusted": "Whether X-OTRS headers of the mail itself count. They can change queue, priority or state: “yes” "
        "only if nobody else can write to this mailbox. “proven-senders-only” keeps out who writes in another’s name, "
        "yet anybody can prove a domain of his own.",
        "authserv_ids": "Names by which the servers of this mailbox sign the field Authentication-Results, divided by "
        "semicolons: they say whether a sender is who he says. Leave empty for the setting TrustedAuthservIds. “Test "
        "connection” and “Preview” say which names there are.",
        "queue": "Where all mail of this account goes.",
        "interval": "Minutes between two runs. Leave empty for the default, FetchIntervalMinutes.",
        "answer_timeout": "Seconds that the server may take for an answer, 10 to 300. Leave empty for 60, and 100 for "
        "opening the folder, listing and deleting.",
        "validity": "Only valid accounts are fetched.",
        "comment": "Describe the account in one sentence. It is shown in the list.",
    },
    wraps={
        "type": "third",
        "credential": "most",
        "host": "most",
        "port": "third",
        "folder": "",
        "address": "",
        "ssl_verify": "third",
        "ssl_fingerprint": "",
        "ssl_verifycn_name": "most",
        "trusted": "most",
        "authserv_ids": "",
        "interval": "third",
        "answer_timeout": "third",
        "validity": "third",
        "comment": "",
    },
    context=_context,
    along=_along,
    frame=_frame,
    make_form=account_form,
    page_template="accounts/page.html",
    form_template="accounts/form.html",
)

blueprint = resource_blueprint(ACCOUNT_PAGES, __name__)


blueprint.add_app_template_filter(complaint_of, "complaint")


@blueprint.context_processor
def preview_words() -> dict[str, Any]:
    """How the preview says what would become of a message, and why."""
    return {"outcomes": {outcome: row.label for outcome, row in OUTCOMES.items()}, "reasons": REASONS}
