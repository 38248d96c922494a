"""The account that a command looks at: one that is named, or one that is described on standard input, saved or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from postmaster import config
from postmaster.accounts.models import MailAccount
from postmaster.accounts.service import AccountService
from postmaster.accounts.with_credential import draft_account
from postmaster.cli.base import Function, actor, print_json
from postmaster.database import read_session, transaction
from postmaster.errors import InputError, MailError
from postmaster.fetching.endpoint import bare_endpoint_of
from postmaster.resources.audit import audit
from postmaster.resources.import_export import read_document

# Bytes that a description may have.
MAX_DESCRIPTION = 1_000_000


def takes_account(function: Function) -> Function:
    """Give a command the argument ACCOUNT and the option --stdin, and to the pages --by."""
    option = click.option(
        "--stdin",
        "described",
        is_flag=True,
        help="Read the account from standard input, as “account export” prints it.",
    )
    by = click.option("--by", hidden=True, help="Who asks for it in the pages, for the audit log.")
    return click.argument("which", metavar="[ACCOUNT]", required=False)(option(by(function)))


@contextmanager
def account_meant(
    which: str | None, described: bool, action: str, by: str | None
) -> Iterator[tuple[Session, MailAccount]]:
    """The account that ``takes_account`` is about. One that is described is checked field by field, and not saved.

    That somebody does ``action`` to it is in the audit log before anything is done: it reaches a server, with a secret.
    """
    if (which is None) is not described:
        raise click.UsageError("Name an account, by its id or label, or describe one with --stdin.")
    with read_session() as session:
        service = AccountService(session, actor="")
        account = service.find(which) if which is not None else draft_account(service, description())
        _record(account, action, by or actor())
        yield session, account


def _record(account: MailAccount, action: str, by: str) -> None:
    bare = bare_endpoint_of(account, config.current())
    credential = account.credential.name if account.credential else None
    detail = {"server": f"{bare.host}:{bare.port}", "type": account.type, "credential": credential}
    with transaction() as session:
        audit(session, by, action, "account", account.label, detail)


def description() -> dict[str, str]:
    items = read_document(sys.stdin.buffer.read(MAX_DESCRIPTION), "account")
    if len(items) != 1:
        raise InputError("Document", f"The document holds {len(items)} accounts.", "Give one.", code="bad-document")
    return items[0]


@contextmanager
def failing(as_json: bool) -> Iterator[None]:
    """End the command with status 1 if the mail server fails it; with ``as_json`` the error is printed as JSON."""
    try:
        yield
    except MailError as error:
        if not as_json:
            raise
        print_json({"error": error.as_dict()})
        sys.exit(error.exit_code)
