"""Whom an account trusts in three values, its own trusted servers, and verdicts on senders that mail is found by

Revision ID: r18
Revises: r17
"""

import json
from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

revision = 'r18'
down_revision = 'r17'
branch_labels = None
depends_on = None

# Rows that are read, or written, at a time.
TOGETHER = 1000


def upgrade() -> None:
    op.add_column('mail_account', sa.Column('trust', sa.String(length=40), nullable=False, server_default='no'))
    op.execute(sa.text("UPDATE mail_account SET trust = 'yes' WHERE trusted"))
    op.drop_column('mail_account', 'trusted')
    op.add_column('mail_account', sa.Column('authserv_ids', sa.String(length=1000), nullable=True))
    op.add_column('inbound_mail', sa.Column('verdict', sa.JSON(), nullable=True))
    _keep_verdicts()


def _term(verdict):
    """The term of a verdict, as ``ledger.search_index`` makes it."""
    digest = blake2b(f'verdict:{verdict}'.encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'big', signed=True)


def _keep_verdicts() -> None:
    """What a server has found of mail that is there already stands in its trace; that makes terms, too."""
    connection = op.get_bind()
    ledger = sa.table('inbound_mail', sa.column('id'), sa.column('trace', sa.JSON), sa.column('verdict', sa.JSON))
    terms = sa.table('mail_term', sa.column('term'), sa.column('mail_id'))
    likely = sa.cast(ledger.c.trace, sa.Text).like('%"sender"%')
    last = 0
    while True:
        query = sa.select(ledger.c.id, ledger.c.trace).where(ledger.c.id > last, likely).order_by(ledger.c.id)
        rows = connection.execute(query.limit(TOGETHER)).all()
        if not rows:
            return
        last = rows[-1].id
        for row in rows:
            told = [step for step in row.trace if step.get('stage') == 'sender' and 'verdict' in step]
            for step in told[-1:]:
                verdict = {'verdict': step['verdict'], 'domain': step.get('domain', '')}
                connection.execute(sa.update(ledger).where(ledger.c.id == row.id).values(verdict=verdict))
                connection.execute(sa.insert(terms).values(term=_term(step['verdict']), mail_id=row.id))


def downgrade() -> None:
    for verdict in ('pass', 'none', 'fail'):
        op.execute(
            sa.text('DELETE FROM mail_term WHERE term = :term')
            .bindparams(sa.bindparam('term', _term(verdict), type_=sa.BigInteger))
        )
    op.drop_column('inbound_mail', 'verdict')
    op.drop_column('mail_account', 'authserv_ids')
    op.add_column('mail_account', sa.Column('trusted', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(sa.text("UPDATE mail_account SET trusted = (trust = 'yes')"))
    op.drop_column('mail_account', 'trust')
