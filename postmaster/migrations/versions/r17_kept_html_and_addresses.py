"""What the HTML of an article was made of, and mail found by the addresses that it has as they are compared now

Revision ID: r17
Revises: r16
"""

import sqlalchemy as sa
from alembic import op

from postmaster.ledger.search_index import IndexedPart, fold, name_terms, term

revision = 'r17'
down_revision = 'r16'
branch_labels = None
depends_on = None

PAGE = 500

MAIL = sa.table(
    'inbound_mail', sa.column('id'), sa.column('sender'), sa.column('sender_name'), sa.column('recipients', sa.JSON)
)
TERMS = sa.table('mail_term', sa.column('term', sa.BigInteger), sa.column('mail_id', sa.BigInteger))


def upgrade() -> None:
    op.add_column('article_html', sa.Column('made_of', sa.String(length=64), nullable=False, server_default=''))
    _index_addresses_anew()


def _index_addresses_anew() -> None:
    """Those of international domains and other scripts; ASCII alone stands in the index as before."""
    connection = op.get_bind()
    recipients = sa.cast(MAIL.c.recipients, sa.Text)
    unusual = sa.or_(
        MAIL.c.sender.contains('xn--'), sa.func.length(MAIL.c.sender) != _octets(MAIL.c.sender),
        recipients.contains('xn--'), recipients.contains('\\u', autoescape=True),
        sa.func.length(recipients) != _octets(recipients),
    )
    last = 0
    while rows := connection.execute(sa.select(MAIL).where(unusual, MAIL.c.id > last).order_by(MAIL.c.id).limit(PAGE)).all():
        for row in rows:
            _index(connection, row)
        last = rows[-1].id


def _index(connection, row) -> None:
    wanted = set(name_terms(IndexedPart.SENDER, row.sender, row.sender_name))
    written = _as_written(IndexedPart.SENDER, row.sender)
    for address in row.recipients if isinstance(row.recipients, list) else []:
        wanted |= name_terms(IndexedPart.RECIPIENT, address, '')
        written |= _as_written(IndexedPart.RECIPIENT, address)
    there = set(connection.scalars(sa.select(TERMS.c.term).where(TERMS.c.mail_id == row.id, TERMS.c.term.in_(wanted | written))))
    stale = (written - wanted) & there
    if stale:
        connection.execute(sa.delete(TERMS).where(TERMS.c.mail_id == row.id, TERMS.c.term.in_(stale)))
    if wanted - there:
        connection.execute(sa.insert(TERMS), [{'term': number, 'mail_id': row.id} for number in wanted - there])


def _as_written(part, address) -> set:
    """The terms of an address and of its domains, in the form in which it came."""
    whole = fold(address)
    labels = whole.rpartition('@')[2].split('.')
    return {term(part, word) for word in (whole, *('.'.join(labels[start:]) for start in range(len(labels) - 1)))}


def _octets(written):
    if op.get_bind().dialect.name == 'postgresql':
        return sa.func.octet_length(written)
    return sa.func.length(sa.cast(written, sa.LargeBinary))


def downgrade() -> None:
    op.drop_column('article_html', 'made_of')
