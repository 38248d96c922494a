"""How an entry of the log is written: never with a secret. To import this sets structlog up."""

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


SHARED: tuple[structlog.types.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _hide_secrets,
    _on_one_line,
)

structlog.configure(
    processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)


def logger(name: str) -> Any:
    """structlog's logger of that name."""
    return structlog.get_logger(name)


def formatter(log_format: str) -> logging.Formatter:
    """What makes a line of a record; ``log_format`` is human or json."""
    last: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "json":
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        colours = sys.stderr.isatty()
        last.append(structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=_indented_traceback))
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED, processors=last)
