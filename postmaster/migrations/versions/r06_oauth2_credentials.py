"""OAuth2 credentials, their tokens, and authorisations that are under way

Revision ID: r06
Revises: r05
"""

import sqlalchemy as sa
from alembic import op

revision = 'r06'
down_revision = 'r05'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    with op.batch_alter_table('credential') as batch:
        batch.add_column(sa.Column('grant', sa.String(length=40), nullable=True))
        batch.add_column(sa.Column('tenant', sa.String(length=200), nullable=True))
        batch.add_column(sa.Column('client_id', sa.String(length=400), nullable=True))
        batch.add_column(sa.Column('sealed_client_secret', sa.String(), nullable=False, server_default=''))
        batch.add_column(sa.Column('sealed_client_certificate', sa.String(), nullable=False, server_default=''))
        batch.add_column(sa.Column('secret_expires', sa.Date(), nullable=True))
        batch.add_column(sa.Column('scopes', sa.String(), nullable=True))
        batch.add_column(sa.Column('authorization_endpoint', sa.String(), nullable=True))
        batch.add_column(sa.Column('token_endpoint', sa.String(), nullable=True))
        batch.add_column(sa.Column('device_endpoint', sa.String(), nullable=True))
    op.create_table('credential_token',
    sa.Column('credential_id', BIG, nullable=False),
    sa.Column('sealed_access', sa.String(), nullable=False),
    sa.Column('sealed_refresh', sa.String(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('renew_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('scopes', sa.String(), nullable=False),
    sa.Column('signed_in_as', sa.String(), nullable=False),
    sa.Column('authorised_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('claim', sa.String(length=40), nullable=True),
    sa.Column('claim_expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.String(length=40), nullable=True),
    sa.Column('message', sa.String(), nullable=True),
    sa.Column('advice', sa.String(), nullable=True),
    sa.Column('server', sa.String(), nullable=True),
    sa.Column('problem_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['credential_id'], ['credential.id'], name=op.f('fk_credential_token_credential_id_credential'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('credential_id', name=op.f('pk_credential_token'))
    )
    op.create_table('authorisation',
    sa.Column('id', BIG, nullable=False),
    sa.Column('state_hash', sa.String(length=64), nullable=False),
    sa.Column('session_hash', sa.String(length=64), nullable=True),
    sa.Column('user_id', BIG, nullable=True),
    sa.Column('credential_id', BIG, nullable=False),
    sa.Column('sealed_flow', sa.String(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['credential_id'], ['credential.id'], name=op.f('fk_authorisation_credential_id_credential'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['user_account.id'], name=op.f('fk_authorisation_user_id_user_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_authorisation')),
    sa.UniqueConstraint('state_hash', name=op.f('uq_authorisation_state_hash'))
    )
    op.create_index(op.f('ix_authorisation_credential_id'), 'authorisation', ['credential_id'])
    op.create_index(op.f('ix_authorisation_user_id'), 'authorisation', ['user_id'])


def downgrade() -> None:
    op.drop_table('authorisation')
    op.drop_table('credential_token')
    op.execute("UPDATE mail_account SET credential_id = NULL WHERE credential_id IN "
               "(SELECT id FROM credential WHERE kind <> 'basic')")
    op.execute("DELETE FROM credential WHERE kind <> 'basic'")
    with op.batch_alter_table('credential') as batch:
        for name in ('grant', 'tenant', 'client_id', 'sealed_client_secret', 'sealed_client_certificate',
                     'secret_expires', 'scopes', 'authorization_endpoint', 'token_endpoint', 'device_endpoint'):
            batch.drop_column(name)
