"""Filters and follow-ups: what tickets carry, links between them, threads, and the postmaster filters.

Revision ID: r02
Revises: r01
"""
import sqlalchemy as sa
from alembic import op

revision = 'r02'
down_revision = 'r01'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sender_address', sa.String(length=320), nullable=False, server_default=''))
        batch_op.add_column(sa.Column('pending_time', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('dynamic_fields', sa.JSON(), nullable=False, server_default='{}'))
        batch_op.create_index('ix_ticket_sender_address_created_at', ['sender_address', 'created_at'])
    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sender_address', sa.String(length=320), nullable=False, server_default=''))
        batch_op.drop_index('ix_article_ticket_id')
        batch_op.create_index('ix_article_ticket_id_sender_address', ['ticket_id', 'sender_address'])
    _create_thread_tables()
    _create_filter_tables()


def _create_thread_tables() -> None:
    op.create_table('ticket_link',
    sa.Column('ticket_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('follows_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['follows_id'], ['ticket.id'], name=op.f('fk_ticket_link_follows_id_ticket'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name=op.f('fk_ticket_link_ticket_id_ticket'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('ticket_id', 'follows_id', name=op.f('pk_ticket_link'))
    )
    op.create_index(op.f('ix_ticket_link_follows_id'), 'ticket_link', ['follows_id'])
    op.create_table('thread_key',
    sa.Column('key', sa.String(length=520), nullable=False),
    sa.Column('ticket_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('own', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name=op.f('fk_thread_key_ticket_id_ticket'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('key', 'ticket_id', 'own', name=op.f('pk_thread_key')),
    sqlite_with_rowid=False
    )


def _create_filter_tables() -> None:
    name = sa.String(length=200).with_variant(sa.String(length=200, collation='C'), 'postgresql')
    op.create_table('postmaster_filter',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', name, nullable=False),
    sa.Column('stop', sa.Boolean(), nullable=False),
    sa.Column('match', sa.JSON(), nullable=False),
    sa.Column('not_match', sa.JSON(), nullable=False),
    sa.Column('sets', sa.JSON(), nullable=False),
    sa.Column('all_accounts', sa.Boolean(), nullable=False),
    sa.Column('validity', sa.Enum('valid', 'invalid', 'invalid-temporarily', name='validity', native_enum=False, length=40), nullable=False),
    sa.Column('comment', sa.String(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_postmaster_filter')),
    sa.UniqueConstraint('name', name=op.f('uq_postmaster_filter_name'))
    )
    op.create_table('filter_account',
    sa.Column('filter_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['mail_account.id'], name=op.f('fk_filter_account_account_id_mail_account'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['filter_id'], ['postmaster_filter.id'], name=op.f('fk_filter_account_filter_id_postmaster_filter'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('filter_id', 'account_id', name=op.f('pk_filter_account'))
    )
    op.create_index(op.f('ix_filter_account_account_id'), 'filter_account', ['account_id'])
    op.create_table('filter_state',
    sa.Column('filter_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('slow_count', sa.Integer(), nullable=False),
    sa.Column('last_slow_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['filter_id'], ['postmaster_filter.id'], name=op.f('fk_filter_state_filter_id_postmaster_filter'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('filter_id', name=op.f('pk_filter_state'))
    )


def downgrade() -> None:
    for table in ('filter_state', 'filter_account', 'postmaster_filter', 'thread_key', 'ticket_link'):
        op.drop_table(table)
    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.drop_index('ix_article_ticket_id_sender_address')
        batch_op.create_index('ix_article_ticket_id', ['ticket_id'])
        batch_op.drop_column('sender_address')
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.drop_index('ix_ticket_sender_address_created_at')
        batch_op.drop_column('dynamic_fields')
        batch_op.drop_column('pending_time')
        batch_op.drop_column('sender_address')
