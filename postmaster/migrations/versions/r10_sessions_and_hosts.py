"""Who is signed in, how often passwords were wrong, and where a credential may be used

Revision ID: r10
Revises: r09
"""

import sqlalchemy as sa
from alembic import op

revision = 'r10'
down_revision = 'r09'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('web_session',
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('standing', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('address', sa.String(length=50), nullable=False),
    sa.Column('user_agent', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_web_session_user_id_user_account'),
                            ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_web_session'))
    )
    op.create_index(op.f('ix_web_session_user_id'), 'web_session', ['user_id'], unique=False)
    op.create_table('password_tries',
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_password_tries'))
    )
    op.create_index(op.f('ix_password_tries_since'), 'password_tries', ['since'], unique=False)
    op.add_column('credential', sa.Column('hosts', sa.String(), nullable=False, server_default=''))


def downgrade() -> None:
    op.drop_column('credential', 'hosts')
    op.drop_index(op.f('ix_password_tries_since'), table_name='password_tries')
    op.drop_table('password_tries')
    op.drop_index(op.f('ix_web_session_user_id'), table_name='web_session')
    op.drop_table('web_session')
