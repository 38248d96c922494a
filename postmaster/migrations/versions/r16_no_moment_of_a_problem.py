"""When a problem with tokens was met is no longer kept: nothing ever read it

Revision ID: r16
Revises: r15
"""

import sqlalchemy as sa
from alembic import op

revision = 'r16'
down_revision = 'r15'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column('credential_token', 'problem_at')


def downgrade() -> None:
    op.add_column('credential_token', sa.Column('problem_at', sa.DateTime(timezone=True), nullable=True))
