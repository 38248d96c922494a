"""Tables of the service desk: queues, system addresses, tickets, articles, attachments, raw mail."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import JSON, Date, ForeignKey, Index, LargeBinary, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from postmaster.extensions import BigId, Id, Json, Model, UtcDateTime, choice, now
from postmaster.resources.models import Validity


class FollowUpPolicy(StrEnum):
    """What happens to a follow-up to a closed ticket (docs/glossary.md#queues-and-addresses)."""

    POSSIBLE = "possible"
    REJECT = "reject"
    NEW_TICKET = "new-ticket"


class ForwardCustomer(StrEnum):
    """Who is the customer of a message that somebody has forwarded to a queue."""

    FORWARDER = "forwarder"
    ORIGINAL_SENDER = "original-sender"


class SenderType(StrEnum):
    """Who an article is from."""

    AGENT = "agent"
    SYSTEM = "system"
    CUSTOMER = "customer"


class LinkKind(StrEnum):
    """Why a ticket is linked with an earlier one: it was opened for a follow-up, for one that was not believed, or with
    the same message.
    """

    FOLLOW_UP = "follow-up"
    NOT_BELIEVED = "not-believed"
    SAME_MESSAGE = "same-message"


class Queue(Model):
    """Where tickets wait. Names are nested with ``::``, as in ``Sales::Orders``.

    ``number`` is the ID that X-OTRS-QueueID calls it by, if that is another than its ``id`` here.
    """

    __tablename__ = "queue"

    id: Mapped[Id]
    number: Mapped[int | None] = mapped_column(BigId, unique=True, index=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    followup_policy: Mapped[FollowUpPolicy] = mapped_column(choice(FollowUpPolicy), default=FollowUpPolicy.POSSIBLE)
    customer_of_forward: Mapped[ForwardCustomer] = mapped_column(
        choice(ForwardCustomer), default=ForwardCustomer.FORWARDER, server_default="forwarder"
    )
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    comment: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": revision}


class SystemAddress(Model):
    """An address that mail is sent to, linked with a queue. ``address`` is kept as addresses are compared."""

    __tablename__ = "system_address"

    id: Mapped[Id]
    address: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"), index=True)
    validity: Mapped[Validity] = mapped_column(choice(Validity), default=Validity.VALID)
    comment: Mapped[str] = mapped_column(default="")
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, onupdate=now)
    revision: Mapped[int] = mapped_column()

    queue: Mapped[Queue] = relationship(lazy="joined")

    __mapper_args__ = {"version_id_col": revision}


class TicketCounter(Model):
    """The last ticket number given out on a day. Counted up in the transaction that makes the tickets."""

    __tablename__ = "ticket_counter"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    value: Mapped[int]


class Ticket(Model):
    """A case of the service desk. ``number`` is the day and a counter, such as 2026112300012.

    The sender is that of its first article, the address as addresses are compared. The indexes with ``id`` are for
    ``desk.ticket_list``; that with ``created_at`` counts what a sender opened lately.
    ``pending_time`` is the moment that a ticket in a pending state waits for.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        Index(None, "queue_id", "id"),
        Index(None, "state", "id"),
        Index(None, "queue_id", "state", "id"),
        Index(None, "sender_address", "id"),
        Index(None, "sender_address", "created_at"),
    )

    id: Mapped[Id]
    number: Mapped[str] = mapped_column(String(30), unique=True)
    title: Mapped[str]
    queue_id: Mapped[int] = mapped_column(ForeignKey("queue.id"))
    sender_name: Mapped[str] = mapped_column(String(200), default="")
    sender_address: Mapped[str] = mapped_column(String(320), default="")
    state: Mapped[str] = mapped_column(String(100))
    pending_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    priority: Mapped[str] = mapped_column(String(100))
    type: Mapped[str] = mapped_column(String(100))
    service: Mapped[str | None] = mapped_column(String(200))
    sla: Mapped[str | None] = mapped_column(String(200))
    lock: Mapped[str] = mapped_column(String(20))
    owner: Mapped[str | None] = mapped_column(String(200))
    responsible: Mapped[str | None] = mapped_column(String(200))
    customer_id: Mapped[str | None] = mapped_column(String(320))
    customer_user: Mapped[str | None] = mapped_column(String(320))
    dynamic_fields: Mapped[Json] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)

    queue: Mapped[Queue] = relationship(lazy="joined")
    articles: Mapped[list[Article]] = relationship(order_by="Article.id", back_populates="ticket")


class TicketLink(Model):
    """``ticket_id`` was opened after ``follows_id``; ``kind`` says why they are linked (docs/glossary.md#follow-up)."""

    __tablename__ = "ticket_link"

    ticket_id: Mapped[int] = mapped_column(BigId, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    follows_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    kind: Mapped[LinkKind] = mapped_column(choice(LinkKind), default=LinkKind.FOLLOW_UP, server_default="follow-up")


class TicketMerge(Model):
    """``ticket_id`` was merged into ``into_id``, which has its articles and gets its follow-ups. That one never was."""

    __tablename__ = "ticket_merge"

    ticket_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    into_id: Mapped[int] = mapped_column(BigId, ForeignKey("ticket.id", ondelete="CASCADE"), index=True)


class ImportedTicket(Model):
    """``ticket_id`` came from OTRS, Znuny or OTOBO, where its earlier mail is.

    ``changed_at`` is what the ticket had then: as long as it has it still, it follows a newer dump.
    """

    __tablename__ = "imported_ticket"

    ticket_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ThreadKey(Model):
    """What follow-ups are found by: ``key`` is a Message-ID, or stands for a Thread-Index.

    ``own``: an article of the ticket has it. Otherwise an article answers a message that has it but was not there yet;
    should it come later, it belongs to the same ticket.
    """

    __tablename__ = "thread_key"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[str] = mapped_column(String(520), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )
    own: Mapped[bool] = mapped_column(primary_key=True)


class TicketField(Model):
    """What follow-ups are found by that name a ticket by a number of another system: ``key`` is a dynamic field with
    its value, as ``desk.tickets.field_key`` has it.
    """

    __tablename__ = "ticket_field"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: Mapped[str] = mapped_column(String(270), primary_key=True)
    ticket_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    )


class CustomerEntry(Model):
    """Whose login and number counts for an address, as addresses are compared, or for ``*@domain``."""

    __tablename__ = "customer_entry"

    address: Mapped[str] = mapped_column(String(320), primary_key=True)
    login: Mapped[str] = mapped_column(String(320))
    number: Mapped[str] = mapped_column(String(320), default="")


class CustomerSource(Model):
    """The file that the customer directory was read from last: its one row, of the kind ``file``.

    ``problem`` is what keeps a newer one from being read; empty if nothing does.
    """

    __tablename__ = "customer_source"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), default="")
    problem: Mapped[str] = mapped_column(default="")
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RawMail(Model):
    """A message as it came, kept once. ``encoding`` says how ``data`` is stored: see ``desk.rawmail``."""

    __tablename__ = "raw_mail"

    id: Mapped[Id]
    size: Mapped[int]
    encoding: Mapped[str] = mapped_column(String(10))
    data: Mapped[bytes] = mapped_column(LargeBinary)


