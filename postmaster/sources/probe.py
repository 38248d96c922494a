"""The connection test: stage by stage, what a fetch would meet. It deletes and changes nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from postmaster.accounts.types import Tls
from postmaster.errors import FaultStage, MailError
from postmaster.sources.base import Endpoint
from postmaster.sources.certificate import CertificateFacts, certificate_facts
from postmaster.sources.deadline import TimeLimits
from postmaster.sources.dial import Dialler
from postmaster.sources.protocols import PROTOCOLS

# The further stages of accounts with OAuth2; "permission" is that to open the mailbox.
TOKEN_STAGES: tuple[FaultStage, ...] = ("token", "permission")


@dataclass(frozen=True)
class ProbeStage:
    """The result of one stage. ``ms`` is how long it took; ``error`` is why it failed, ``detail`` for people.

    ``certificate`` is the server's, after a stage tls that went well, ``heads`` are those of the newest messages, after
    a stage delete that did.
    """

    stage: FaultStage
    state: Literal["ok", "fail", "skip"]
    ms: int = 0
    detail: str = ""
    advice: str = ""
    error: MailError | None = None
    certificate: CertificateFacts | None = None
    heads: Sequence[bytes] = ()

    def as_dict(self) -> dict[str, str | int]:
        """The form that ``--json`` prints (docs/reference.md#json)."""
        return {
            "stage": self.stage,
            "state": self.state,
            "ms": self.ms,
            "detail": self.detail,
            "advice": self.advice,
        }


def stages_of(endpoint: Endpoint) -> list[FaultStage]:
    """The stages that ``probe`` tries, in their order."""
    return [stage for stage, _ in _Test(endpoint).steps()]


def probe(endpoint: Endpoint) -> Iterator[ProbeStage]:
    """Try the stages in turn: dns, connect, tls, login, folder, delete. After the first that fails, skip the rest.

    Accounts with OAuth2 have two more: token before login, and permission (to open the mailbox) after it.
    """
    test = _Test(endpoint)
    failed = False
    try:
        for stage, step in test.steps():
            result = ProbeStage(stage, "skip") if failed else _run(stage, step)
            failed = failed or result.state == "fail"
            yield result
    finally:
        test.dialler.hang_up()


def _run(stage: FaultStage, step: Callable[[], ProbeStage]) -> ProbeStage:
    started = time.monotonic()
    try:
        result = step()
    except MailError as error:
        words = f"{error.message} The server said: {error.server}" if error.server else error.message
        result = ProbeStage(stage, "fail", detail=words, advice=error.advice, error=error)
    ms = round((time.monotonic() - started) * 1000)
    return replace(result, ms=ms)


class _Test:
    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.protocol = PROTOCOLS[endpoint.type.protocol]
        self.dialler = Dialler(endpoint, TimeLimits(endpoint.answer_timeout).look)

    def steps(self) -> list[tuple[FaultStage, Callable[[], ProbeStage]]]:
        stages: list[tuple[FaultStage, Callable[[], ProbeStage]]] = [
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("token", self.token),
            ("login", self.login),
            ("permission", self.permission),
            ("folder", self.folder),
            ("delete", self.delete),
        ]
        return [row for row in stages if self.endpoint.tokens or row[0] not in TOKEN_STAGES]

    def dns(self) -> ProbeStage:
        return ProbeStage("dns", "ok", detail=self.dialler.resolve())

    def connect(self) -> ProbeStage:
        self.dialler.connect()
        return ProbeStage("connect", "ok", detail=f"Port {self.endpoint.port} answers.")

    def tls(self) -> ProbeStage:
        if self.endpoint.type.tls is Tls.NONE:
            return ProbeStage("tls", "skip", detail="Not encrypted: password and mail can be read in transit.")
        self.dialler.secure()
        with self.dialler.wire.stage("tls"):
            facts = certificate_facts(self.dialler.guard.certificate)
        return ProbeStage("tls", "ok", detail=str(facts), certificate=facts)

    def token(self) -> ProbeStage:
        self.dialler.fetch_token()
        detail = self.endpoint.tokens.describe(self.dialler.wire.token) if self.endpoint.tokens else ""
        return ProbeStage("token", "ok", detail=detail)

    def permission(self) -> ProbeStage:
        with self.dialler.wire.stage("permission"):
            self.dialler.client.try_mailbox()
        return ProbeStage("permission", "ok", detail=f"The mailbox {self.endpoint.login} opens.")

    def login(self) -> ProbeStage:
        self.dialler.sign_in()
        return ProbeStage("login", "ok", detail=f"Signed in as {self.endpoint.login}.")

    def folder(self) -> ProbeStage:
        return ProbeStage("folder", "ok", detail=self.protocol.try_folder(self.dialler, self.dialler.client))

    def delete(self) -> ProbeStage:
        detail = self.protocol.try_deleting(self.dialler, self.dialler.client)
        heads: Sequence[bytes] = ()
        with contextlib.suppress(MailError):  # no reason to fail: the test is about fetching
            heads = self.protocol.newest_heads(self.dialler, self.dialler.client)
        return ProbeStage("delete", "ok", detail=detail, heads=heads)
