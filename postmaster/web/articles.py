"""What is opened of an article: its HTML in a frame of its own, its attachments, its source.

Everything here was written by somebody else, who may be hostile. HTML is sanitised, stands in a sandboxed frame whose
origin is none, and has a policy that lets nothing run or load; the rest is downloaded or shown as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO

from flask import Blueprint, Response, abort, current_app, make_response, request, send_file, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from postmaster.database import read_session, transaction
from postmaster.desk.models import Attachment
from postmaster.desk.ticket_view import find_article
from postmaster.ledger.article_source import article_source, find_attachment, read_article
from postmaster.resources.audit import audit
from postmaster.web.access import current_user, for_leads, public
from postmaster.web.context import Context
from postmaster.web.shown_html import shown_html
from postmaster.web.source import Source, shown_source

blueprint = Blueprint("articles", __name__, url_prefix="/articles")

SANDBOX = "sandbox allow-popups allow-popups-to-escape-sandbox"

# Of the frame. Its images are inline ones from here; remote ones only after somebody asked for them.
FRAME_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:{remote}; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'self'; {SANDBOX}"
)
FRAME_HEADERS = {"Referrer-Policy": "no-referrer", "X-DNS-Prefetch-Control": "off"}

# Of what is downloaded, or put into the frame by its address.
FILE_POLICY = "default-src 'none'; sandbox"

# Images that browsers show and that cannot hold scripts.
IMAGE_TYPES = {"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/jpg", "image/png", "image/webp"}

# Seconds within which a frame asks for its inline images: the session's cookie does not reach it, so their addresses
# are signed.
SIGNED_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class BodyContext(Context, templates=("articles/body.html",)):
    """The document in the frame: its ``html``, or its ``text`` if that cannot be shown."""

    html: str | None
    text: str


@dataclass(frozen=True, kw_only=True)
class SourceContext(Context, templates=("source.html",)):
    """The source of a mail: ``trail`` is where it belongs, ``back`` and ``download`` are addresses."""

    source: Source
    trail: Sequence[tuple[str, str]]
    back: str
    download: str


@blueprint.get("/<id:article>/body")
@for_leads
def body(article: int) -> Response:
    """The document in the frame."""
    remote = request.args.get("images") == "remote"
    with read_session() as session:
        found = find_article(session, article)
        message = read_article(session, found)
        addresses = _inline_addresses(session, article, message.images)
        safe = shown_html(session, article, message.html_pieces, addresses, remote_images=remote)
    response = make_response(BodyContext(html=safe, text=found.text).render())
    response.headers["Content-Security-Policy"] = FRAME_POLICY.format(remote=" https:" if remote else "")
    response.headers.update(FRAME_HEADERS)
    return response


def _inline_addresses(session: Session, article: int, images: Mapping[str, str]) -> dict[str, str]:
    """Signed addresses of the images within the HTML, by what refers to them; ``images`` has the parts meant."""
    rows = session.execute(
        select(Attachment.part, Attachment.id).where(
            Attachment.article_id == article, Attachment.content_type.in_(IMAGE_TYPES)
        )
    )
    ids = {row.part: row.id for row in rows}
    return {source: url_for(".inline", token=sign(ids[part])) for source, part in images.items() if part in ids}


def sign(attachment: int) -> str:
    """What stands in the address of that inline image, for a short time."""
    token = _signer().dumps(attachment)
    return token if isinstance(token, str) else token.decode()


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="inline image of a mail")


@blueprint.get("/inline/<token>")
@public
def inline(token: str) -> Response:
    """An image within the HTML of a mail."""
    try:
        number = _signer().loads(token, max_age=SIGNED_SECONDS)
    except BadSignature:
        abort(HTTPStatus.NOT_FOUND)
    with read_session() as session:
        attachment, content = find_attachment(session, number)
    if attachment.content_type not in IMAGE_TYPES:
        abort(HTTPStatus.NOT_FOUND)
    response = make_response(content)
    response.headers["Content-Type"] = attachment.content_type
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # the frame that shows it is from nowhere
    return response


@blueprint.get("/attachments/<id:attachment>")
@for_leads
def download_attachment(attachment: int) -> Response:
    """An attachment, to be stored and never opened here."""
    with read_session() as session:
        found, content = find_attachment(session, attachment)
    record_reading("download-attachment", "article", f"{found.article_id}: {found.filename}")
    return as_download(content, found.filename)


@blueprint.get("/<id:article>/text")
@for_leads
def text(article: int) -> Response:
    """Its whole text."""
    with read_session() as session:
        response = make_response(find_article(session, article).text)
    response.headers["Content-Type"] = "text/plain; charset=utf-8"
    response.headers["Content-Security-Policy"] = FILE_POLICY
    return response


@blueprint.get("/<id:article>/source")
@for_leads
def source(article: int) -> str:
    """Its source, as text."""
    with read_session() as session:
        found = find_article(session, article)
        raw, number = article_source(session, found), found.ticket.number
    record_reading("look-at-source", "article", str(article))
    ticket = url_for("tickets.show", ticket=number)
    trail = [("Tickets", url_for("tickets.page")), (number, ticket)]
    download = url_for(".download_source", article=article)
    return SourceContext(source=shown_source(raw), trail=trail, back=ticket, download=download).render()


@blueprint.get("/<id:article>/source/download")
@for_leads
def download_source(article: int) -> Response:
    """Its source, as a file."""
    with read_session() as session:
        raw = article_source(session, find_article(session, article))
    record_reading("download-source", "article", str(article))
    return as_download(raw, f"article-{article}.eml")


def record_reading(action: str, noun: str, label: str) -> None:
    """Write into the audit log that somebody took a copy of mail, or looked at all of it."""
    with transaction() as session:
        audit(session, current_user().name, action, noun, label, {})


def as_download(content: bytes, filename: str) -> Response:
    """``content`` as a file that no browser opens by itself (RFC 6266)."""
    response = send_file(
        BytesIO(content), "application/octet-stream", as_attachment=True, download_name=filename, etag=False
    )
    response.headers["Content-Security-Policy"] = FILE_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response
