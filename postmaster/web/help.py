"""The help: a page for each topic, which every other page leads to."""

from __future__ import annotations

from flask import Blueprint, Flask, abort, render_template, request, url_for

from postmaster.errors import FAULTS
from postmaster.pipeline.decision import REASONS
from postmaster.refusals import known_code
from postmaster.web.access import for_leads
from postmaster.web.help_topics import TOPICS

blueprint = Blueprint("help", __name__, url_prefix="/help")


@blueprint.get("")
@for_leads
def page() -> str:
    """What there is."""
    return render_template("help/page.html", topics=TOPICS.values())


@blueprint.get("/<topic>")
@for_leads
def topic(topic: str) -> str:
    """One topic."""
    found = TOPICS.get(topic) or abort(404)
    return render_template("help/topic.html", topic=found, sections=list(found.sections()), topics=TOPICS.values())


def help_here() -> str:
    """The address of the help about the page that is shown."""
    for found in TOPICS.values():
        if request.blueprint in found.pages:
            return url_for("help.topic", topic=found.name)
    return url_for("help.page")


def help_of(code: str) -> str:
    """The address of what the help says of an error or reason code; empty if it says nothing."""
    if code in REASONS:
        return url_for("help.topic", topic="reasons", _anchor=code)
    key = code if code in FAULTS else known_code(code)
    return url_for("help.topic", topic="errors", _anchor=key) if key else ""


def init_app(app: Flask) -> None:
    """Give the templates ``help_here`` and ``help_of``."""
    app.jinja_env.globals.update(help_here=help_here, help_of=help_of)
