"""What the pages of all resources have to know of the mail accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from postmaster.accounts.complaint import complaint_of
from postmaster.accounts.health import HEALTH_LABELS, Health
from postmaster.accounts.listing import ACCOUNTS
from postmaster.accounts.models import MailAccount
from postmaster.accounts.service import AccountService
from postmaster.accounts.tags import tags_of
from postmaster.operations.progress import progress
from postmaster.operations.server_checks import CheckReport
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.outcome import OUTCOMES
from postmaster.system.settings import FETCH_INTERVAL, RECOMMENDED_ACCOUNT_LIMIT, get_setting
from postmaster.web.accounts.bulk import BULK_ACTIONS, KEEPS, WAYS_BACK
from postmaster.web.accounts.form import account_form
from postmaster.web.accounts.row_state import Standing, list_pulse, standings
from postmaster.web.badges import HEALTH_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.guide import Guide, guide_of
from postmaster.web.pulse import PulseContext
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource


@dataclass(frozen=True, kw_only=True)
class AccountCells(Context):
    """What the cells need: how each account stands, with badges and words for it."""

    standings: Mapping[int, Standing]
    looks: Mapping[Health, Badge]
    words: Mapping[Health, str]


@dataclass(frozen=True, kw_only=True)
class AccountFrame(PulseContext):
    """The pulse of the list, how many accounts are valid and recommended, the minutes between runs, the first steps."""

    valid: int
    limit: int
    minutes: int
    guide: Guide | None


@dataclass(frozen=True, kw_only=True)
class PreviewWords(Context):
    """How the preview words the outcome that a message would have, and why.

    ``used``: the server that was found stands in the form.
    """

    outcomes: Mapping[str, str] = field(
        default_factory=lambda: {outcome: row.label for outcome, row in OUTCOMES.items()}
    )
    reasons: Mapping[str, str] = field(default_factory=lambda: REASONS)
    used: bool = False


@dataclass(frozen=True, kw_only=True)
class AccountBeside(PreviewWords):
    """What was found out on the mail server, by kind."""

    reports: Mapping[str, CheckReport] = field(default_factory=dict)


def account_cells(session: Session, accounts: Sequence[MailAccount]) -> AccountCells:
    """What the cells of ``accounts`` need."""
    return AccountCells(standings=standings(session, accounts), looks=HEALTH_BADGES, words=HEALTH_LABELS)


def _frame(session: Session, accounts: Sequence[MailAccount]) -> AccountFrame:
    going_on = progress(session)
    return AccountFrame(
        pulse=list_pulse(going_on, accounts),
        guide=guide_of(session, going_on),
        valid=AccountService(session, actor="").count_valid(),
        limit=get_setting(session, RECOMMENDED_ACCOUNT_LIMIT),
        minutes=get_setting(session, FETCH_INTERVAL),
    )


def _beside(_session: Session, _account: MailAccount | None) -> AccountBeside:
    return AccountBeside()


ACCOUNT_PAGES = Resource(
    called="mail account",
    keeps=KEEPS,
    title="PostMaster Mail Accounts",
    lead="PostMaster fetches these mailboxes and turns each message into a ticket.",
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
    row_parts=("actions", "below"),
    helps={
        "credential": "What the account signs in with. Without one it is saved, but not fetched.",
        "folder": "Only this folder is fetched. Leave empty for INBOX. Other folders remain untouched.",
        "ssl_verify": "Choosing no disables the check.",
        "ssl_fingerprint": "For a self-signed certificate or an unknown CA: the only certificate that is accepted, "
        "as algo$hex. Colons do not matter.",
        "ssl_verifycn_name": "Only if the certificate names a different host.",
        "trusted": "Whether X-OTRS headers of the mail itself count. They can change queue, priority or state: “yes” "
        "only if nobody else can write to this mailbox. “proven-senders-only” keeps out who writes in another’s name, "
        "yet anybody can prove a domain of his own.",
        "authserv_ids": "Names by which the servers of this mailbox sign the field Authentication-Results, divided by "
        "semicolons: they say whether a sender is genuine. Leave empty for the setting TrustedAuthservIds. “Test "
        "connection” and “Preview” say which names there are.",
        "queue": "Where all mail of this account goes.",
        "interval": "Minutes between two runs. Leave empty for the default, FetchIntervalMinutes.",
        "answer_timeout": "Seconds that the server may take for an answer, 10 to 300. Leave empty for 60, and 100 for "
        "opening the folder, listing and deleting.",
        "validity": "Only valid accounts are fetched.",
        "comment": "Describe the account in one sentence. It is shown in the list.",
        "mailbox": "The server is found by it, and it is the user name unless another one is entered below.",
        "new_grant": "A person signs in once, in the browser; or the app signs in by itself.",
    },
    wraps={
        "mailbox": "most",
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
        "tags": "most",
        "comment": "",
    },
    copies=True,
    transfers=True,
    bulk=BULK_ACTIONS,
    ways_back=WAYS_BACK,
    cells=account_cells,
    frame=_frame,
    beside=_beside,
    make_form=account_form,
    add_view="where",
    page_template="accounts/page.html",
    form_template="accounts/form.html",
)

blueprint = resource_blueprint(ACCOUNT_PAGES, __name__)


blueprint.add_app_template_filter(complaint_of, "complaint")
blueprint.add_app_template_filter(tags_of, "tags")
