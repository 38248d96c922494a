"""Tags and pauses of accounts, saved views, and what belongs together in the audit log

Revision ID: r27
Revises: r26
"""

import re

import sqlalchemy as sa
from alembic import op

revision = 'r27'
down_revision = 'r26'
branch_labels = None
depends_on = None

# How services write a label, and how many events are looked at in one go.
LABEL = re.compile(r'\(([1-9][0-9]{0,17})\)$')
NOUNS = ('account', 'credential', 'queue', 'address', 'filter', 'outlet')
BATCH = 5000


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    moment = sa.DateTime(timezone=True)
    op.add_column('mail_account', sa.Column('tags', sa.String(length=1000), server_default='', nullable=False))
    op.add_column('account_state', sa.Column('paused_at', moment, nullable=True))
    op.add_column('account_state', sa.Column('paused_by', sa.String(length=200), nullable=True))
    op.add_column('account_state', sa.Column('paused_reason', sa.String(length=500), nullable=True))
    op.add_column('account_state', sa.Column('resumed_at', moment, nullable=True))
    op.add_column('audit_event', sa.Column('record_id', number, nullable=True))
    op.add_column('audit_event', sa.Column('batch', sa.String(length=32), nullable=True))
    _tell_records()
    op.create_index('ix_audit_event_noun_record_id', 'audit_event', ['noun', 'record_id', 'id'])
    op.create_index('ix_audit_event_batch', 'audit_event', ['batch'])
    op.create_table(
        'saved_view',
        sa.Column('id', number, nullable=False),
        sa.Column('plural', sa.String(length=40), nullable=False),
        sa.Column('name', sa.String(length=100), nullable=False),
        sa.Column('query', sa.String(length=1000), nullable=False),
        sa.Column('user_id', number, nullable=False),
        sa.Column('shared', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'], ['user_account.id'], name='fk_saved_view_user_id_user_account', ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name='pk_saved_view'),
        sa.UniqueConstraint('user_id', 'plural', 'name', name='uq_saved_view_user_id_plural_name'),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_saved_view_plural', 'saved_view', ['plural'])


def _tell_records() -> None:
    """Which record an event is about stood in its label only, and that changes with the record's name."""
    connection, last = op.get_bind(), 0
    events = sa.table('audit_event', sa.column('id'), sa.column('noun'), sa.column('label'), sa.column('record_id'))
    found = sa.select(events.c.id, events.c.label).where(events.c.noun.in_(NOUNS)).order_by(events.c.id).limit(BATCH)
    change = events.update().where(events.c.id == sa.bindparam('event')).values(record_id=sa.bindparam('record'))
    while rows := connection.execute(found.where(events.c.id > last)).all():
        named = [(event, LABEL.search(label)) for event, label in rows]
        if values := [{'event': event, 'record': int(match[1])} for event, match in named if match]:
            connection.execute(change, values)
        last = rows[-1].id


def downgrade() -> None:
    op.drop_table('saved_view')
    op.drop_index('ix_audit_event_batch', 'audit_event')
    op.drop_index('ix_audit_event_noun_record_id', 'audit_event')
    op.drop_column('audit_event', 'batch')
    op.drop_column('audit_event', 'record_id')
    for name in ('resumed_at', 'paused_reason', 'paused_by', 'paused_at'):
        op.drop_column('account_state', name)
    op.drop_column('mail_account', 'tags')
