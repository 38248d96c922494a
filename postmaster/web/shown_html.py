"""The HTML of an article as it is shown: ordinary mail at once, what may take long in a child process, once."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from postmaster.confined import Limits, NotNowError, TooMuchError, compute
from postmaster.database import dialect_of, insert_into, transaction
from postmaster.desk.models import ArticleHtml
from postmaster.logs import Logger
from postmaster.web import mail_html
from postmaster.web.mail_html import MAX_HTML_BYTES, is_ordinary, is_showable, safe_documents

# Of the child that makes one article harmless.
RENDER_LIMITS = Limits(seconds=1, megabytes=256)

log = Logger("postmaster.web")


def shown_html(
    session: Session, article: int, documents: Sequence[str], addresses: Mapping[str, str], *, remote_images: bool
) -> str | None:
    """The HTML of an article made harmless, with the ``addresses`` of images that came with it, by what refers to them;
    None if it is not to be shown.
    """
    html = "\n".join(documents)
    if not is_showable(html):
        return None
    if is_ordinary(html):
        made = safe_documents(documents, addresses.get, remote_images=remote_images)
        return made if len(made) <= MAX_HTML_BYTES else None
    made_of = _digest(documents, addresses)
    query = select(ArticleHtml).where(ArticleHtml.article_id == article, ArticleHtml.remote_images == remote_images)
    kept = session.scalars(query.where(ArticleHtml.made_of == made_of)).one_or_none()
    if kept is None:
        places = f"place-{secrets.token_hex(12)}-"
        kept = ArticleHtml(article_id=article, remote_images=remote_images, places=places, made_of=made_of)
        try:
            kept.html = _compute(kept, documents, addresses)
        except NotNowError:
            return None
        _keep(kept)
    return _placed(kept, addresses) if kept.html is not None else None


def _digest(documents: Sequence[str], addresses: Mapping[str, str]) -> str:
    """What tells whether the same would be made again: the HTML, its images, and all that makes it harmless."""
    digest = hashlib.sha256(_maker())
    for part in (*documents, "", *sorted(addresses)):
        digest.update(hashlib.sha256(part.encode(errors="replace")).digest())
    return digest.hexdigest()


@cache
def _maker() -> bytes:
    """The version of what makes HTML harmless: the library's, and our own rules as they are written."""
    return f"{version('nh3')} {RENDER_LIMITS}".encode() + Path(mail_html.__file__).read_bytes()


def _compute(made: ArticleHtml, documents: Sequence[str], addresses: Mapping[str, str]) -> str | None:
    """None if it takes too much."""
    places = {reference: f"{made.places}{_key(reference)}" for reference in addresses}
    question = json.dumps({"documents": list(documents), "places": places, "remote": made.remote_images})
    try:
        return compute(mail_html.__file__, question.encode(), RENDER_LIMITS).decode()
    except TooMuchError:
        return None


def _keep(made: ArticleHtml) -> None:
    """Another view may have been quicker; and a page is shown, whether this can be kept or not."""
    values = {name: getattr(made, name) for name in ("article_id", "remote_images", "places", "html", "made_of")}
    try:
        with transaction() as session:
            row = insert_into(dialect_of(session), ArticleHtml).values(**values)
            session.execute(row.on_conflict_do_update(index_elements=["article_id", "remote_images"], set_=values))
    except DBAPIError as error:
        log.warning("HTML could not be kept", article=made.article_id, error=type(error).__name__)


def _placed(made: ArticleHtml, addresses: Mapping[str, str]) -> str:
    """With the addresses of this moment; nobody who writes mail can know the text that stands in their place."""
    by_key = {_key(reference): address for reference, address in addresses.items()}
    first, *parts = (made.html or "").split(made.places)
    return first + "".join(by_key.get(part[:KEY_LENGTH], "") + part[KEY_LENGTH:] for part in parts)


# Characters that tell the images of an article apart.
KEY_LENGTH = 32


def _key(reference: str) -> str:
    return hashlib.sha256(reference.encode(errors="replace")).hexdigest()[:KEY_LENGTH]
