"""Runs by their beginning, and the accounts that are queued

Revision ID: r29
Revises: r28
"""

import sqlalchemy as sa
from alembic import op

revision = 'r29'
down_revision = 'r28'
branch_labels = None
depends_on = None

QUEUED = sa.text('requested_at IS NOT NULL OR claim IS NOT NULL')


def upgrade():
    op.create_index('ix_fetch_run_started_at', 'fetch_run', ['started_at'])
    op.create_index(
        'ix_account_state_queued', 'account_state', ['account_id'], sqlite_where=QUEUED, postgresql_where=QUEUED
    )


def downgrade():
    op.drop_index('ix_account_state_queued', 'account_state')
    op.drop_index('ix_fetch_run_started_at', 'fetch_run')
