"""What is read out of an article's raw mail when somebody opens it: the source, its HTML, an attachment."""

from __future__ import annotations

from sqlalchemy.orm import Session

from postmaster.desk.models import Article, Attachment, RawMail
from postmaster.desk.rawmail import unpack
from postmaster.errors import NotFoundError
from postmaster.parsing.message import ParsedMessage
from postmaster.parsing.parser import parse_message, part_content


def article_source(session: Session, article: Article) -> bytes:
    """The message as it came. Raises NotFoundError if it is no longer kept."""
    raw = session.get(RawMail, article.raw_id) if article.raw_id else None
    if raw is None:
        message = f"The source of article {article.id} is no longer kept"
        raise NotFoundError("unknown-source", message, "Its text is on the page of its ticket.")
    return unpack(raw.encoding, raw.data)


def read_article(session: Session, article: Article) -> ParsedMessage:
    """The message of an article, read anew: its HTML, which is hostile, and the images in it."""
    return parse_message(article_source(session, article))


def find_attachment(session: Session, number: int) -> tuple[Attachment, bytes]:
    """The attachment with that id and its content. Raises NotFoundError."""
    attachment = session.get(Attachment, number)
    if attachment is None:
        raise NotFoundError(
            "unknown-attachment", f"There is no attachment {number}", "Look for its ticket in the list."
        )
    source = article_source(session, session.get_one(Article, attachment.article_id))
    try:
        return attachment, part_content(source, attachment.part)
    except KeyError:
        message = f"The attachment “{attachment.filename}” cannot be found in its mail"
        raise NotFoundError("unknown-attachment", message, "Download the source of the mail instead.") from None
