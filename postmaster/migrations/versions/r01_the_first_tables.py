"""The first tables

Revision ID: r01
Revises: 
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = 'r01'
down_revision = None
branch_labels = None
depends_on = None

SEEDED_QUEUES = (
    ("Postmaster", "Mail for the administrators of the system."),
    ("Raw", "Mail that no system address and no account sends elsewhere."),
    ("Junk", "Unwanted mail."),
    ("Misc", "Everything else."),
)


def upgrade() -> None:
    op.create_table('audit_event',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor', sa.String(length=200), nullable=False),
    sa.Column('action', sa.String(length=40), nullable=False),
    sa.Column('noun', sa.String(length=40), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_event'))
    )
    op.create_table('credential',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('kind', sa.Enum('basic', name='credentialkind', native_enum=False, length=40), nullable=False),
    sa.Column('username', sa.String(length=320), nullable=False),
    sa.Column('sealed_password', sa.String(), nullable=False),
    sa.Column('validity', sa.Enum('valid', 'invalid', 'invalid-temporarily', name='validity', native_enum=False, length=40), nullable=False),
    sa.Column('comment', sa.String(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credential')),
    sa.UniqueConstraint('name', name=op.f('uq_credential_name'))
    )
    op.create_table('mailbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('host', sa.String(length=255), nullable=False),
    sa.Column('login', sa.String(length=320), nullable=False),
    sa.Column('folder', sa.String(length=1000), nullable=False),
    sa.Column('lease_token', sa.String(length=40), nullable=True),
    sa.Column('lease_expires_at', sa.Double(), nullable=True),
    sa.Column('lease_process', sa.String(length=200), nullable=True),
    sa.Column('lease_holder', sa.String(length=300), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mailbox')),
    sa.UniqueConstraint('host', 'login', 'folder', name=op.f('uq_mailbox_host_login_folder'))
    )
    op.create_table('queue',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('followup_policy', sa.Enum('possible', 'reject', 'new-ticket', name='followuppolicy', native_enum=False, length=40), nullable=False),
    sa.Column('validity', sa.Enum('valid', 'invalid', 'invalid-temporarily', name='validity', native_enum=False, length=40), nullable=False),
    sa.Column('comment', sa.String(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_queue')),
    sa.UniqueConstraint('name', name=op.f('uq_queue_name'))
    )
    op.create_table('raw_mail',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('encoding', sa.String(length=10), nullable=False),
    sa.Column('data', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_raw_mail'))
    )
    op.create_table('setting',
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('value', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_setting'))
    )
    op.create_table('ticket_counter',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('value', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('day', name=op.f('pk_ticket_counter'))
    )
    op.create_table('user_account',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('role', sa.Enum('admin', 'lead', name='role', native_enum=False, length=40), nullable=False),
    sa.Column('password_hash', sa.String(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_user_account')),
    sa.UniqueConstraint('name', name=op.f('uq_user_account_name'))
    )
    op.create_table('mail_account',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('type', sa.String(length=20), nullable=False),
    sa.Column('credential_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('address', sa.String(length=320), nullable=True),
    sa.Column('host', sa.String(length=255), nullable=True),
    sa.Column('port', sa.Integer(), nullable=True),
    sa.Column('folder', sa.String(length=1000), nullable=True),
    sa.Column('ssl_verify', sa.Boolean(), nullable=False),
    sa.Column('ssl_fingerprint', sa.String(length=200), nullable=True),
    sa.Column('ssl_verifycn_name', sa.String(length=255), nullable=True),
    sa.Column('trusted', sa.Boolean(), nullable=False),
    sa.Column('dispatching', sa.Enum('to', 'queue', name='dispatching', native_enum=False, length=40), nullable=False),
    sa.Column('queue_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('validity', sa.Enum('valid', 'invalid', 'invalid-temporarily', name='validity', native_enum=False, length=40), nullable=False),
    sa.Column('comment', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['credential_id'], ['credential.id'], name=op.f('fk_mail_account_credential_id_credential')),
    sa.ForeignKeyConstraint(['queue_id'], ['queue.id'], name=op.f('fk_mail_account_queue_id_queue')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mail_account'))
    )
    with op.batch_alter_table('mail_account', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_mail_account_credential_id'), ['credential_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_mail_account_queue_id'), ['queue_id'], unique=False)

    op.create_table('system_address',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('address', sa.String(length=320), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('queue_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('validity', sa.Enum('valid', 'invalid', 'invalid-temporarily', name='validity', native_enum=False, length=40), nullable=False),
    sa.Column('comment', sa.String(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revision', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['queue_id'], ['queue.id'], name=op.f('fk_system_address_queue_id_queue')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_system_address')),
    sa.UniqueConstraint('address', name=op.f('uq_system_address_address'))
    )
    with op.batch_alter_table('system_address', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_system_address_queue_id'), ['queue_id'], unique=False)

    op.create_table('ticket',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.String(length=30), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('queue_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('state', sa.String(length=100), nullable=False),
    sa.Column('priority', sa.String(length=100), nullable=False),
    sa.Column('type', sa.String(length=100), nullable=False),
    sa.Column('service', sa.String(length=200), nullable=True),
    sa.Column('sla', sa.String(length=200), nullable=True),
    sa.Column('lock', sa.String(length=20), nullable=False),
    sa.Column('owner', sa.String(length=200), nullable=True),
    sa.Column('responsible', sa.String(length=200), nullable=True),
    sa.Column('customer_id', sa.String(length=320), nullable=True),
    sa.Column('customer_user', sa.String(length=320), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['queue_id'], ['queue.id'], name=op.f('fk_ticket_queue_id_queue')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket')),
    sa.UniqueConstraint('number', name=op.f('uq_ticket_number'))
    )
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_ticket_queue_id'), ['queue_id'], unique=False)

    op.create_table('account_state',
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('last_run_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_success_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('error_code', sa.String(length=40), nullable=True),
    sa.Column('error_stage', sa.String(length=20), nullable=True),
    sa.Column('error_message', sa.String(), nullable=True),
    sa.Column('error_advice', sa.String(), nullable=True),
    sa.Column('error_server', sa.String(), nullable=True),
    sa.Column('paused_revision', sa.String(length=80), nullable=True),
    sa.Column('backlog', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['mail_account.id'], name=op.f('fk_account_state_account_id_mail_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', name=op.f('pk_account_state'))
    )
    op.create_table('article',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('ticket_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('raw_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('sender_type', sa.Enum('agent', 'system', 'customer', name='sendertype', native_enum=False, length=40), nullable=False),
    sa.Column('visible', sa.Boolean(), nullable=False),
    sa.Column('loop', sa.Boolean(), nullable=False),
    sa.Column('header', sa.JSON(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['raw_id'], ['raw_mail.id'], name=op.f('fk_article_raw_id_raw_mail')),
    sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name=op.f('fk_article_ticket_id_ticket'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_article'))
    )
    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_article_ticket_id'), ['ticket_id'], unique=False)

    op.create_table('fetch_run',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('started_by', sa.String(length=100), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('status', sa.Enum('running', 'ok', 'failed', 'interrupted', name='runstatus', native_enum=False, length=40), nullable=False),
    sa.Column('found', sa.Integer(), nullable=False),
    sa.Column('new', sa.Integer(), nullable=False),
    sa.Column('follow_up', sa.Integer(), nullable=False),
    sa.Column('ignored', sa.Integer(), nullable=False),
    sa.Column('rejected', sa.Integer(), nullable=False),
    sa.Column('quarantined', sa.Integer(), nullable=False),
    sa.Column('already_recorded', sa.Integer(), nullable=False),
    sa.Column('gone', sa.Integer(), nullable=False),
    sa.Column('left', sa.Integer(), nullable=False),
    sa.Column('left_reasons', sa.JSON(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.Column('error', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['mail_account.id'], name=op.f('fk_fetch_run_account_id_mail_account'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_fetch_run_mailbox_id_mailbox')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_fetch_run'))
    )
    with op.batch_alter_table('fetch_run', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_fetch_run_account_id'), ['account_id'], unique=False)

    op.create_table('attachment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('article_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('part', sa.String(length=200), nullable=False),
    sa.Column('filename', sa.String(), nullable=False),
    sa.Column('content_type', sa.String(length=200), nullable=False),
    sa.Column('content_id', sa.String(), nullable=True),
    sa.Column('inline', sa.Boolean(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_attachment_article_id_article'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachment'))
    )
    with op.batch_alter_table('attachment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_attachment_article_id'), ['article_id'], unique=False)

    op.create_table('inbound_mail',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('mailbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('identity', sa.String(), nullable=False),
    sa.Column('occurrence', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.Enum('new', 'follow-up', 'ignored', 'rejected', 'quarantined', 'already-recorded', name='outcome', native_enum=False, length=40), nullable=False),
    sa.Column('reason', sa.String(length=60), nullable=False),
    sa.Column('trace', sa.JSON(), nullable=False),
    sa.Column('ticket_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('deletion', sa.Enum('pending', 'confirmed', 'none', name='deletion', native_enum=False, length=40), nullable=False),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['mailbox_id'], ['mailbox.id'], name=op.f('fk_inbound_mail_mailbox_id_mailbox')),
    sa.ForeignKeyConstraint(['run_id'], ['fetch_run.id'], name=op.f('fk_inbound_mail_run_id_fetch_run')),
    sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name=op.f('fk_inbound_mail_ticket_id_ticket'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_inbound_mail'))
    )
    with op.batch_alter_table('inbound_mail', schema=None) as batch_op:
        batch_op.create_index('ix_inbound_mail_pipe_sha256', ['sha256'], unique=False, sqlite_where=sa.text('mailbox_id IS NULL'), postgresql_where=sa.text('mailbox_id IS NULL'))
        batch_op.create_index(batch_op.f('ix_inbound_mail_ticket_id'), ['ticket_id'], unique=False)
        batch_op.create_index('uq_inbound_mail_pending_identity', ['mailbox_id', 'identity', 'occurrence'], unique=True, sqlite_where=sa.text("deletion = 'pending'"), postgresql_where=sa.text("deletion = 'pending'"))

    op.create_table('quarantine',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('inbound_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('raw_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('reason', sa.String(length=60), nullable=False),
    sa.Column('error', sa.String(), nullable=False),
    sa.Column('sender', sa.String(), nullable=False),
    sa.Column('subject', sa.String(), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['mail_account.id'], name=op.f('fk_quarantine_account_id_mail_account'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['inbound_id'], ['inbound_mail.id'], name=op.f('fk_quarantine_inbound_id_inbound_mail')),
    sa.ForeignKeyConstraint(['raw_id'], ['raw_mail.id'], name=op.f('fk_quarantine_raw_id_raw_mail')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quarantine')),
    sa.UniqueConstraint('inbound_id', name=op.f('uq_quarantine_inbound_id'))
    )

    # Mail is compressed already where it pays: PostgreSQL need not try again (measured: 192 instead of 382 µs).
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE raw_mail ALTER COLUMN data SET STORAGE EXTERNAL")
    queue = sa.table("queue", *(sa.column(name) for name in ("name", "followup_policy", "validity", "comment")),
                     sa.column("changed_at", sa.DateTime(timezone=True)), sa.column("revision"))
    op.bulk_insert(queue, [
        {"name": name, "followup_policy": "possible", "validity": "valid", "comment": comment,
         "changed_at": datetime.now(UTC), "revision": 1}
        for name, comment in SEEDED_QUEUES
    ])


def downgrade() -> None:
    op.drop_table('quarantine')
    with op.batch_alter_table('inbound_mail', schema=None) as batch_op:
        batch_op.drop_index('uq_inbound_mail_pending_identity', sqlite_where=sa.text("deletion = 'pending'"), postgresql_where=sa.text("deletion = 'pending'"))
        batch_op.drop_index(batch_op.f('ix_inbound_mail_ticket_id'))
        batch_op.drop_index('ix_inbound_mail_pipe_sha256', sqlite_where=sa.text('mailbox_id IS NULL'), postgresql_where=sa.text('mailbox_id IS NULL'))

    op.drop_table('inbound_mail')
    with op.batch_alter_table('attachment', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_attachment_article_id'))

    op.drop_table('attachment')
    with op.batch_alter_table('fetch_run', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_fetch_run_account_id'))

    op.drop_table('fetch_run')
    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_article_ticket_id'))

    op.drop_table('article')
    op.drop_table('account_state')
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_ticket_queue_id'))

    op.drop_table('ticket')
    with op.batch_alter_table('system_address', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_system_address_queue_id'))

    op.drop_table('system_address')
    with op.batch_alter_table('mail_account', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_mail_account_queue_id'))
        batch_op.drop_index(batch_op.f('ix_mail_account_credential_id'))

    op.drop_table('mail_account')
    op.drop_table('user_account')
    op.drop_table('ticket_counter')
    op.drop_table('setting')
    op.drop_table('raw_mail')
    op.drop_table('queue')
    op.drop_table('mailbox')
    op.drop_table('credential')
    op.drop_table('audit_event')
