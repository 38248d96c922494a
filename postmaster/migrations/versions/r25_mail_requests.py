"""Requests that handed mail in

Revision ID: r25
Revises: r24
"""

import sqlalchemy as sa
from alembic import op

revision = 'r25'
down_revision = 'r24'
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table(
        'mail_request',
        sa.Column('token_id', number, nullable=False, autoincrement=False),
        sa.Column('key', sa.String(length=64), nullable=False),
        sa.Column('sha256', sa.LargeBinary(length=32), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('token_id', 'key', name='pk_mail_request'),
    )
    op.create_index('ix_mail_request_created_at', 'mail_request', ['created_at'])


def downgrade() -> None:
    op.drop_table('mail_request')
