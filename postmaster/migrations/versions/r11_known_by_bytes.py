"""Mail is known by its bytes, also if it did not come through a pipe

Revision ID: r11
Revises: r10
"""

import sqlalchemy as sa
from alembic import op

revision = 'r11'
down_revision = 'r10'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index('ix_inbound_mail_pipe_sha256', table_name='inbound_mail')
    op.create_index(op.f('ix_inbound_mail_sha256'), 'inbound_mail', ['sha256'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_inbound_mail_sha256'), table_name='inbound_mail')
    op.create_index('ix_inbound_mail_pipe_sha256', 'inbound_mail', ['sha256'], unique=False,
                    sqlite_where=sa.text('mailbox_id IS NULL'), postgresql_where=sa.text('mailbox_id IS NULL'))
