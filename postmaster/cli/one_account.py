"""The account that a command looks at: one that is named, or one that is described on standard input, saved or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from postmaster.accounts.models import MailAccount
from postmaster.cli.base import Function, print_json
from postmaster.database import reading
from postmaster.desk.configuration import account_service
from postmaster.errors import InputError, MailError
from postmaster.system.transfer import read_document

# Bytes that a description may have.
LARGEST_DESCRIPTION = 1_000_000


def takes_account(function: Function) -> Function:
    """Give a command the argument ACCOUNT and the option --stdin."""
    option = click.option(
        "--stdin",
        "described",
        is_flag=True,
        help="Read the account from standard input, as “account export” prints it.",
    )
    return click.argument("which", metavar="[ACCOUNT]", required=False)(option(function))


@contextmanager
def account_meant(which: str | None, described: bool) -> Iterator[tuple[Session, MailAccount]]:
    """The account that ``takes_account`` is about. One that is described is checked field by field, and not saved."""
    if (which is None) is not described:
        raise click.UsageError("Name an account, by its id or label, or describe one with --stdin.")
    with reading() as session:
        service = account_service(session, actor="")
        yield session, service.find(which) if which is not None else service.draft(_description())


def _description() -> dict[str, str]:
    items = read_document(sys.stdin.buffer.read(LARGEST_DESCRIPTION), "account")
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
