"""Queues that pipes name are written down also if they are there

Revision ID: directory
Revises: r16
"""

from alembic import op

revision = "directory"
down_revision = 'otrs_words'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.rename_table("pipe_trouble", "pipe_queue")


def downgrade() -> None:
    op.rename_table("pipe_queue", "pipe_trouble")
