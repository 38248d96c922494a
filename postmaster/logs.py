"""Logging: for people on a terminal, JSON for machines, to standard error, and never a secret."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.dev import plain_traceback  # the usual one shows local variables, in which there are secrets

# Names under which a secret might be logged by mistake. Their values are never written.
SECRET_NAMES = ("password", "secret", "token", "key", "authorization")


def _hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if any(word in name.lower() for word in SECRET_NAMES):
            event[name] = "(hidden)"
    return event


def _on_one_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What others sent stays within its line, so that nobody can forge one; what reads logs may act on them."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in value)
    return event


def _indented_traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """A traceback, of which no line can be taken for the first one of another entry."""
    text = io.StringIO()
    plain_traceback(text, exc_info)
    out.write("\n".join(f"  {line}" for line in text.getvalue().splitlines()))


def configure_logging(log_format: str) -> None:
    """Set up structlog and the standard library's logging; ``log_format`` is human or json."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_indented_traceback)
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
        _on_one_line,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        last.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*last, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("postmaster").setLevel(logging.INFO)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # what it ignores at the end of a pipeline was raised before
    logging.getLogger("msal").setLevel(logging.CRITICAL)  # it logs answers that it cannot read, tokens and all
