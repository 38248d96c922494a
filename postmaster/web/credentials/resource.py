"""What the pages of all resources have to know of the credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import current_app, request
from sqlalchemy.orm import Session

from postmaster.accounts.credential_health import Standing, need_of
from postmaster.accounts.credentials import CREDENTIALS, CredentialService
from postmaster.accounts.kinds import CredentialKind, Grant, find_kind
from postmaster.accounts.models import Credential, MailAccount
from postmaster.config import Settings
from postmaster.oauth.authorise import CALLBACK_PATH
from postmaster.oauth.registration import PROVIDER_NAMES
from postmaster.oauth.setup_help import Known, Step, setup_steps
from postmaster.oauth.token_diagnosis import signs_in_as
from postmaster.oauth.vault import object_id_of
from postmaster.web.credentials.form import credential_form
from postmaster.web.resources import Column, Resource, resource_blueprint
from postmaster.web.status import Look

LOOKS: dict[Standing, Look] = {
    Standing.INVALID: Look("paused", "circle-pause", "–"),
    Standing.NEEDS_PASSWORD: Look("warn", "key-round", "Yes, needs password"),
    Standing.NEEDS_SECRET: Look("warn", "key-round", "Yes, needs client secret"),
    Standing.NEEDS_AUTHORISATION: Look("warn", "shield", "Yes, never authorised"),
    Standing.NEEDS_KEY: Look("fail", "key-round", "Yes, no key opens its secrets"),
    Standing.NEEDS_UPDATE: Look("fail", "circle-x", "Yes"),
    Standing.SECRET_EXPIRED: Look("fail", "triangle-alert", "Yes, the client secret has expired"),
    Standing.SECRET_EXPIRES_SOON: Look("warn", "triangle-alert", "Soon, the client secret expires"),
    Standing.HEALTHY: Look("ok", "circle-check", "No"),
}


# What the guides of the grants are told apart by.
GRANTS = {
    Grant.AUTHORIZATION_CODE: "authorization-code: somebody signs in",
    Grant.CLIENT_CREDENTIALS: "client-credentials: the app signs in",
}


def redirect_uri() -> str:
    """Where identity providers send browsers back to."""
    settings: Settings = current_app.config["SETTINGS"]
    return (settings.public_url or request.url_root.rstrip("/")) + CALLBACK_PATH


def _context(_session: Session) -> Mapping[str, Any]:
    return {"looks": LOOKS}


def _beside(session: Session, thing: Credential | None) -> Mapping[str, Any]:
    """What stands beside the form: how the credential stands, and what to do at its identity provider."""
    accounts = list(CredentialService(session, "").accounts(thing)) if thing else []
    spec = thing.spec if thing else find_kind(request.values.get("kind", ""))
    if spec is None or not spec.is_oauth:
        return {"looks": LOOKS}
    shared = {"looks": LOOKS, "grants": GRANTS, "provider": PROVIDER_NAMES[spec.kind]}
    if thing is None:
        known = Known(redirect_uri(), _outlook_host())
        return {**shared, "guides": {grant: setup_steps(spec.kind, grant, known) for grant in spec.grants}}
    return {
        **shared,
        "credential": thing,
        "standing": Standing(CredentialService(session, "").health(thing)),
        "mismatches": list(filter(None, (_mismatch(thing, account) for account in accounts))),
        "guides": _guides(thing, accounts),
        "app_only": thing.way is Grant.CLIENT_CREDENTIALS,
        "by_device": thing.kind is CredentialKind.MICROSOFT or bool(thing.device_endpoint),
    }


def mailboxes_of(thing: Credential, accounts: Iterable[MailAccount]) -> list[str]:
    """The mailboxes that ``accounts`` open with the credential, or its user name if there are none."""
    logins = dict.fromkeys(account.login for account in accounts if account.login)
    return list(logins) or list(filter(None, [thing.username]))


def _outlook_host() -> str:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.outlook_host


def _guides(thing: Credential, accounts: list[MailAccount]) -> dict[Grant | None, list[Step]]:
    known = Known(
        redirect_uri=redirect_uri(),
        outlook_host=_outlook_host(),
        client_id=thing.client_id or "",
        tenant=thing.tenant or "",
        object_id=object_id_of(thing),
        mailboxes=mailboxes_of(thing, accounts),
    )
    return {thing.way: setup_steps(thing.kind, thing.way, known)} if thing.way else {}


def _mismatch(thing: Credential, account: MailAccount) -> str:
    return signs_in_as(thing.token.signed_in_as if thing.token else "", account.login or "")


RESOURCE = Resource(
    noun="credential",
    plural="credentials",
    title="Credentials",
    lead="How PostMaster signs in to mail servers. Secrets are stored encrypted and never shown again.",
    empty="An account signs in with a credential: a user name and its password, or tokens of an identity provider.",
    service=CredentialService,
    listing=CREDENTIALS,
    columns=(
        Column("Name", "name"),
        Column("Kind", "kind"),
        Column("Update needed", "update"),
        Column("Secret expires", "expires"),
        Column("Used by", "used"),
        Column("Validity", "validity"),
        Column("Comment"),
    ),
    helps={
        "password": "Stored encrypted, and never shown again.",
        "client_secret": "Its value, not its ID. Stored encrypted, and never shown again; it replaces a certificate.",
        "client_certificate": "Private key (RSA, without passphrase) and certificate in PEM form, instead of a client "
        "secret. Stored encrypted, and never shown again.",
        "grant": "authorization-code: somebody signs in once, in the browser. client-credentials: the app signs in by "
        "itself, which is called app-only at Microsoft.",
        "device_endpoint": "If the provider has one: for authorising from the command line.",
    },
    wraps={
        "kind": "third",
        "name": "most",
        "grant": "",
        "client_secret": "most",
        "client_certificate": "",
        "secret_expires": "third",
        "scopes": "half",
        "authorization_endpoint": "",
        "token_endpoint": "",
        "device_endpoint": "",
        "validity": "third",
        "comment": "most",
    },
    context=_context,
    beside=_beside,
    make_form=credential_form,
    form_template="credentials/form.html",
)

blueprint = resource_blueprint(RESOURCE, __name__)
blueprint.add_app_template_filter(need_of, "need")