BY_AGENT = text("sender_type = 'agent'")


class Article(Model):
    """One message of a ticket. ``header`` holds the decoded fields that are shown, as ``ParsedMessage`` has them.

    ``sender_address`` is as addresses are compared; its index says who has written to a ticket, the other which tickets
    have an answer.
    Its HTML is read from the raw mail when it is shown; ``has_html`` says whether there is any. ``loop``: nothing may
    answer it; ``automatic``: a machine wrote it; ``verdict`` is a ``SenderVerdict``, if a trusted server has one.
    ``dynamic_fields`` are by name, as those of a ticket; None if it has none.
    """

    __tablename__ = "article"
    __table_args__ = (
        Index(None, "ticket_id", "sender_address"),
        Index("ix_article_agent", "ticket_id", sqlite_where=BY_AGENT, postgresql_where=BY_AGENT),
    )

    id: Mapped[Id]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    sender_address: Mapped[str] = mapped_column(String(320), default="")
    raw_id: Mapped[int | None] = mapped_column(ForeignKey("raw_mail.id"), index=True)
    sender_type: Mapped[SenderType] = mapped_column(choice(SenderType), default=SenderType.CUSTOMER)
    visible: Mapped[bool] = mapped_column(default=True)
    loop: Mapped[bool] = mapped_column(default=False)
    automatic: Mapped[bool] = mapped_column(default=False, server_default=false())
    verdict: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    dynamic_fields: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    header: Mapped[Json] = mapped_column(JSON)
    text: Mapped[str]
    has_html: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    ticket: Mapped[Ticket] = relationship(back_populates="articles")
    attachments: Mapped[list[Attachment]] = relationship(order_by="Attachment.id", cascade="all, delete-orphan")


class ArticleHtml(Model):
    """An article's HTML, made harmless, where that takes long: it is done once, and kept.

    ``html`` is None if it is not to be shown. Where inline images stand it has the text ``places`` and a number: their
    addresses are good for a short time. ``made_of`` is a digest of the mail's HTML and of what made it harmless: if
    either reads or makes something else now, it is made anew.
    """

    __tablename__ = "article_html"

    article_id: Mapped[int] = mapped_column(BigId, ForeignKey("article.id", ondelete="CASCADE"), primary_key=True)
    remote_images: Mapped[bool] = mapped_column(primary_key=True)
    places: Mapped[str] = mapped_column(String(40))
    html: Mapped[str | None]
    made_of: Mapped[str] = mapped_column(String(64), server_default="")


class Attachment(Model):
    """What is known of an attachment; its bytes are read from the raw mail, where ``part`` says where.

    ``part`` numbers MIME parts as IMAP does (RFC 3501 section 6.4.5). ``sha256`` is of the decoded bytes.
    """

    __tablename__ = "attachment"

    id: Mapped[Id]
    article_id: Mapped[int] = mapped_column(ForeignKey("article.id", ondelete="CASCADE"), index=True)
    part: Mapped[str] = mapped_column(String(200))
    filename: Mapped[str]
    content_type: Mapped[str] = mapped_column(String(200))
    content_id: Mapped[str | None]
    inline: Mapped[bool]
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
