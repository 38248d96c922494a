"""By how much the clock of each machine is ahead of the database's

Revision ID: r08
Revises: r07
"""

import sqlalchemy as sa
from alembic import op

revision = 'r08'
down_revision = 'r07'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('living_process', sa.Column('seconds_ahead', sa.Double(), nullable=False, server_default='0'))


def downgrade() -> None:
    op.drop_column('living_process', 'seconds_ahead')
