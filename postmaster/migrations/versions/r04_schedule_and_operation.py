"""Schedule and operation

Revision ID: r04
Revises: r03
"""

import sqlalchemy as sa
from alembic import op

revision = 'r04'
down_revision = 'r03'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('fetch_pause',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('reason', sa.String(length=500), nullable=False),
    sa.Column('paused_by', sa.String(length=200), nullable=False),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fetch_pause'))
    )
    op.create_table('incident',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('condition', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=100), nullable=False),
    sa.Column('sentence', sa.String(), nullable=False),
    sa.Column('path', sa.String(length=200), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident'))
    )
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.create_index('ix_incident_closed_at', ['closed_at'], unique=False)
        batch_op.create_index('uq_incident_open', ['condition', 'subject'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))

    op.create_table('living_process',
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('role', sa.Enum('worker', 'scheduler', name='processrole', native_enum=False, length=40), nullable=False),
    sa.Column('host', sa.String(length=200), nullable=False),
    sa.Column('pid', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('trouble', sa.String(length=500), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_living_process'))
    )
    op.create_table('mail_hour',
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('new', sa.Integer(), nullable=False),
    sa.Column('follow_up', sa.Integer(), nullable=False),
    sa.Column('ignored', sa.Integer(), nullable=False),
    sa.Column('rejected', sa.Integer(), nullable=False),
    sa.Column('quarantined', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'hour', name=op.f('pk_mail_hour'))
    )
    op.create_table('turn',
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_turn'))
    )
    op.create_table('alert_delivery',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('incident_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('over', sa.Boolean(), nullable=False),
    sa.Column('target', sa.String(length=20), nullable=False),
    sa.Column('label', sa.String(length=60), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['incident_id'], ['incident.id'], name=op.f('fk_alert_delivery_incident_id_incident'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_delivery'))
    )
    with op.batch_alter_table('alert_delivery', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alert_delivery_incident_id'), ['incident_id'], unique=False)
        batch_op.create_index('ix_alert_delivery_next_try_at', ['next_try_at'], unique=False)

    with op.batch_alter_table('account_state', schema=None) as batch_op:
        batch_op.add_column(sa.Column('backlog_growth', sa.Integer(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('last_run_seconds', sa.Double(), nullable=True))
        batch_op.add_column(sa.Column('next_run_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('requested_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('requested_by', sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column('claim', sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('held_revision', sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column('held_count', sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f('ix_account_state_next_run_at'), ['next_run_at'], unique=False)

    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_article_raw_id'), ['raw_id'], unique=False)

    with op.batch_alter_table('fetch_run', schema=None) as batch_op:
        batch_op.add_column(sa.Column('updated_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('expected', sa.Integer(), nullable=False, server_default='0'))
        batch_op.drop_index(batch_op.f('ix_fetch_run_account_id'))
        batch_op.create_index('ix_fetch_run_account_id_id', ['account_id', 'id'], unique=False)
        batch_op.create_index('ix_fetch_run_running', ['account_id'], unique=False, sqlite_where=sa.text("status = 'running'"), postgresql_where=sa.text("status = 'running'"))

    with op.batch_alter_table('inbound_mail', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_inbound_mail_run_id'), ['run_id'], unique=False)

    with op.batch_alter_table('mail_account', schema=None) as batch_op:
        batch_op.add_column(sa.Column('interval', sa.Integer(), nullable=True))

    with op.batch_alter_table('mailbox', schema=None) as batch_op:
        batch_op.add_column(sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True))
    # These have been fetched already, so their first run needs nobody's consent any more.
    op.execute('UPDATE mailbox SET confirmed_at = CURRENT_TIMESTAMP')

    op.create_index(op.f('ix_thread_key_ticket_id'), 'thread_key', ['ticket_id'])
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ticket_changed_at'), ['changed_at'], unique=False)



def downgrade() -> None:
    op.drop_index(op.f('ix_thread_key_ticket_id'), table_name='thread_key')
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ticket_changed_at'))

    with op.batch_alter_table('mailbox', schema=None) as batch_op:
        batch_op.drop_column('confirmed_at')

    with op.batch_alter_table('mail_account', schema=None) as batch_op:
        batch_op.drop_column('interval')

    with op.batch_alter_table('inbound_mail', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_inbound_mail_run_id'))

    with op.batch_alter_table('fetch_run', schema=None) as batch_op:
        batch_op.drop_index('ix_fetch_run_running', sqlite_where=sa.text("status = 'running'"), postgresql_where=sa.text("status = 'running'"))
        batch_op.drop_index('ix_fetch_run_account_id_id')
        batch_op.create_index(batch_op.f('ix_fetch_run_account_id'), ['account_id'], unique=False)
        batch_op.drop_column('expected')
        batch_op.drop_column('updated_at')

    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_article_raw_id'))

    with op.batch_alter_table('account_state', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_account_state_next_run_at'))
        batch_op.drop_column('held_count')
        batch_op.drop_column('held_revision')
        batch_op.drop_column('claimed_at')
        batch_op.drop_column('claim')
        batch_op.drop_column('requested_by')
        batch_op.drop_column('requested_at')
        batch_op.drop_column('next_run_at')
        batch_op.drop_column('last_run_seconds')
        batch_op.drop_column('backlog_growth')

    with op.batch_alter_table('alert_delivery', schema=None) as batch_op:
        batch_op.drop_index('ix_alert_delivery_next_try_at')
        batch_op.drop_index(batch_op.f('ix_alert_delivery_incident_id'))

    op.drop_table('alert_delivery')
    op.drop_table('turn')
    op.drop_table('mail_hour')
    op.drop_table('living_process')
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.drop_index('uq_incident_open', sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
        batch_op.drop_index('ix_incident_closed_at')

    op.drop_table('incident')
    op.drop_table('fetch_pause')
