"""What the pages of all resources have to know of the postmaster filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount, Trust
from postmaster.ledger.filter_trial import Experiment, recent_messages
from postmaster.pipeline.decision import REASONS
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.service import FILTER_LISTING, RECOMMENDED_FILTERS, FilterService
from postmaster.resources.models import Validity
from postmaster.resources.numbers import NO_ID
from postmaster.web.asked import asked_id
from postmaster.web.bulk_actions import delete_action, validity_actions
from postmaster.web.context import Context
from postmaster.web.filters.form import HOWS, SETTABLE, USUAL_HEADERS, filter_form
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource


@dataclass(frozen=True, kw_only=True)
class FilterFrame(Context):
    """How many filters there are, and how many are recommended."""

    count: int
    limit: int


@dataclass(frozen=True, kw_only=True)
class FilterBeside(Context):
    """What the form needs beside its fields: words to choose from, and messages and accounts to try it with.

    ``focus`` is the kind of row that has it. ``experiment`` says how it went on a message, ``problem`` why it was not
    tried; ``reasons`` are the words of reason codes.
    """

    hows: Mapping[str, str]
    usual_headers: Sequence[str]
    settable: Sequence[str]
    recent: Sequence[tuple[int, str]]
    origins: Sequence[tuple[int, str, bool]]
    reasons: Mapping[str, str]
    focus: str = ""
    experiment: Experiment | None = None
    problem: str = ""


def _frame(session: Session, _filters: Sequence[PostmasterFilter]) -> FilterFrame:
    count = session.scalar(select(func.count()).select_from(PostmasterFilter))
    return FilterFrame(count=count or 0, limit=RECOMMENDED_FILTERS)


def filter_beside(session: Session, _filter: PostmasterFilter | None = None) -> FilterBeside:
    """What stands beside the form of a filter, or of a new one."""
    accounts = session.scalars(select(MailAccount).order_by(MailAccount.id)).unique()
    return FilterBeside(
        hows=HOWS,
        usual_headers=USUAL_HEADERS,
        settable=SETTABLE,
        recent=recent_messages(session, asked_id("recent") or NO_ID),
        origins=[(account.id, account.label, account.trust is Trust.YES) for account in accounts],
        reasons=REASONS,
    )


@dataclass(frozen=True, kw_only=True)
class FilterCells(Context):
    """``flaws``: what of each valid filter is left out, because it names what is not there or not valid."""

    flaws: Mapping[int, Sequence[str]]


def _flaws(session: Session, filters: Sequence[PostmasterFilter]) -> FilterCells:
    service = FilterService(session, actor="")
    found = {each.id: service.flaws(each) for each in filters if each.validity is Validity.VALID}
    return FilterCells(flaws={number: flaws for number, flaws in found.items() if flaws})


FILTER_PAGES = Resource(
    title="Postmaster Filters",
    lead="Route mail by its content: queue, priority, state. Filters are tried in the order of this "
    "list, for all accounts or for chosen ones.",
    empty="Without one, only accounts and addresses decide about mail.",
    service=FilterService,
    bulk=(*validity_actions(FilterService), delete_action(FilterService)),
    listing=FILTER_LISTING,
    columns=(
        Column("Name", "name"),
        Column("Conditions"),
        Column("Sets"),
        Column("Stop"),
        Column("Validity", "validity"),
        Column("Comment"),
    ),
    helps={"name": "Filters are tried in ASCII order of their names: 10 comes before 9, A before a."},
    wraps={"name": "most", "stop": "third", "validity": "third", "comment": "most"},
    frame=_frame,
    cells=_flaws,
    beside=filter_beside,
    make_form=filter_form,
    page_template="filters/page.html",
    form_template="filters/form.html",
)

blueprint = resource_blueprint(FILTER_PAGES, __name__)
