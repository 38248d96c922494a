"""Tickets that came from another system

Revision ID: r21
Revises: r20
"""

import sqlalchemy as sa
from alembic import op

revision = 'r21'
down_revision = 'r20'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'imported_ticket',
        sa.Column('ticket_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name='fk_imported_ticket_ticket_id_ticket', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('ticket_id', name='pk_imported_ticket'),
    )


def downgrade() -> None:
    op.drop_table('imported_ticket')
