"""The postmaster filters: find, add, change, delete (docs/glossary.md#postmaster-filters)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from sqlalchemy import String, cast, func, select, type_coerce

from postmaster.accounts.models import MailAccount
from postmaster.accounts.service import AccountService
from postmaster.errors import InputError, NotFoundError
from postmaster.extensions import Json, iso, now
from postmaster.pipeline.choices import Choices
from postmaster.pipeline.filters.models import PostmasterFilter
from postmaster.pipeline.filters.naming import filter_flaws, present_choices
from postmaster.pipeline.filters.patterns import captures, match_condition, not_match_condition, read_lines, setting
from postmaster.resources.entered import EnteredValues
from postmaster.resources.fields import COMMENT, VALIDITY, Field, Value
from postmaster.resources.listing import Listing
from postmaster.resources.models import Validity
from postmaster.resources.named_service import NamedService
from postmaster.resources.readers import line, yes_no
from postmaster.resources.service import Stored
from postmaster.system.list_settings import DYNAMIC_FIELD_LIST
from postmaster.system.lists import named

# Filters above this number make a warning: each one is checked against each message.
RECOMMENDED_FILTERS = 50

# For a filter whose chosen accounts are all deleted: it must not turn into one for all.
NO_ACCOUNT = "none"

NAME = Field(
    "name",
    "Name",
    mandatory=True,
    read=line(200),
    metavar="NAME",
    help="Filters are evaluated in ASCII order of their names.",
)
STOP = Field(
    "stop",
    "Stop after match",
    mandatory=True,
    read=yes_no,
    default="no",
    metavar="yes|no",
    help="Whether filters after this one are left out if it matches.",
)
MATCH = Field(
    "match",
    "Match",
    read=read_lines(match_condition),
    empty=(),
    metavar="HEADER=RE",
    help="Header or Body in which the regular expression must be found, case-insensitively; repeatable, all must.",
    lines=True,
)
NOT_MATCH = Field(
    "not_match",
    "Not match",
    read=read_lines(not_match_condition),
    empty=(),
    metavar="HEADER=RE",
    help="Header in which it must not be found; one that is absent counts as empty. Repeatable.",
    lines=True,
)
SET = Field(
    "set",
    "Set",
    read=read_lines(setting),
    empty=(),
    column="sets",
    metavar="HEADER=VALUE",
    help="X-OTRS header to set, as in X-OTRS-Queue=Junk; repeatable.",
    lines=True,
)
FOLLOWUP_FIELD = Field(
    "follow_up_field",
    "Follow-up by field",
    read=line(60),
    column="followup_field",
    metavar="NAME",
    help="Dynamic field for the number of another system, which the last condition captures: a message follows up the "
    "open ticket that has it there; else a new ticket gets it.",
)
ACCOUNT = Field(
    "account",
    "Mail accounts",
    read=lambda text: text.splitlines(),
    empty=(),
    column="accounts",
    metavar="ACCOUNT",
    help="Only for mail of this account, by id or label; repeatable. All accounts and the pipe if left out; with none, "
    "for no account.",
    lines=True,
)

FILTER_LISTING = Listing(
    key=PostmasterFilter.id,
    query=select(PostmasterFilter),
    searched=(
        PostmasterFilter.name,
        PostmasterFilter.comment,
        cast(PostmasterFilter.match, String),
        cast(PostmasterFilter.not_match, String),
        cast(PostmasterFilter.sets, String),
        type_coerce(PostmasterFilter.validity, String),
    ),
    sorts={"name": (PostmasterFilter.name,), "validity": (type_coerce(PostmasterFilter.validity, String),)},
)


class FilterService(NamedService[PostmasterFilter]):
    """Postmaster filters. Patterns are compiled when they are saved; ``notes`` say what will not work as it is."""

    noun = "filter"
    plural = "filters"
    fields: ClassVar[tuple[Field, ...]] = (
        NAME,
        STOP,
        MATCH,
        NOT_MATCH,
        SET,
        FOLLOWUP_FIELD,
        ACCOUNT,
        VALIDITY,
        COMMENT,
    )
    key: ClassVar[Field] = NAME
    model = PostmasterFilter

    def health(self, record: PostmasterFilter) -> str:
        """Whether it is used, names what is there, means what it meant before an upgrade, and is fast enough."""
        if record.validity is not Validity.VALID:
            return "invalid"
        if next(filter_flaws(record, self.present), None):
            return "names-invalid"
        if record.state and record.state.to_review:
            return "to-review"
        return "slow" if record.state and record.state.slow_count else "healthy"

    @cached_property
    def present(self) -> Choices:
        """What filters can name, read once for all that are listed."""
        return present_choices(self.session)

    def flaws(self, record: PostmasterFilter) -> list[str]:
        """What it sets that would be left out as things stand, a sentence each."""
        return [f"{control.name} {flaw.flaw}." for control, flaw in filter_flaws(record, self.present)]

    def value(self, record: PostmasterFilter, field: Field) -> Value:
        """The field's value; lines as they were entered, accounts by their labels, or ids where those are shared."""
        if field == ACCOUNT and not (record.all_accounts or record.accounts):
            return (NO_ACCOUNT,)  # those that were chosen are deleted
        if field == ACCOUNT:
            return tuple(self._account_name(account) for account in record.accounts or ())
        value = getattr(record, field.attribute)
        return tuple(value or ()) if field.lines else super().value(record, field)

    def details(self, record: PostmasterFilter) -> Json:
        """How often it took too long, and when last; whether an upgrade changed what it means."""
        state = record.state
        moment = state.last_slow_at if state else None
        to_review = bool(state and state.to_review)
        return {
            "flaws": self.flaws(record),
            "to_review": to_review,
            "slow_count": state.slow_count if state else 0,
            "last_slow": iso(moment),
        }

    def account_names(self) -> Sequence[str]:
        """The accounts that may be chosen."""
        accounts = self.session.scalars(select(MailAccount).order_by(MailAccount.id)).unique()
        return [self._account_name(account) for account in accounts]

    def choices(self, field: Field, record: PostmasterFilter | None = None) -> Sequence[str] | None:
        """The dynamic fields that there are; one that is gone stays where it is chosen."""
        if field != FOLLOWUP_FIELD:
            return super().choices(field, record)
        names = list(self.present.dynamic_fields)
        chosen = record.followup_field if record else None
        return names if chosen in (None, *names) else [str(chosen), *names]

    def resolve(self, field: Field, value: Any) -> Any:
        """The accounts that are named; the field as its list spells it; lines as the table keeps them."""
        if field == FOLLOWUP_FIELD and value is not None:
            return named(self.present.dynamic_fields, value) or value
        if field == ACCOUNT and value == [NO_ACCOUNT]:
            return []
        if field == ACCOUNT:
            return list({account.id: account for account in map(self._account, value)}.values())
        return list(value) if field.lines else value

    def read(
        self, form_values: Mapping[str, str], record: PostmasterFilter | None = None
    ) -> EnteredValues[PostmasterFilter]:
        """Without chosen accounts a filter is for all."""
        values = super().read(form_values, record)
        if ACCOUNT.name in form_values and ACCOUNT not in values.errors:
            values.set_attribute("all_accounts", not values.given(ACCOUNT).strip())
            if record is not None and self.value(values.draft, ACCOUNT) != self.value(record, ACCOUNT):
                values.set_attribute("changed_at", now())  # which accounts are chosen is in a table of its own
        return values

    def validate(self, values: EnteredValues[PostmasterFilter]) -> None:
        """Names are unique, and a filter has a condition."""
        super().validate(values)
        draft, errors = values.draft, values.errors
        if not (MATCH in errors or NOT_MATCH in errors or draft.match or draft.not_match):
            flaw = "has no condition, and neither has Not match, so the filter would match nothing"
            errors.add(MATCH.name, MATCH.refuse(flaw, "Enter one, as in Subject=invoice.", code="no-condition"))
        if draft.followup_field and FOLLOWUP_FIELD not in errors and MATCH not in errors:
            self._check_followup_field(values)

    def _check_followup_field(self, values: EnteredValues[PostmasterFilter]) -> None:
        """It is one of the list, unless it was and is kept, and a condition captures what it is to hold."""
        draft, errors = values.draft, values.errors
        is_new = values.record is None or values.changes(FOLLOWUP_FIELD)
        if is_new and draft.followup_field not in self.present.dynamic_fields:
            flaw = f"is “{draft.followup_field}”, which is not a dynamic field of {DYNAMIC_FIELD_LIST.name}"
            errors.add(FOLLOWUP_FIELD.name, FOLLOWUP_FIELD.refuse(flaw, "Add it there first."))
        elif not any(captures(match_condition(text)) for text in draft.match):
            advice = "Put the number in brackets, as in Subject=Problem ID: (\\d+)."
            errors.add(FOLLOWUP_FIELD.name, FOLLOWUP_FIELD.refuse("needs a condition that captures the number", advice))

    def store(self, values: EnteredValues[PostmasterFilter]) -> Stored[PostmasterFilter]:
        """Forget how slow other patterns were; it is reviewed now. Warn of values left out, and of too many filters."""
        if values.record is not None and values.changes(MATCH, NOT_MATCH):
            values.record.state = None
        if values.record is not None and values.record.state:
            values.record.state.to_review = False
        stored = super().store(values)
        for control, flaw in filter_flaws(stored.record, self.present):
            self.notes[control.name] = f"{control.name} {flaw.flaw}: it would be left out."
        count = self.session.scalar(select(func.count()).select_from(PostmasterFilter)) or 0
        if values.record is None and count > RECOMMENDED_FILTERS:
            self.notes["filter-limit"] = many_filters(count)
        return stored

    def _account(self, text: str) -> MailAccount:
        try:
            return AccountService(self.session, self.actor).find(text)
        except NotFoundError as error:
            raise InputError(ACCOUNT.label, error.message, error.advice, error.code) from None

    def _account_name(self, account: MailAccount) -> str:
        """The label, unless others have the same."""
        service = AccountService(self.session, self.actor)
        try:
            return account.label if service.find(account.label) is account else str(account.id)
        except NotFoundError:
            return str(account.id)


def many_filters(count: int) -> str:
    """The warning that there are more filters than recommended."""
    return (
        f"There are {count} filters, more than the {RECOMMENDED_FILTERS} that are recommended: "
        "each one is checked against each message. Join some of them, or delete those that are not needed."
    )
