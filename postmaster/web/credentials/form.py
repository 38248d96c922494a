"""The form of a credential: its kind is chosen first, and decides its fields (docs/glossary.md#credentials)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import request
from wtforms import SelectChoice

from postmaster.accounts.kinds import CREDENTIAL_KINDS, GRANT, KIND, SECRET_EXPIRES, Grant, KindSpec, find_kind
from postmaster.web.field_forms import FieldForm, field_form

# What people call the grants.
GRANTS = {
    Grant.AUTHORIZATION_CODE: "A person signs in once",
    Grant.CLIENT_CREDENTIALS: "The app signs in by itself",
}


class CredentialForm(FieldForm):
    """The form of a credential of the kind ``spec``; without one, a new one's kind has to be chosen first."""

    spec: KindSpec | None = None
    kinds = tuple(CREDENTIAL_KINDS.values())

    def texts(self) -> dict[str, str]:
        """What was entered; of a new one with its kind, which is no longer an input once it is chosen."""
        given = super().texts()
        return given if self.editing else given | {KIND.name: request.values.get(KIND.name, "")}


def credential_form(service: Any, helps: Mapping[str, str], record: Any = None) -> CredentialForm:
    """The form for a credential, or for a new one of the kind that the address names."""
    spec = record.spec if record else find_kind(request.values.get(KIND.name, ""))
    fields = spec.fields if spec else (KIND,)
    if spec and record is None:
        fields = tuple(field for field in fields if field != KIND)
    form = field_form(CredentialForm, service, helps, record, fields)
    form.spec = spec
    if SECRET_EXPIRES in fields:
        end = form[SECRET_EXPIRES.name]
        end.render_kw = {**(end.render_kw or {}), "type": "date"}
    if GRANT in fields:
        input_ = form[GRANT.name]
        input_.choices = [SelectChoice(each.value, GRANTS.get(each.value, each.label)) for each in input_.choices]
    return form
