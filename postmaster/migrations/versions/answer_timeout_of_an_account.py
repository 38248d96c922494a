"""How long a mail server may take for an answer, account by account

Revision ID: answer_timeout
Revises: r11
"""

import sqlalchemy as sa
from alembic import op

revision = 'answer_timeout'
down_revision = 'r11'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mail_account', sa.Column('answer_timeout', sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column('mail_account', 'answer_timeout')
