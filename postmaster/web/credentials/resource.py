"""What the pages of all resources have to know of the credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import request
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.credential_health import CredentialHealth, need_of
from postmaster.accounts.credentials import CREDENTIALS, CredentialService
from postmaster.accounts.kinds import CredentialKind, Grant, find_kind
from postmaster.accounts.models import Credential, MailAccount
from postmaster.oauth.authorise import CALLBACK_PATH
from postmaster.oauth.registration import PROVIDER_NAMES
from postmaster.oauth.setup_help import Known, SetupStep, setup_steps
from postmaster.oauth.token_diagnosis import signs_in_as
from postmaster.oauth.vault import object_id_of
from postmaster.web.badges import CREDENTIAL_BADGES, Badge
from postmaster.web.bulk_actions import delete_action, validity_actions
from postmaster.web.context import Context
from postmaster.web.credentials.form import GRANTS, credential_form
from postmaster.web.resource_pages import resource_blueprint
from postmaster.web.resources import Column, Resource


def redirect_uri() -> str:
    """Where identity providers send browsers back to."""
    return (config.current().public_url or request.url_root.rstrip("/")) + CALLBACK_PATH


@dataclass(frozen=True, kw_only=True)
class CredentialCells(Context):
    """What the cells need: the badges."""

    looks: Mapping[CredentialHealth, Badge]


@dataclass(frozen=True, kw_only=True)
class CredentialBeside(Context):
    """What stands beside the form: how the ``credential`` stands, and what to do at its identity provider."""

    looks: Mapping[CredentialHealth, Badge] = field(default_factory=lambda: CREDENTIAL_BADGES)
    grants: Mapping[Grant, str] = field(default_factory=lambda: GRANTS)
    provider: str = ""
    guides: Mapping[Grant, Sequence[SetupStep]] = field(default_factory=dict)
    credential: Credential | None = None
    standing: CredentialHealth | None = None
    mismatches: Sequence[str] = ()
    app_only: bool = False
    by_device: bool = False


def _cells(_session: Session, _credentials: Sequence[Credential]) -> CredentialCells:
    return CredentialCells(looks=CREDENTIAL_BADGES)


def _beside(session: Session, record: Credential | None) -> CredentialBeside:
    spec = record.spec if record else find_kind(request.values.get("kind", ""))
    if spec is None or not spec.is_oauth:
        return CredentialBeside()
    if record is None:
        known = Known(redirect_uri(), config.current().outlook_host)
        return CredentialBeside(guides={grant: setup_steps(spec.kind, grant, known) for grant in spec.grants})
    service = CredentialService(session, "")
    accounts = list(service.accounts(record))
    signed_in_as = record.token.signed_in_as if record.token else ""
    return CredentialBeside(
        provider=PROVIDER_NAMES[spec.kind],
        guides=_guides(record, accounts),
        credential=record,
        standing=CredentialHealth(service.health(record)),
        mismatches=[text for account in accounts if (text := signs_in_as(signed_in_as, account.login or ""))],
        app_only=record.effective_grant is Grant.CLIENT_CREDENTIALS,
        by_device=record.kind is CredentialKind.MICROSOFT or bool(record.device_endpoint),
    )


def mailboxes_of(record: Credential, accounts: Iterable[MailAccount]) -> list[str]:
    """The mailboxes that ``accounts`` open with the credential, or its user name if there are none."""
    logins = dict.fromkeys(account.login for account in accounts if account.login)
    return list(logins) or list(filter(None, [record.username]))


def _guides(record: Credential, accounts: list[MailAccount]) -> dict[Grant, list[SetupStep]]:
    grant = record.effective_grant
    known = Known(
        redirect_uri=redirect_uri(),
        outlook_host=config.current().outlook_host,
        client_id=record.client_id or "",
        tenant=record.tenant or "",
        object_id=object_id_of(record),
        mailboxes=mailboxes_of(record, accounts),
    )
    return {grant: setup_steps(record.kind, grant, known)} if grant else {}


CREDENTIAL_PAGES = Resource(
    title="Credentials",
    lead="How PostMaster signs in to mail servers. Secrets are stored encrypted and never shown again.",
    empty="An account signs in with a credential: a user name and its password, or tokens of an identity provider.",
    service=CredentialService,
    bulk=(*validity_actions(CredentialService), delete_action(CredentialService)),
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
    row_parts=("actions", "below"),
    helps={
        "password": "Stored encrypted, and never shown again.",
        "client_secret": "Its value, not its ID. Stored encrypted, and never shown again; it replaces a certificate.",
        "client_certificate": "Private key (RSA, without passphrase) and certificate in PEM form, instead of a client "
        "secret. Stored encrypted, and never shown again.",
        "grant": "A person signs in once, in the browser; or the app signs in by itself, which "
        "Microsoft calls app-only.",
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
    cells=_cells,
    beside=_beside,
    make_form=credential_form,
    form_template="credentials/form.html",
)

blueprint = resource_blueprint(CREDENTIAL_PAGES, __name__)
blueprint.add_app_template_filter(need_of, "need")
