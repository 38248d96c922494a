"""Alerts of real workers: however many look, and however often they are started, each incident is told once."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask

from postmaster.database import read_session
from postmaster.operations.models import ClaimedTurn
from tests.jobs.conftest import Start
from tests.servers.alerts import SmtpServer, WebhookServer
from tests.servers.ports import wait_until
from tests.support import Desk
from tests.web.samples import add_quarantined


@pytest.fixture
def environ(environ: dict[str, str], smtp: SmtpServer, webhook: WebhookServer) -> dict[str, str]:
    """The environment of workers that tell both."""
    return {**environ, "POSTMASTER_ALERT_TARGETS": f"{smtp.target} {webhook.target}"}


def wait_for_looks(app: Flask, count: int) -> None:
    """Until workers have looked ``count`` times more."""
    seen: set[datetime] = set()

    def looked() -> bool:
        with app.app_context(), read_session() as session:
            turn = session.get(ClaimedTurn, "alerts")
        seen.update([turn.taken_at] if turn else [])
        return len(seen) > count

    wait_until(looked, f"{count} looks", 60)


def test_an_incident_is_told_once_by_two_workers_and_across_a_restart_and_once_when_it_is_over(
    app: Flask, desk: Desk, start_worker: Start, smtp: SmtpServer, webhook: WebhookServer
) -> None:
    desk.ok("account", "list")
    add_quarantined(app, ["nobody can read this"])
    workers = [start_worker("--workers", "1") for _ in range(2)]
    wait_for_looks(app, 2)
    assert [worker.stop() for worker in workers] == [0, 0]
    for worker in workers:
        worker.start()
    wait_for_looks(app, 2)
    desk.ok("quarantine", "delete", "1", "--yes")
    wait_until(lambda: min(len(webhook.calls), len(smtp.mails)) > 1, "both messages that it is over")
    wait_for_looks(app, 1)
    titles = [call["title"] for call in webhook.calls]
    assert titles == ["PostMaster: Mail in quarantine", "PostMaster: over: Mail in quarantine"]
    assert len(smtp.mails) == 2
