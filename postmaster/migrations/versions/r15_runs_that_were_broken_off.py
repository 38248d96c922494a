"""Runs that ended in the middle of their mail are remembered

Revision ID: r15
Revises: r14
"""

import sqlalchemy as sa
from alembic import op

revision = 'r15'
down_revision = 'r14'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('mailbox', sa.Column('broken_runs', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('mailbox', sa.Column('under_way', sa.String(), nullable=True))
    op.add_column('withheld_mail', sa.Column('strikes', sa.Integer(), nullable=False, server_default='0'))


# What is sealed: its mark of a key is not known to earlier versions.
SEALED = (
    ('credential', 'sealed_password'),
    ('credential', 'sealed_client_secret'),
    ('credential', 'sealed_client_certificate'),
    ('credential_token', 'sealed_access'),
    ('credential_token', 'sealed_refresh'),
)


def downgrade() -> None:
    for table, column in SEALED:
        op.execute(f"UPDATE {table} SET {column} = substr({column}, 15) WHERE {column} LIKE 'k____________.%'")
    op.drop_column('withheld_mail', 'strikes')
    op.drop_column('mailbox', 'under_way')
    op.drop_column('mailbox', 'broken_runs')
