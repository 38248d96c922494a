"""Queues that pipes name are written down also if they are there; tickets are found by their dynamic fields;
a directory says who customers are

Revision ID: r20
Revises: r19
"""

import sqlalchemy as sa
from alembic import op

revision = 'r20'
down_revision = 'r19'
branch_labels = None
depends_on = None

# Values as ``desk.tickets.field_key`` compares them, as far as SQL can: in lower case.
ENTER = """
    INSERT INTO ticket_field (key, ticket_id)
    SELECT DISTINCT lower(each.key) || '=' || lower(trim(CAST(each.value AS VARCHAR))), ticket.id
    FROM ticket CROSS JOIN {each}
    WHERE CAST(ticket.dynamic_fields AS VARCHAR) <> '{{}}'
    AND length(trim(CAST(each.value AS VARCHAR))) BETWEEN 1 AND 200 AND length(each.key) <= 60
"""
EACH = {
    "sqlite": "json_each(ticket.dynamic_fields) AS each",
    "postgresql": "LATERAL json_each_text(ticket.dynamic_fields) AS each",
}


def upgrade() -> None:
    op.rename_table("pipe_trouble", "pipe_queue")
    op.add_column("postmaster_filter", sa.Column("followup_field", sa.String(60), nullable=True))
    op.create_table(
        "ticket_field",
        sa.Column("key", sa.String(270), nullable=False),
        sa.Column("ticket_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.id"], name=op.f("fk_ticket_field_ticket_id_ticket"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", "ticket_id", name=op.f("pk_ticket_field")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customer_entry",
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("login", sa.String(320), nullable=False),
        sa.Column("number", sa.String(320), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_customer_entry")),
    )
    op.create_table(
        "customer_source",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_customer_source")),
    )
    op.execute(ENTER.format(each=EACH[op.get_bind().dialect.name]))
    op.create_index(op.f("ix_ticket_field_ticket_id"), "ticket_field", ["ticket_id"])


def downgrade() -> None:
    op.drop_table("customer_source")
    op.drop_table("customer_entry")
    op.drop_table("ticket_field")
    op.drop_column("postmaster_filter", "followup_field")
    op.rename_table("pipe_queue", "pipe_trouble")
