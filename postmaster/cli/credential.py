"""``flask credential``: what accounts sign in with."""

from __future__ import annotations

import time

import click
from cryptography.fernet import Fernet

from postmaster.accounts.credentials import CredentialService
from postmaster.accounts.key_change import forget_sealed, lost_secrets, rotate_keys
from postmaster.accounts.kinds import CredentialKind, Grant
from postmaster.cli.base import actor, public_address
from postmaster.cli.resources import ResourceCommands, resource_group
from postmaster.database import read_session, transaction
from postmaster.oauth.authorise import CALLBACK_PATH, VALID_MINUTES, Authorised, begin, by_device, try_app
from postmaster.oauth.provider import DeviceCode
from postmaster.quantity import quantity
from postmaster.resources.uses import enumeration

group = resource_group(
    ResourceCommands(
        service=CredentialService,
        columns=("id", "name", "kind", "username", "secret_expires", "validity", "health", "comment"),
        import_help="A new credential comes without its secrets and shows “needs-password” or “needs-secret”, and its "
        "accounts “needs-credential”, until they are given with: flask credential set NAME --password-stdin (or "
        "--client-secret-stdin, --client-certificate-stdin)",
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
    """Seal all secrets and tokens again with the first key; all or none."""
    with transaction() as session:
        count = rotate_keys(session, actor())
    click.echo(f"{count} sealed with the first key; the other keys are no longer needed.")


@group.command("forget-sealed")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_sealed_command(yes: bool) -> None:
    """Forget the secrets that no key opens, because their key is lost for good.

    Restore the key from the backup if you have one: what is forgotten cannot be brought back. A new key is made when
    the next secret is entered; the credentials show “needs-password”, “needs-secret” or “needs-authorisation”
    until then.
    """
    with read_session() as session:
        names = lost_secrets(session)
    if not names:
        click.echo("Keys open all secrets: nothing was forgotten.")
        return
    if not yes:
        click.confirm(f"Forget the secrets of {enumeration(names)} for good?", abort=True)
    with transaction() as session:
        names = forget_sealed(session, actor())
    click.echo(f"Forgotten: the secrets of {enumeration(names)}. Enter them again: flask credential set NAME …")


@group.command("authorise")
@click.argument("which", metavar="CREDENTIAL")
def authorise(which: str) -> None:
    """Authorise one OAuth2 credential, by its id or name, from a server without a browser.

    With Microsoft, and providers with a device endpoint, it shows a code to enter on any device, and waits; at
    Microsoft the app must have “Allow public client flows” switched on. Otherwise it prints an address to open in any
    browser within 10 minutes, which leads back to the pages. Apps with grant client-credentials sign in at once.

    \b
    Exit status: 0 it is authorised, or the address is printed; 1 the provider refused or nobody came; 2 wrong usage.
    """
    with read_session() as session:
        credential = CredentialService(session, actor()).find(which)
    if credential.effective_grant is Grant.CLIENT_CREDENTIALS:
        _tell(try_app(credential.id, actor()))
    elif credential.kind is CredentialKind.MICROSOFT or credential.device_endpoint:
        _tell(by_device(credential.id, actor(), _show, _Patience()))
    else:
        address = begin(credential.id, public_address(CALLBACK_PATH), None)
        click.echo(
            f"Open this address in a browser within {VALID_MINUTES} minutes, and sign in to PostMaster if asked:"
        )
        click.echo(address)


def _show(device: DeviceCode) -> None:
    click.echo(f"Open {device.url} on any device, and enter the code {device.code}")
    click.echo(f"It is good for {quantity(device.seconds // 60, 'minute')}. Waiting …")


class _Patience:
    """Waits until the next question to the provider; gives up when the code has expired."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, device: DeviceCode) -> bool:
        time.sleep(device.interval)
        return time.monotonic() < self._began + device.seconds


def _tell(done: Authorised) -> None:
    whom = f", signs in as {done.signed_in_as}" if done.signed_in_as else ""
    click.echo(f"The credential “{done.name}” is authorised{whom}.")
    if done.problem:
        click.echo(f"Warning: {done.problem}", err=True)
