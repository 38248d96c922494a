"""The credentials: what accounts sign in with."""

from __future__ import annotations

from postmaster.accounts.credentials import CREDENTIALS, CredentialService
from postmaster.web.resources import Column, Resource, resource_blueprint

blueprint = resource_blueprint(
    Resource(
        noun="credential",
        plural="credentials",
        title="Credentials",
        lead="How PostMaster signs in to mail servers. Secrets are stored encrypted and never shown again.",
        empty="An account signs in with a credential: a user name and its password.",
        service=CredentialService,
        listing=CREDENTIALS,
        columns=(
            Column("Name", "name"),
            Column("Kind", "kind"),
            Column("User name", "username"),
            Column("Update needed", "update"),
            Column("Used by", "used"),
            Column("Validity", "validity"),
            Column("Comment"),
        ),
        helps={"password": "Stored encrypted, and never shown again."},
        wraps={"kind": "third", "name": "most", "validity": "third", "comment": "most"},
    ),
    __name__,
)
