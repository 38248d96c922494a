"""Webhooks: an event as a signed request (https://www.standardwebhooks.com), and what its answer means."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from standardwebhooks import Webhook

from postmaster.extensions import now
from postmaster.outlets.http import HttpAnswer, Poster, Receiver, SendError
from postmaster.outlets.results import ANSWER_LENGTH, Answer
from postmaster.parsing.retry_after import retry_after
from postmaster.resources.named_service import printable
from postmaster.urls import split_url

USUAL_HEADERS = {"user-agent": "PostMaster", "accept": "application/json"}

# The statuses with which a receiver may say when it wants to be asked again.
BUSY = (429, 503)

# What receivers call the number that they gave it.
NUMBER_KEYS, URL_KEY = ("number", "id"), "url"


class WebhookSender:
    """Sends to one receiver, from several threads."""

    def __init__(self, receiver: Receiver, secret: str, headers: Mapping[str, str]) -> None:
        self._poster = Poster(receiver)
        self._signer = Webhook(secret)
        self._headers = {name.lower(): value for name, value in headers.items()}

    def send(self, key: str, body: str) -> Answer:
        """Send ``body``, whose id is ``key`` however often it is sent. Never raises."""
        began = time.monotonic()
        try:
            answer = self._poster.post(self._signed(key, body), body.encode())
        except SendError as error:
            return Answer(False, None, str(error), time.monotonic() - began)
        return _judged(answer, time.monotonic() - began)

    def close(self) -> None:
        """Let go of the connections."""
        self._poster.close()

    def _signed(self, key: str, body: str) -> dict[str, str]:
        moment = now()
        return {
            **USUAL_HEADERS,
            **self._headers,
            "content-type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._signer.sign(key, moment, body),
        }


def _judged(answer: HttpAnswer, seconds: float) -> Answer:
    text = printable(answer.body.decode("utf-8", errors="replace"))[:ANSWER_LENGTH]
    if 200 <= answer.status < 300:
        number, url = _named(answer.body)
        return Answer(True, answer.status, text, seconds, number, url)
    if 300 <= answer.status < 400:
        text = f"It answered with a redirect to {printable(answer.location)[:500]}, and redirects are not followed."
    wait = retry_after(answer.retry_after, now()) if answer.status in BUSY else None
    return Answer(False, answer.status, text, seconds, wait=wait or timedelta(0))


def _named(body: bytes) -> tuple[str | None, str | None]:
    """Number and address by which the receiver knows it, if it answers in JSON and says so."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(told, dict):
        return None, None
    number = next((word for key in NUMBER_KEYS if (word := _word(told.get(key)))), None)
    return number, _address(told.get(URL_KEY))


def _word(value: Any) -> str | None:
    """A number or a text as text; what is neither names nothing."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return printable(str(value)).strip()[:200] or None


def _address(value: Any) -> str | None:
    """An address that a page may link to."""
    if not isinstance(value, str) or len(value) > 1000 or not value.isprintable():
        return None
    parts = split_url(value)
    return value if parts and parts.scheme in ("http", "https") and parts.hostname else None
