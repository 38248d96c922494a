"""The form of a mail account: Type first, and the fields that it calls for (docs/glossary.md#mail-accounts)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from postmaster.accounts.fields import AUTHSERV_IDS, CREDENTIAL, DISPATCHING, QUEUE, TRUSTED, TYPE
from postmaster.accounts.types import ACCOUNT_TYPES, TYPE_FIELDS, AccountType, Tls
from postmaster.operations import scratch
from postmaster.resources.fields import Field
from postmaster.web.access import current_user
from postmaster.web.asked import is_looking
from postmaster.web.field_forms import FieldForm, FormPart, field_form

# What a new account most likely is: encrypted from the start.
USUAL_TYPE = "IMAPS"

# Those whose values decide what else is shown, and those that are shown or not.
DEPENDING = (TYPE.name, *(field.name for field in TYPE_FIELDS), DISPATCHING.name, QUEUE.name)


@dataclass(frozen=True)
class FormSection:
    """A part of the form with a heading of its own."""

    id: str
    title: str
    fields: tuple[str, ...] = ()


# In the order of the form. Those in the middle depend on the type. Fields that no section names stand in the last one.
FIRST = (FormSection("sign-in", "Type and sign-in", (TYPE.name, CREDENTIAL.name)),)
BY_TYPE = (
    FormSection("server", "Mailbox", ("address", "host", "port", "folder")),
    FormSection("tls", "TLS", ("ssl_verify", "ssl_fingerprint", "ssl_verifycn_name")),
)
LAST = (
    FormSection("tickets", "Tickets", (DISPATCHING.name, QUEUE.name, TRUSTED.name, AUTHSERV_IDS.name)),
    FormSection("about", "About this account"),
)


Filled = list[tuple[FormSection, list[FormPart]]]


class AccountForm(FieldForm):
    """The form of the account with the id ``number``, or of a new one.

    ``fields_for`` tells which fields are called for; the others keep what was entered, out of sight. ``lost`` says that
    what was entered before is gone.
    """

    fields_for: Callable[[Mapping[str, str]], Sequence[Field]]
    number: int | None = None
    lost: bool = False

    @property
    def shown(self) -> Sequence[Field]:
        """The fields of the type that is chosen, and the queue if it is to be selected."""
        return self.fields_for(self.entered())

    def is_mandatory(self, field: Field) -> bool:
        """The queue is, where it is shown."""
        return field == QUEUE or super().is_mandatory(field)

    @property
    def sections(self) -> tuple[Filled, Filled, Filled]:
        """What stands in the sections now: before those that depend on the type, in them, and after them."""
        parts = {part[0].name: part for part in self.parts}
        named = {name for section in (*FIRST, *BY_TYPE, *LAST) for name in section.fields}
        rest = [name for name in parts if name not in named]

        def filled(sections: Sequence[FormSection]) -> Filled:
            pairs = ((each, [parts[name] for name in each.fields or rest if name in parts]) for each in sections)
            return [(section, inside) for section, inside in pairs if inside]

        return filled(FIRST), filled(BY_TYPE), filled(LAST)

    @property
    def hidden(self) -> dict[str, str]:
        """What was entered in fields that are not shown now, by name."""
        entered = self.entered()
        return {field.name: entered[field.name] for field in self.fields if field not in self.shown}

    @property
    def account_type(self) -> AccountType | None:
        """The type that is chosen, if there is such a one."""
        return ACCOUNT_TYPES.get(self.entered()[TYPE.name])

    @property
    def unencrypted(self) -> bool:
        """Whether the type that is chosen sends the password in the clear."""
        return self.account_type is not None and self.account_type.tls is Tls.NONE

    def asks(self, target: str) -> dict[str, str]:
        """Attributes of an input on which it depends what stands in ``target``: htmx asks for that anew."""
        return {
            "hx-get": url_for("accounts.fields", number=self.number),
            "hx-trigger": "change",
            "hx-target": target,
            "hx-select": target,
            "hx-swap": "outerHTML",
            "hx-include": "#account-form",
            "hx-params": ",".join(DEPENDING),
        }

    def keep(self) -> str:
        """Keep what was entered while somebody is on another page; returns the token that ``recall`` takes."""
        path = scratch.new_file()
        path.write_text(json.dumps({"user": current_user().id, "entered": {**self.entered(), "seen": self.seen.data}}))
        return path.name

    def recall(self, token: str) -> None:
        """Enter again what was kept under ``token``; ``lost`` says that it is gone."""
        path = scratch.find_file(token)
        kept = json.loads(path.read_text()) if path else {}
        self.lost = kept.get("user") != current_user().id
        if not self.lost:
            for name, text in kept["entered"].items():
                if name in self:
                    self[name].data = text


def account_form(service: Any, helps: Mapping[str, str], record: Any = None, **options: Any) -> AccountForm:
    """The form for an account, or for a new one; as it was left, if the address names what was kept (``?draft=``)."""
    form = field_form(AccountForm, service, helps, record, service.fields, **options)
    form.fields_for, form.number = service.fields_for, record.id if record else None
    if not is_looking() or options:
        return form
    if record is None:
        form[TYPE.name].data = USUAL_TYPE
    if token := request.args.get("draft"):
        form.recall(token)
    if name := request.args.get(CREDENTIAL.name):
        form[CREDENTIAL.name].data = name
    return form
