"""Alert targets, incidents that are acknowledged, the last sign-in, and links that reset a password

Revision ID: r26
Revises: r25
"""

import sqlalchemy as sa
from alembic import op

revision = 'r26'
down_revision = 'r25'
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    moment = sa.DateTime(timezone=True)
    op.create_table(
        'alert_target',
        sa.Column('id', number, nullable=False),
        sa.Column('name', sa.String(length=60), nullable=False),
        sa.Column('sealed_address', sa.String(), nullable=False),
        sa.Column('conditions', sa.JSON(), nullable=False),
        sa.Column('quiet_hours', sa.String(length=11), nullable=False),
        sa.Column('validity', sa.String(length=40), nullable=False),
        sa.Column('comment', sa.String(), nullable=False),
        sa.Column('changed_at', moment, nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_alert_target'),
        sa.UniqueConstraint('name', name='uq_alert_target_name'),
        sqlite_autoincrement=True,
    )
    op.create_table(
        'password_reset',
        sa.Column('user_id', number, autoincrement=False, nullable=False),
        sa.Column('token_hash', sa.String(length=64), nullable=False),
        sa.Column('expires_at', moment, nullable=False),
        sa.ForeignKeyConstraint(
            ['user_id'], ['user_account.id'], name='fk_password_reset_user_id_user_account', ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('user_id', name='pk_password_reset'),
        sa.UniqueConstraint('token_hash', name='uq_password_reset_token_hash'),
    )
    op.add_column('user_account', sa.Column('signed_in_at', moment, nullable=True))
    op.add_column('incident', sa.Column('size', sa.Integer(), server_default='0', nullable=False))
    op.add_column('incident', sa.Column('acknowledged_at', moment, nullable=True))
    op.add_column('incident', sa.Column('acknowledged_by', sa.String(length=200), nullable=True))
    op.add_column('incident', sa.Column('note', sa.String(length=500), server_default='', nullable=False))


def downgrade() -> None:
    for column in ('note', 'acknowledged_by', 'acknowledged_at', 'size'):
        op.drop_column('incident', column)
    op.drop_column('user_account', 'signed_in_at')
    op.drop_table('password_reset')
    op.drop_table('alert_target')
