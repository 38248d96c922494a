"""Two marks and a verdict of articles, why tickets are linked, and addresses as they are compared now

Revision ID: r14
Revises: r13
"""

import sqlalchemy as sa
from alembic import op

from postmaster.parsing.address_key import address_key

revision = 'r14'
down_revision = 'r13'
branch_labels = None
depends_on = None

# Columns with addresses that are compared; those of ASCII alone stay as they are, but for labels of international domains.
COMPARED = (('system_address', 'address'), ('ticket', 'sender_address'), ('article', 'sender_address'))


def upgrade() -> None:
    op.add_column('article', sa.Column('automatic', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('article', sa.Column('verdict', sa.JSON(), nullable=True))
    op.execute('UPDATE article SET automatic = loop')
    op.add_column('ticket_link', sa.Column('kind', sa.String(length=40), nullable=False, server_default='follow-up'))
    op.add_column('queue', sa.Column('customer_of_forward', sa.String(length=40), nullable=False, server_default='forwarder'))
    for table, column in COMPARED:
        _compare_anew(table, column)


def _compare_anew(table: str, column: str) -> None:
    """Write each address as it is compared now, unless another row of a table that has each once has it already."""
    connection = op.get_bind()
    written = sa.column(column)
    rows = sa.table(table, written)
    unusual = sa.or_(written.like('%xn--%'), written.like("%'%"), sa.func.length(written) != _octets(written))
    for address in connection.scalars(sa.select(written).select_from(rows).where(unusual).distinct()).all():
        key = address_key(address)
        taken = sa.select(sa.literal(1)).select_from(rows).where(written == key)
        if key != address and (table != 'system_address' or connection.scalar(taken) is None):
            connection.execute(sa.update(rows).where(written == address).values({column: key}))


def _octets(written):
    if op.get_bind().dialect.name == 'postgresql':
        return sa.func.octet_length(written)
    return sa.func.length(sa.cast(written, sa.LargeBinary))


def downgrade() -> None:
    op.drop_column('queue', 'customer_of_forward')
    op.drop_column('ticket_link', 'kind')
    op.drop_column('article', 'verdict')
    op.drop_column('article', 'automatic')
