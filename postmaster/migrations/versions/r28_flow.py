"""Mail by queue and hour, how long it waited, and when accounts stood still

Revision ID: r28
Revises: r27
"""

from datetime import datetime, timedelta, timezone

import sqlalchemy as sa
from alembic import op

revision = 'r28'
down_revision = 'r27'
branch_labels = None
depends_on = None

AGENT = sa.text("sender_type = 'agent'")

# What the charts of the first days need: mail of the last eight days, and the accounts of the last thirty.
DAYS_OF_MAIL, DAYS_OF_RUNS = 8, 30

HOUR = {
    'sqlite': "strftime('%Y-%m-%d %H:00:00.000000', m.recorded_at)",
    'postgresql': "date_trunc('hour', m.recorded_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
}

MAIL = """
INSERT INTO queue_hour (hour, queue_id, mails)
SELECT {hour}, COALESCE(t.queue_id, 0), COUNT(*)
FROM inbound_mail m LEFT JOIN ticket t ON t.id = m.ticket_id
WHERE m.recorded_at >= :since
GROUP BY 1, 2
"""

# The first failed run of each row of them, and the run that went well after it.
RUNS = """
INSERT INTO outage (account_id, began_at, ended_at, failed)
SELECT account_id, started_at, ended_at, :failed FROM (
    SELECT account_id, status, started_at,
           LEAD(started_at) OVER (PARTITION BY account_id ORDER BY id) AS ended_at
    FROM (
        SELECT account_id, id, status, started_at, LAG(status) OVER (PARTITION BY account_id ORDER BY id) AS before
        FROM fetch_run
        WHERE started_at >= :since AND account_id IS NOT NULL AND status IN ('ok', 'failed')
    ) runs
    WHERE before IS NULL OR before <> status
) turns
WHERE status = 'failed' AND ended_at IS NOT NULL
"""


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    moment = sa.DateTime(timezone=True)
    op.create_table(
        'queue_hour',
        sa.Column('hour', moment, nullable=False),
        sa.Column('queue_id', number, nullable=False, autoincrement=False),
        sa.Column('mails', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('hour', 'queue_id', name='pk_queue_hour'),
    )
    op.create_table(
        'waiting_hour',
        sa.Column('hour', moment, nullable=False),
        sa.Column('seconds', sa.Integer(), nullable=False, autoincrement=False),
        sa.Column('mails', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('hour', 'seconds', name='pk_waiting_hour'),
    )
    op.create_table(
        'outage',
        sa.Column('id', number, nullable=False),
        sa.Column('account_id', number, nullable=False),
        sa.Column('began_at', moment, nullable=False),
        sa.Column('ended_at', moment, nullable=False),
        sa.Column('failed', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['account_id'], ['mail_account.id'], name='fk_outage_account_id_mail_account', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='pk_outage'),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_outage_account_id_ended_at', 'outage', ['account_id', 'ended_at'])
    op.create_index('ix_outage_ended_at', 'outage', ['ended_at'])
    op.add_column('inbound_mail', sa.Column('waited', sa.Integer(), nullable=True))
    op.create_index('ix_article_agent', 'article', ['ticket_id'], sqlite_where=AGENT, postgresql_where=AGENT)
    _count_what_is_there()


def _count_what_is_there() -> None:
    connection = op.get_bind()
    dialect = connection.dialect.name
    moment = datetime.now(timezone.utc)
    moment = moment.replace(tzinfo=None) if dialect == 'sqlite' else moment
    connection.execute(sa.text(MAIL.format(hour=HOUR[dialect])), {'since': moment - timedelta(days=DAYS_OF_MAIL)})
    connection.execute(sa.text(RUNS), {'since': moment - timedelta(days=DAYS_OF_RUNS), 'failed': True})


def downgrade() -> None:
    op.drop_index('ix_article_agent', table_name='article', sqlite_where=AGENT, postgresql_where=AGENT)
    op.drop_column('inbound_mail', 'waited')
    op.drop_table('outage')
    op.drop_table('waiting_hour')
    op.drop_table('queue_hour')
