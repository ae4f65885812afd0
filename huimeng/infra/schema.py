"""One metadata for all tables, and the row security that each tenant table gets."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, Table
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

RUNTIME_ROLE = "huimeng_runtime"
READER_ROLE = "huimeng_reader"

# No sub-select (Citus refuses it in a policy) and no array: building one for each row costs more than a search.
_POLICY = {
    "cell_id": "strpos(current_setting('huimeng.merchants', true), ',' || (cell_id >> 10)::text || ',') > 0",
    "merchant_id": "strpos(current_setting('huimeng.merchants', true), ',' || merchant_id::text || ',') > 0",
}


def tenant_table(name: str, *columns: Column[Any] | SchemaItem, append_only: bool = False, hot: bool = False) -> Table:
    """A table whose first column is its tenant (cell_id or merchant_id).

    append_only: the runtime role may not update or delete; hot: room is left in pages for updates in place.
    """
    first = columns[0]
    assert isinstance(first, Column) and first.name in _POLICY, "a tenant table begins with cell_id or merchant_id"
    options: dict[str, Any] = {"info": {"tenant": first.name, "append_only": append_only, "hot": hot}}
    return Table(name, metadata, *columns, **options)


def shared_table(name: str, *columns: Column[Any] | SchemaItem) -> Table:
    """A table of the deployment, seen by every tenant: it may hold nothing that belongs to one."""
    return Table(name, metadata, *columns, info={"tenant": None, "append_only": False, "hot": False})


def security_statements(table: Table) -> list[str]:
    """DDL after `create table`: grants, forced row security, storage."""
    name = table.name
    writes = "select, insert" if table.info["append_only"] else "select, insert, update, delete"
    statements = [
        f"grant {writes} on {name} to {RUNTIME_ROLE}",
        f"grant select on {name} to {READER_ROLE}",
    ]
    if table.info["hot"]:
        statements.append(f"alter table {name} set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)")
    tenant = table.info["tenant"]
    if tenant is not None:
        statements += [
            f"alter table {name} enable row level security",
            f"alter table {name} force row level security",
            f"create policy tenant on {name} using ({_POLICY[tenant]}) with check ({_POLICY[tenant]})",
        ]
    return statements
