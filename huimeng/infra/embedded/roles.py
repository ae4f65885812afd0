"""Three roles: the owner changes the schema, the runtime works under row security, the reader reads."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import psycopg
from psycopg import Connection, errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from huimeng.infra.database import DatabaseUrls
from huimeng.infra.embedded.errors import RolesMissing, RoleUnsafe, ServerTooOld
from huimeng.infra.schema import READER_ROLE, RUNTIME_ROLE
from huimeng.kernel.errors import Unavailable

ADMIN_ROLE = "huimeng_admin"
OWNER_ROLE = "huimeng_owner"
DATABASE = "huimeng"
OLDEST = 160000

# The bound of one statement; a longer one says so with `set local statement_timeout`.
ROLE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    OWNER_ROLE: {},
    RUNTIME_ROLE: {"statement_timeout": "60s", "lock_timeout": "20s"},
    READER_ROLE: {"statement_timeout": "5min", "default_transaction_read_only": "on"},
}


def create_cluster_roles(conn: Connection[TupleRow], passwords: Mapping[str, str], *, renew: bool) -> None:
    """Make what is missing of logins and database; renew: set the passwords of those that exist."""
    conn.autocommit = True
    known = {name for (name,) in conn.execute("select rolname from pg_roles")}
    for role, settings in ROLE_SETTINGS.items():
        password = sql.Literal(passwords[role])
        if role not in known:
            statement = sql.SQL(
                "create role {} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
            )
            conn.execute(statement.format(sql.Identifier(role), password))
        elif renew:
            conn.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), password))
        for name, value in settings.items():
            if role not in known:
                statement = sql.SQL("alter role {} set {} = {}")
                conn.execute(statement.format(sql.Identifier(role), sql.Identifier(name), sql.Literal(value)))
    if conn.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
        statement = sql.SQL("create database {} owner {} template template0")
        conn.execute(statement.format(sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)))
    conn.execute(
        sql.SQL("revoke all on database {0} from public; grant connect, temporary on database {0} to {1}, {2}").format(
            sql.Identifier(DATABASE), sql.Identifier(RUNTIME_ROLE), sql.Identifier(READER_ROLE)
        )
    )


def socket_url(role: str, password: str, folder: str, database: str = DATABASE) -> str:
    """require_auth: a server that stood in our socket's place could not ask for the password itself."""
    return (
        f"postgresql://{quote(role)}:{quote(password, safe='')}@/{quote(database)}"
        f"?host={quote(folder, safe='')}&port=5432&require_auth=scram-sha-256"
    )


def ensure_roles(owner_url: str, runtime_url: str | None = None, reader_url: str | None = None) -> DatabaseUrls:
    """Make huimeng_runtime and huimeng_reader on any PostgreSQL >= 16 and let this url's user take them.

    Existing roles are left as they are. With urls of their own, those logins get the roles' rights instead
    of `set role`. ServerTooOld, RolesMissing, RoleUnsafe; Unavailable when the server does not answer.
    """
    try:
        with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as conn:
            if conn.info.server_version < OLDEST:
                raise ServerTooOld(found=conn.info.parameter_status("server_version"))
            for role in (RUNTIME_ROLE, READER_ROLE):
                _ensure_role(conn, role)
            for role, url in ((RUNTIME_ROLE, runtime_url), (READER_ROLE, reader_url)):
                login = conn.info.user if url is None else str(conninfo_to_dict(url).get("user", ""))
                _let_take(conn, role, login)
                if url is not None:
                    _refuse_powerful(conn, login)
    except (errors.OperationalError, OSError) as error:
        raise Unavailable() from error
    return DatabaseUrls(
        owner=owner_url,
        runtime=runtime_url or owner_url,
        reader=reader_url or owner_url,
        runtime_role=None if runtime_url else RUNTIME_ROLE,
        reader_role=None if reader_url else READER_ROLE,
    )


def _ensure_role(conn: Connection[TupleRow], role: str) -> None:
    if conn.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone() is None:
        statement = sql.SQL("create role {} nologin nosuperuser nocreatedb nocreaterole nobypassrls")
        _as_administrator(conn, statement.format(sql.Identifier(role)))
    _refuse_powerful(conn, role)


def _let_take(conn: Connection[TupleRow], role: str, login: str) -> None:
    """The url's own user may only `set role`; another login inherits the rights."""
    if login == role:
        return
    own = login == conn.info.user
    test = "select pg_has_role(%s::name, %s::name, %s)"
    row = conn.execute(test, (login, role, "SET" if own else "USAGE")).fetchone()
    if row is not None and row[0]:
        return
    options = sql.SQL("set true, inherit false" if own else "inherit true")
    statement = sql.SQL("grant {} to {} with {}").format(sql.Identifier(role), sql.Identifier(login), options)
    _as_administrator(conn, statement)


def _as_administrator(conn: Connection[TupleRow], statement: sql.Composed) -> None:
    try:
        conn.execute(statement)
    except (errors.DuplicateObject, errors.UniqueViolation):
        return  # Another process made it in the meantime.
    except errors.InsufficientPrivilege as error:
        text = statement.as_string(conn)
        reason = error.diag.message_primary or "insufficient privilege"
        raise RolesMissing(user=conn.info.user, reason=reason, sql=text) from error


def _refuse_powerful(conn: Connection[TupleRow], role: str) -> None:
    query = "select 1 from pg_roles where rolname = %s and (rolsuper or rolbypassrls)"
    if conn.execute(query, (role,)).fetchone() is not None:
        raise RoleUnsafe(role=role)
