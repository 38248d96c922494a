"""Fingerprints of certificates in what pages show: too long to be read, so shown shortened, and easy to take along."""

from __future__ import annotations

import re

from flask import Flask
from markupsafe import Markup

from postmaster.accounts.fingerprint import ALGORITHMS

# In the form of the field SSL Fingerprint.
_FINGERPRINT = re.compile(rf"\b(?:{'|'.join(ALGORITHMS)})\$[0-9a-f]{{32,128}}\b")

_SHORT = Markup(
    '<code class="fingerprint" tabindex="0" title="{0}&#10;One click selects all of it, to be copied.">{0}</code>'
)


def fingerprints(text: object) -> Markup:
    """``text`` with its fingerprints shortened; each has all of itself in its title, and is selected by one click."""
    words = str(text)
    shown, end = Markup(""), 0
    for found in _FINGERPRINT.finditer(words):
        shown += Markup.escape(words[end : found.start()]) + _SHORT.format(found[0])
        end = found.end()
    return shown + Markup.escape(words[end:])


def init_app(app: Flask) -> None:
    """Give the templates this filter."""
    app.jinja_env.filters["fingerprints"] = fingerprints
