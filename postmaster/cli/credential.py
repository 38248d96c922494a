"""``flask credential``: what accounts sign in with."""

from __future__ import annotations

import click
from cryptography.fernet import Fernet

from postmaster.accounts.credentials import CredentialService, rotate_keys
from postmaster.cli.base import actor
from postmaster.cli.crud import Resource, resource_group
from postmaster.database import writing

group = resource_group(
    Resource(
        noun="credential",
        plural="credentials",
        fields=CredentialService.fields,
        service=CredentialService,
        columns=("id", "name", "kind", "username", "validity", "health", "comment"),
        import_help="A new credential comes without its password and shows “needs-password”, and its accounts "
        "“needs-credential”, until it is given with: flask credential set NAME --password-stdin",
    )
)


@group.command("new-key")
def new_key() -> None:
    """Print a fresh key for POSTMASTER_CREDENTIAL_KEYS.

    Put it before the others, run "flask credential rotate-key", then take the others out.
    """
    click.echo(Fernet.generate_key().decode())


@group.command("rotate-key")
def rotate_key() -> None:
    """Seal all passwords anew with the first key; all or none."""
    with writing() as session:
        count = rotate_keys(session, actor())
    click.echo(f"{count} sealed with the first key; the other keys are not needed any more.")
