"""What the pages of all resources have to know of the postmaster filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount, Trust
from postmaster.ledger.filter_trial import recent_messages
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.service import FILTER_LISTING, RECOMMENDED_FILTERS, FilterService
from postmaster.resources.models import Validity
from postmaster.resources.numbers import NO_ID
from postmaster.web.asked import asked_id
from postmaster.web.filters.form import HOWS, SETTABLE, USUAL_HEADERS, filter_form
from postmaster.web.resources import Column, Resource, resource_blueprint


def _frame(session: Session) -> Mapping[str, Any]:
    count = session.scalar(select(func.count()).select_from(PostmasterFilter))
    return {"count": count, "limit": RECOMMENDED_FILTERS}


def form_context(session: Session, _thing: PostmasterFilter | None = None) -> Mapping[str, Any]:
    """What the form needs beside its fields: words to choose from, and messages and accounts to try it with."""
    accounts = session.scalars(select(MailAccount).order_by(MailAccount.id)).unique()
    return {
        "hows": HOWS,
        "usual_headers": USUAL_HEADERS,
        "settable": SETTABLE,
        "recent": recent_messages(session, asked_id("recent") or NO_ID),
        "origins": [(account.id, account.label, account.trust is Trust.YES) for account in accounts],
    }


def _flaws(session: Session, filters: Sequence[PostmasterFilter]) -> Mapping[str, Any]:
    """What of each valid filter is left out, because it names what is not there or not valid."""
    service = FilterService(session, actor="")
    found = {each.id: service.flaws(each) for each in filters if each.validity is Validity.VALID}
    return {"flaws": {number: flaws for number, flaws in found.items() if flaws}}


FILTER_PAGES = Resource(
    title="Postmaster Filters",
    lead="Route mail by its content: queue, priority, state. Filters are tried in the order of this "
    "list, for all accounts or for chosen ones.",
    empty="Without one, only accounts and addresses decide about mail.",
    service=FilterService,
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
    along=_flaws,
    beside=form_context,
    make_form=filter_form,
    page_template="filters/page.html",
    form_template="filters/form.html",
)

blueprint = resource_blueprint(FILTER_PAGES, __name__)
