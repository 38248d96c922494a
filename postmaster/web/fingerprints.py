"""Fingerprints in what pages show: too long to be read, so shown shortened, and easy to take along."""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup

from postmaster.accounts.fingerprint import ALGORITHMS

# In the form of the field SSL Fingerprint.
_FINGERPRINT = re.compile(rf"\b(?:{'|'.join(ALGORITHMS)})\$[0-9a-f]{{32,128}}\b")

_HINT = "One click selects all of it, to be copied."
_SHORT = Markup('<code class="fingerprint" tabindex="0" title="{0}&#10;{1}">{0}</code>')


def copyable(value: object) -> Markup:
    """``value`` shortened, with all of itself in its title; one click selects it whole."""
    return _SHORT.format(value, _HINT)


def fingerprints(text: object) -> Markup:
    """``text`` with its fingerprints as ``copyable`` shows them."""
    words = str(text)
    shown, end = Markup(""), 0
    for found in _FINGERPRINT.finditer(words):
        shown += Markup.escape(words[end : found.start()]) + copyable(found[0])
        end = found.end()
    return shown + Markup.escape(words[end:])


def init_app(app: Flask) -> None:
    """Give the templates these filters."""
    app.jinja_env.filters.update(copyable=copyable, fingerprints=fingerprints)
