"""The command line: thin click commands (docs/reference.md#commands is the contract)."""

from __future__ import annotations

from flask import Flask

import postmaster.accounts.models
import postmaster.desk.models
import postmaster.ledger.models
import postmaster.operations.models
import postmaster.outbox.models
import postmaster.outlets.models
import postmaster.pipeline.filters.models
import postmaster.system.models  # noqa: F401
from postmaster.cli import (
    account,
    address,
    alert,
    confirm,
    credential,
    customer,
    discover,
    erase,
    event,
    fetch,
    filters,
    import_otrs,
    mail,
    outlet,
    pause,
    probe,
    quarantine,
    queue,
    read,
    server_checks,
    setting,
    status,
    ticket,
    token,
    user,
)


def init_app(app: Flask) -> None:
    """Register the commands."""
    for module in (
        account,
        credential,
        address,
        customer,
        queue,
        filters,
        user,
        token,
        setting,
        ticket,
        quarantine,
        mail,
        outlet,
        pause,
        alert,
        event,
        import_otrs,
    ):
        app.cli.add_command(module.group)
    for command in (
        probe.test,
        server_checks.certificate,
        server_checks.folders,
        server_checks.preview,
        confirm.confirm,
        discover.discover,
    ):
        account.group.add_command(command)
    for command in (fetch.fetch, read.read, status.status, erase.erase):
        app.cli.add_command(command)
