"""Values that are documents themselves: YAML, as the system configuration is stored, or JSON, which is YAML too."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import yaml

# A value of PostgreSQL's type bytea, which installations have that were moved there from MySQL.
_BYTEA = re.compile(r"\\x((?:[0-9a-f][0-9a-f])*+)")

_NULL = ("~", "null")


def read_document(text: str) -> Any:
    """What ``text`` holds: texts, and lists and objects of them. None if it cannot be read."""
    try:
        # This loader makes nothing but texts, lists and objects.
        return yaml.load(_plain(text), Loader=yaml.CBaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def scalar(text: str) -> str | None:
    """The value of a document that holds one; None if it holds something else."""
    value = read_document(text)
    if isinstance(value, str):
        return "" if value in _NULL else value
    return None


def _plain(text: str) -> str:
    """The document: of bytea as hexadecimal digits, or in Base64, what they stand for."""
    if binary := _BYTEA.fullmatch(text):
        return bytes.fromhex(binary[1]).decode("utf-8", "replace")
    if ":" not in text and " " not in text.strip() and len(text) > 100:
        try:
            return base64.b64decode(text, validate=False).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return text
    return text
