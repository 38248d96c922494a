"""Runs that ended in the middle of their mail are remembered

Revision ID: caution
Revises: r11
"""

import sqlalchemy as sa
from alembic import op

revision = 'caution'
down_revision = 'r11'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mailbox', sa.Column('broken_runs', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('mailbox', sa.Column('under_way', sa.String(), nullable=True))
    op.add_column('withheld_mail', sa.Column('strikes', sa.Integer(), nullable=False, server_default='0'))


def downgrade() -> None:
    op.drop_column('withheld_mail', 'strikes')
    op.drop_column('mailbox', 'under_way')
    op.drop_column('mailbox', 'broken_runs')
