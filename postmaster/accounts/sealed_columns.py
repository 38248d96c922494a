"""Where sealed texts stand, as data: what is here is sealed anew with another key, and missed when its key is lost.

The models need sealing, so this is a view of its own on their tables. A new one is a row in ``SEALED``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnClause, FromClause, Integer, String, TableClause, column, table

from postmaster.extensions import UtcDateTime

Column = ColumnClause[str]


@dataclass(frozen=True)
class SealedTable:
    """A table with sealed ``columns``, and its ``key``, which is the id of the ``owner``: a ``noun`` with a name.

    ``passing`` columns hold what can be had again, as an access token. A row that is ``void`` without its secret goes
    with it.
    """

    noun: str
    owner: TableClause
    table: TableClause
    key: ColumnClause[int]
    columns: tuple[Column, ...]
    passing: tuple[Column, ...] = ()
    void: bool = False

    @property
    def joined(self) -> FromClause:
        """The table, with its owner if that is another one."""
        return self.table if self.table is self.owner else self.table.join(self.owner, self.owner.c.id == self.key)


def _owner(name: str, *sealed: str) -> TableClause:
    shared = column("id", Integer), column("name", String), column("revision", Integer)
    return table(name, *shared, column("changed_at", UtcDateTime), *(column(each, String) for each in sealed))


def _of_owner(noun: str, owner: TableClause) -> SealedTable:
    return SealedTable(
        noun, owner, owner, owner.c.id, tuple(each for each in owner.c if each.name.startswith("sealed_"))
    )


_CREDENTIAL = _owner("credential", "sealed_password", "sealed_client_secret", "sealed_client_certificate")
_TOKEN = table(
    "credential_token",
    column("credential_id", Integer),
    column("sealed_refresh", String),
    column("sealed_access", String),
)

SEALED: tuple[SealedTable, ...] = (
    _of_owner("credential", _CREDENTIAL),
    SealedTable(
        "credential",
        _CREDENTIAL,
        _TOKEN,
        _TOKEN.c.credential_id,
        (_TOKEN.c.sealed_refresh,),
        passing=(_TOKEN.c.sealed_access,),
        void=True,
    ),
    _of_owner("outlet", _owner("outlet", "sealed_secret", "sealed_headers")),
    _of_owner("target", _owner("alert_target", "sealed_address")),
)
