"""Ids that are never used again, on SQLite either; PostgreSQL counts up by itself.

SQLite gives away the id of the newest row again once that row is deleted, unless a table is AUTOINCREMENT. That changes
nothing of how rows are stored, so the words of the table are changed in place (https://sqlite.org/lang_altertable.html,
"Making Other Kinds Of Table Schema Changes"): to copy years of mail would keep all mail waiting.

Revision ID: r07
Revises: r06
"""

from alembic import op

revision = 'r07'
down_revision = 'r06'
branch_labels = None
depends_on = None

TABLES = (
    'alert_delivery', 'article', 'attachment', 'audit_event', 'authorisation', 'credential', 'fetch_run',
    'inbound_mail', 'incident', 'mail_account', 'mailbox', 'postmaster_filter', 'quarantine', 'queue', 'raw_mail',
    'system_address', 'ticket', 'user_account',
)

PLAIN, COUNTED = 'PRIMARY KEY (id)', 'PRIMARY KEY (id AUTOINCREMENT)'

# Which ids of deleted rows were given away before, nobody knows any more. That is more than anybody deletes at once.
GAP = 1000


def upgrade() -> None:
    if op.get_bind().dialect.name != 'sqlite':
        return
    # The first such table makes sqlite_sequence.
    op.execute('CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)')
    op.execute('DROP TABLE counted')
    _reword(PLAIN, COUNTED)
    gap = GAP if _in_use() else 0
    for table in TABLES:
        _count_from(table, gap)


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        _reword(COUNTED, PLAIN)  # the counters stay, for the next upgrade


def _reword(before: str, after: str) -> None:
    names = ', '.join(f"'{table}'" for table in TABLES)
    version = op.get_bind().exec_driver_sql('PRAGMA schema_version').scalar_one()
    op.execute('PRAGMA writable_schema = ON')
    op.execute(f"UPDATE sqlite_master SET sql = replace(sql, '{before}', '{after}') "
               f"WHERE type = 'table' AND name IN ({names})")
    op.execute(f'PRAGMA schema_version = {version + 1}')
    op.execute('PRAGMA writable_schema = RESET')


def _in_use() -> bool:
    """Whether anything but the queues of the first step is there."""
    tables = [table for table in TABLES if table != 'queue']
    query = ' UNION ALL '.join(f'SELECT EXISTS (SELECT 1 FROM {table})' for table in tables)
    return any(op.get_bind().exec_driver_sql(query).scalars())


def _count_from(table: str, gap: int) -> None:
    connection = op.get_bind()
    last = connection.exec_driver_sql(f'SELECT coalesce(max(id), 0) FROM {table}').scalar_one()
    counted = connection.exec_driver_sql('SELECT max(seq) FROM sqlite_sequence WHERE name = ?', (table,)).scalar_one()
    op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
    op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', {max(last + gap, counted or 0)})")
