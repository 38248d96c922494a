"""How long a mail server may take for an answer, account by account

Revision ID: r13
Revises: r12
"""

import sqlalchemy as sa
from alembic import op

revision = 'r13'
down_revision = 'r12'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mail_account', sa.Column('answer_timeout', sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column('mail_account', 'answer_timeout')
