"""Authorising a credential: to its identity provider, and back."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import flash, redirect, request, session
from flask.typing import ResponseReturnValue

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.kinds import Grant
from postmaster.accounts.models import Credential
from postmaster.database import read_session
from postmaster.errors import MailError, PostMasterError
from postmaster.oauth.authorise import CALLBACK_PATH, VALID_MINUTES, Authorised, BrowserSignIn, begin, finish, try_app
from postmaster.oauth.setup_help import redirect_flaw
from postmaster.web.access import current_user, for_admins
from postmaster.web.context import Context
from postmaster.web.credentials.resource import CREDENTIAL_PAGES, blueprint, mailboxes_of, redirect_uri
from postmaster.web.resources import Resource, existing

# Under which a browser's session keeps what shows that it began an authorisation.
MARK = "authorising"


@dataclass(frozen=True, kw_only=True)
class ToProviderContext(Context, templates=("credentials/to_provider.html",)):
    """The way to the identity provider: ``address`` is that of its page, which leads back to ``back_to``.

    ``flaw`` says what the provider has against that; ``back`` is where Cancel leads.
    """

    resource: Resource
    credential: Credential
    address: str
    host: str
    mailboxes: Sequence[str]
    back_to: str
    flaw: str
    minutes: int
    back: str


@dataclass(frozen=True, kw_only=True)
class RefusedContext(Context, templates=("credentials/refused.html",)):
    """Why it was not authorised, and what the provider's ``server`` said."""

    resource: Resource
    error: PostMasterError
    server: str


@blueprint.post("/<id:number>/authorise")
@for_admins
def authorise(number: int) -> ResponseReturnValue:
    """Show the way to the identity provider, as a link: forms must not lead to other sites (CSP, form-action).

    An app that signs in by itself does so at once.
    """
    with read_session() as database:
        service = CredentialService(database, current_user().name)
        credential = existing(service, number)
        mailboxes = mailboxes_of(credential, service.accounts(credential))
    back = CREDENTIAL_PAGES.url("edit", number=number)
    try:
        if credential.effective_grant is Grant.CLIENT_CREDENTIALS:
            _tell(try_app(number, current_user().name))
            return redirect(back, 303)
        address = begin(number, redirect_uri(), _browser())
    except PostMasterError as error:
        flash(str(error), "fail")
        return redirect(back, 303)
    return ToProviderContext(
        resource=CREDENTIAL_PAGES,
        credential=credential,
        address=address,
        host=urlsplit(address).netloc,
        mailboxes=mailboxes,
        back_to=redirect_uri().removesuffix(CALLBACK_PATH),
        flaw=redirect_flaw(credential.kind, redirect_uri()),
        minutes=VALID_MINUTES,
        back=back,
    ).render()


@blueprint.get("/callback")
@for_admins
def callback() -> ResponseReturnValue:
    """Back from the identity provider. Only with the state of this browser does it change anything."""
    if request.method == "HEAD":  # it looks only, so it must not use up what is good once
        return redirect(CREDENTIAL_PAGES.url(), 303)
    if "state" not in request.args:
        flash("No sign-in at an identity provider was begun here.", "fail")
        return redirect(CREDENTIAL_PAGES.url(), 303)
    try:
        done = finish(request.args.to_dict(), _browser(), current_user().name)
    except PostMasterError as error:
        server = error.server if isinstance(error, MailError) else ""
        context = RefusedContext(resource=CREDENTIAL_PAGES, error=error, server=server)
        return context.render(), HTTPStatus.BAD_REQUEST
    _tell(done)
    return redirect(CREDENTIAL_PAGES.url("edit", number=done.credential_id), 303)


def _browser() -> BrowserSignIn:
    """This browser, by a secret in its session."""
    return BrowserSignIn(current_user().id, session.setdefault(MARK, secrets.token_urlsafe(32)))


def _tell(done: Authorised) -> None:
    whom = f", and signs in as {done.signed_in_as}" if done.signed_in_as else ""
    flash(f"The credential “{done.name}” is authorised{whom}.", "ok")
    if done.problem:
        flash(done.problem, "fail")
