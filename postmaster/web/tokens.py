"""API tokens: the list, a new one, which is shown once, and revoking one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectMultipleField, StringField

from postmaster import config
from postmaster.database import read_session, transaction
from postmaster.desk.api_tokens import (
    EXPIRES,
    NAME,
    QUEUE,
    SCOPE,
    SCOPE_HELP,
    NewToken,
    TokenState,
    add_token,
    find_token,
    queue_names,
    revoke_token,
    stream_tokens,
    token_state,
)
from postmaster.resources.fields import InvalidFieldsError
from postmaster.system.models import ApiToken
from postmaster.web.access import current_user, for_admins
from postmaster.web.badges import TOKEN_BADGES, Badge
from postmaster.web.context import Context
from postmaster.web.forms import Form

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")


class TokenForm(Form):
    """What a new token is called, allows and sees."""

    name = StringField(NAME.label, render_kw={"autocomplete": "off", "required": True})
    scope = SelectMultipleField(SCOPE.label, choices=(), validate_choice=False)
    queue = SelectMultipleField(QUEUE.label, choices=(), validate_choice=False)
    expires = StringField(EXPIRES.label, render_kw={"type": "date"})

    @property
    def refused(self) -> list[Any]:
        """The fields in which something is wrong."""
        return [field for field in self if field.errors]

    @property
    def entered(self) -> NewToken:
        """What was entered."""
        return NewToken(
            str(self.name.data or ""), self.scope.data or (), self.queue.data or (), str(self.expires.data or "")
        )

    def refuse(self, error: InvalidFieldsError) -> None:
        """Say beside each field what is wrong with it."""
        for name, flaw in error.errors.items():
            self[name].errors = (str(flaw),)
        self.focus_first_refused()


@dataclass(frozen=True)
class TokenLine:
    """A token in the list; ``queues`` are the names of those that it is limited to."""

    token: ApiToken
    state: TokenState
    queues: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class TokensContext(Context, templates=("tokens/page.html",)):
    """All tokens."""

    lines: Sequence[TokenLine]
    looks: Mapping[TokenState, Badge]


@dataclass(frozen=True, kw_only=True)
class TokenFormContext(Context, templates=("tokens/form.html",)):
    """The form of a new one, with what there is to choose from."""

    form: TokenForm
    scopes: Mapping[str, str]
    queues: Mapping[str, str]
    helps: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class NewTokenContext(Context, templates=("tokens/made.html",)):
    """A token that was just made, this once with its ``secret``."""

    token: ApiToken
    secret: str


@dataclass(frozen=True, kw_only=True)
class RevokeContext(Context, templates=("tokens/revoke.html",)):
    """Asks whether a token shall be revoked."""

    token: ApiToken
    state: TokenState


@blueprint.get("")
@for_admins
def page() -> str:
    """The list."""
    with read_session() as session:
        names = queue_names(session)
        lines = [_line(token, names) for token in stream_tokens(session)]
    return TokensContext(lines=lines, looks=TOKEN_BADGES).render()


def _line(token: ApiToken, names: Mapping[int, str]) -> TokenLine:
    queues = [names.get(number, f"deleted queue {number}") for number in token.queue_ids]
    return TokenLine(token, token_state(token), queues)


@blueprint.route("/add", methods=["GET", "POST"])
@for_admins
def add() -> ResponseReturnValue:
    """Make a token and show it: no other page ever does."""
    form = TokenForm()
    status = form.status()
    if form.was_sent_well():
        try:
            with transaction() as session:
                token, secret = add_token(session, form.entered, current_user().name, config.current().time_zone)
            return NewTokenContext(token=token, secret=secret).render()
        except InvalidFieldsError as error:
            form.refuse(error)
    with read_session() as session:
        queues = {name: name for name in sorted(queue_names(session).values(), key=str.casefold)}
    helps = {field.name: field.help for field in (NAME, QUEUE, EXPIRES)}
    scopes = {scope.value: f"{scope}: {words}" for scope, words in SCOPE_HELP.items()}
    return TokenFormContext(form=form, scopes=scopes, queues=queues, helps=helps).render(), status


@blueprint.route("/<id:number>/revoke", methods=["GET", "POST"])
@for_admins
def revoke(number: int) -> ResponseReturnValue:
    """Ask first, then have the token be good no more."""
    form = Form()
    if form.was_sent_well():
        with transaction() as session:
            revoked = revoke_token(session, str(number), current_user().name)
        flash("The token is revoked; it no longer works." if revoked else "The token was revoked before.", "ok")
        return redirect(url_for(".page"), 303)
    with read_session() as session:
        token = find_token(session, str(number))
    return RevokeContext(token=token, state=token_state(token)).render(), form.status()
