"""Queues that a pipe names and that are not there, and HTML that took long to make harmless

Revision ID: r09
Revises: r08
"""

import sqlalchemy as sa
from alembic import op

revision = 'r09'
down_revision = 'r08'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('pipe_trouble',
    sa.Column('queue_name', sa.String(length=200), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('queue_name', name=op.f('pk_pipe_trouble'))
    )
    op.create_table('article_html',
    sa.Column('article_id', BIG, nullable=False),
    sa.Column('remote_images', sa.Boolean(), nullable=False),
    sa.Column('places', sa.String(length=40), nullable=False),
    sa.Column('html', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_article_html_article_id_article'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('article_id', 'remote_images', name=op.f('pk_article_html'))
    )


def downgrade() -> None:
    op.drop_table('article_html')
    op.drop_table('pipe_trouble')
