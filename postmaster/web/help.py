"""The help: a page for each topic, which every other page leads to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Flask, abort, current_app, request, url_for
from markdown_it import MarkdownIt
from markupsafe import Markup

from postmaster.errors import FAULTS
from postmaster.pipeline.decision import REASONS
from postmaster.refusals import known_code
from postmaster.version import __version__
from postmaster.web.access import for_leads
from postmaster.web.context import Context
from postmaster.web.help_entry import HelpSection, Topic
from postmaster.web.help_topics import TOPICS

blueprint = Blueprint("help", __name__, url_prefix="/help")


@dataclass(frozen=True, kw_only=True)
class HelpContext(Context, templates=("help/page.html",)):
    """What there is."""

    topics: Collection[Topic]


@dataclass(frozen=True, kw_only=True)
class TopicContext(Context, templates=("help/topic.html",)):
    """One topic, and the way to all others."""

    topic: Topic
    sections: Sequence[HelpSection]
    topics: Collection[Topic]


@blueprint.get("")
@for_leads
def page() -> str:
    """What there is."""
    return HelpContext(topics=TOPICS.values()).render()


@dataclass(frozen=True, kw_only=True)
class NewsContext(Context, templates=("help/news.html",)):
    """What changed in each version, as HTML of our own making."""

    changes: Markup


@blueprint.get("/whats-new")
@for_leads
def news() -> str:
    """What changed in each version."""
    return NewsContext(changes=_changes(str(current_app.template_folder))).render()


@cache
def _changes(templates: str) -> Markup:
    """The changelog, which stands beside the templates, without its own heading and introduction."""
    text = (Path(templates).parent / "CHANGELOG.md").read_text(encoding="utf-8")
    return Markup(MarkdownIt("commonmark", {"html": False}).render(text[text.index("\n## ") :]))  # noqa: S704 - ours


@blueprint.get("/<topic>")
@for_leads
def topic(topic: str) -> str:
    """One topic."""
    found = TOPICS.get(topic) or abort(404)
    return TopicContext(topic=found, sections=list(found.sections()), topics=TOPICS.values()).render()


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
    """Give the templates ``help_here``, ``help_of`` and the version."""
    app.jinja_env.globals.update(help_here=help_here, help_of=help_of, VERSION=__version__)
