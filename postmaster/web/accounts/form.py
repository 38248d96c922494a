"""The form of a mail account: Type first, and the fields that it calls for (docs/glossary.md#mail-accounts)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import request, url_for
from wtforms import SelectChoice

from postmaster.accounts.fields import AUTHSERV_IDS, CREDENTIAL, DISPATCHING, QUEUE, TRUSTED, TYPE
from postmaster.accounts.providers import provider_of
from postmaster.accounts.types import (
    ACCOUNT_TYPES,
    EMAIL_ADDRESS,
    HOST,
    SSL_FINGERPRINT,
    SSL_VERIFY,
    SSL_VERIFYCN_NAME,
    TYPE_FIELDS,
    AccountType,
    Tls,
)
from postmaster.accounts.with_credential import (
    ALL_NEW_FIELDS,
    MAILBOX,
    NEW_FIELDS,
    NEW_GRANT,
    NEW_KIND,
    NEW_PASSWORD,
    add_account,
    kind_for,
)
from postmaster.operations import scratch
from postmaster.resources.fields import Field
from postmaster.web.access import current_user
from postmaster.web.accounts.places import PLACES
from postmaster.web.asked import is_looking
from postmaster.web.credentials.form import GRANTS
from postmaster.web.field_forms import FieldForm, FormPart, field_form

# What stands in the form of a new account beside its fields.
BESIDE = (MAILBOX, *ALL_NEW_FIELDS)

NEW_NAMES = tuple(field.name for field in ALL_NEW_FIELDS)
TLS_FIELDS = (SSL_VERIFY, SSL_FINGERPRINT, SSL_VERIFYCN_NAME)

# Those whose values decide what else is shown, and those that are shown or not. Secrets never stand in an address.
DEPENDING = (
    *(TYPE.name, CREDENTIAL.name, *(field.name for field in TYPE_FIELDS), DISPATCHING.name, QUEUE.name),
    *(field.name for field in BESIDE if not field.secret),
)


@dataclass(frozen=True)
class FormSection:
    """A part of the form with a heading of its own."""

    id: str
    title: str
    fields: tuple[str, ...] = ()


# In the order of the form. Those in the middle depend on the type. Fields that no section names stand in the last one.
FIRST = (FormSection("sign-in", "Type and sign-in", (MAILBOX.name, TYPE.name, CREDENTIAL.name, *NEW_NAMES)),)
BY_TYPE = (
    FormSection("server", "Mailbox", ("address", "host", "port", "folder")),
    FormSection("tls", "TLS", tuple(field.name for field in TLS_FIELDS)),
)
LAST = (
    FormSection("tickets", "Tickets", (DISPATCHING.name, QUEUE.name, TRUSTED.name, AUTHSERV_IDS.name)),
    FormSection("about", "About this account"),
)


Filled = list[tuple[FormSection, list[FormPart]]]


class AccountForm(FieldForm):
    """The form of the account with the id ``number``, or of a new one.

    ``fields_for`` tells which fields are called for; the others keep what was entered, out of sight. ``lost`` says that
    what was entered before is gone. ``doubtful``: the certificate of the server that was found is not good.
    """

    fields_for: Callable[[Mapping[str, str]], Sequence[Field]]
    new_names: ClassVar[tuple[str, ...]] = NEW_NAMES
    """The inputs of a new credential."""
    placed: ClassVar[tuple[str, ...]] = (MAILBOX.name, QUEUE.name, *NEW_NAMES)
    """The inputs whose places are kept while they are not shown."""
    number: int | None = None
    lost: bool = False
    doubtful: bool = False

    @property
    def shown(self) -> Sequence[Field]:
        """The fields of the type that is chosen, and the queue if it is to be selected.

        Of a new one also its address, and the credential that is added with it if none is chosen.
        """
        entered = self.entered()
        fields = tuple(self.fields_for(entered))
        if self.editing:
            return fields
        by_address = () if EMAIL_ADDRESS in fields else (MAILBOX,)
        new = () if entered[CREDENTIAL.name] else NEW_FIELDS[kind_for(self.account_type)]
        return (*by_address, *fields, *new)

    def texts(self) -> dict[str, str]:
        """What was entered; of a new one also the kind of its new credential."""
        given = super().texts()
        return given if self.editing else given | {NEW_KIND.name: kind_for(self.account_type).value}

    def add(self, service: Any) -> Any:
        """Add the account, and its credential if that is new."""
        return add_account(service, self.texts())

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
        """What was entered in fields that are not shown now, by name; without secrets."""
        entered, shown = self.entered(), self.shown
        return {field.name: entered[field.name] for field in self.fields if field not in shown and not field.secret}

    @property
    def is_distrusted(self) -> bool:
        """Whether the certificate of the server was refused a moment ago."""
        return self.doubtful or request.values.get("open") == "tls"

    @property
    def tls_open(self) -> bool:
        """Whether the section TLS is open: something is wrong in it, is not as usual, or is asked for."""
        if self.is_distrusted:
            return True
        entered = self.entered()
        unusual = entered[SSL_VERIFY.name] == "no" or entered[SSL_FINGERPRINT.name] or entered[SSL_VERIFYCN_NAME.name]
        return bool(unusual) or any(self[field.name].errors for field in TLS_FIELDS)

    @property
    def credential_help(self) -> str:
        """What is said of the credential where a new one takes an app; empty elsewhere."""
        oauth_only = self.account_type is not None and self.account_type.oauth_only
        return "“Add credential” says step by step how an app is registered there." if oauth_only else ""

    @property
    def provider_note(self) -> str:
        """What the provider that is entered as Host takes."""
        provider = provider_of(self.entered()[HOST.name]) if HOST in self.shown else None
        return provider.note if provider else ""

    @property
    def account_type(self) -> AccountType | None:
        """The type that is chosen, if there is such a one."""
        return ACCOUNT_TYPES.get(self.entered()[TYPE.name])

    @property
    def unencrypted(self) -> bool:
        """Whether the type that is chosen sends the password in the clear."""
        return self.account_type is not None and self.account_type.tls is Tls.NONE

    @property
    def tls_words(self) -> str:
        """What the section TLS comes to, as long as it is folded."""
        entered = self.entered()
        if entered[SSL_FINGERPRINT.name]:
            return "One certificate only"
        if entered[SSL_VERIFY.name] == "no":
            return "Not verified"
        return "Refused" if self.is_distrusted else "Verified"

    def searches(self) -> dict[str, str]:
        """Attributes of the address that a server is looked for by: htmx does so by itself, unless one is entered."""
        if self.entered()[HOST.name]:
            return {}
        return {
            "hx-post": url_for("accounts.look", kind="discovery"),
            "hx-trigger": "change",
            "hx-target": "#discovery-found",
            "hx-swap": "outerHTML",
            "hx-params": MAILBOX.name,
        }

    def asks(self, target: str, beside: str = "") -> dict[str, str]:
        """Attributes of an input on which it depends what stands in ``target``, and in some others ``beside`` it: htmx
        asks for that anew.
        """
        further = {"hx-select-oob": beside} if beside else {}
        return further | {
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
        secrets = {field.name for field in self.fields if field.secret}
        entered = {name: text for name, text in self.entered().items() if name not in secrets}
        path.write_text(json.dumps({"user": current_user().id, "entered": {**entered, "seen": self.seen.data}}))
        return path.name

    def recall(self, token: str) -> None:
        """Enter again what was kept under ``token``; ``lost`` says that it is gone."""
        kept = scratch.read_object(token)
        self.lost = kept.get("user") != current_user().id or "entered" not in kept
        if not self.lost:
            for name, text in kept["entered"].items():
                if name in self:
                    self[name].data = text


def account_form(service: Any, helps: Mapping[str, str], record: Any = None, **options: Any) -> AccountForm:
    """The form for an account, or for a new one; as it was left, if the address names what was kept (``?draft=``)."""
    fields = service.fields if record else (*service.fields, *BESIDE)
    form = field_form(AccountForm, service, helps, record, fields, **options)
    form.fields_for, form.number = service.fields_for, record.id if record else None
    if record is None:
        _prepare(form)
    if not is_looking() or options:
        return form
    if record is None:
        _enter(form, PLACES.get(request.args.get("where", ""), PLACES["other"]).values)
        _enter(form, {field.name: text for field in (MAILBOX, EMAIL_ADDRESS) if (text := request.args.get("mailbox"))})
    if token := request.args.get("draft"):
        form.recall(token)
    if name := request.args.get(CREDENTIAL.name):
        form[CREDENTIAL.name].data = name
    return form


def _prepare(form: AccountForm) -> None:
    """Give the form of a new account what its inputs have beside the tables of fields."""
    form[CREDENTIAL.name].choices[0] = SelectChoice("", "A new one")
    grants = form[NEW_GRANT.name]
    grants.choices = [SelectChoice(each.value, GRANTS.get(each.value, each.label)) for each in grants.choices]
    kept = form[NEW_PASSWORD.name]
    kept.render_kw = {**kept.render_kw, "hx-preserve": "true"}  # it is never sent back, so what was typed would go


def _enter(form: AccountForm, values: Mapping[str, str]) -> None:
    for name, text in values.items():
        form[name].data = text
