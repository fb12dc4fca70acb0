"""How PostgreSQL is set up, seen from a connection of ours."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection

from monitoring.doctor.finding import Finding, Level, judge

OLDEST = 14
# Beside Django's pool each web worker holds these: redirects and rooms.
BESIDE_THE_POOL = 4 + 6
_ROLE = """
SELECT has_schema_privilege('public', 'CREATE'), rolcreatedb OR rolsuper,
    pg_has_role(datdba, 'USAGE')
FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
"""


def version() -> Iterator[Finding]:
    major = int(_value("SHOW server_version_num")) // 10_000
    yield judge(
        "PostgreSQL", f"Version {_value('SHOW server_version')}.", wrong=major < OLDEST,
        fix=f"Django needs PostgreSQL {OLDEST} or newer.", level=Level.ERROR,
    )  # fmt: skip


def rights() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        may_create, may_make_databases, owns = cursor.fetchone() or (False, False, False)
    yield judge(
        "right to migrate", "Our role in the schema public.", wrong=not may_create,
        fix="GRANT CREATE ON SCHEMA public TO our role, or migrate as another one.",
    )  # fmt: skip
    yield judge(
        "right to drill", "Our role and databases of its own.", wrong=not may_make_databases,
        fix="ALTER ROLE ... CREATEDB, or drill elsewhere: `manage.py restore --into URL`.",
    )  # fmt: skip
    yield judge(
        "right to lock", "Our role and the database's own settings.", wrong=not owns,
        fix="ALTER DATABASE ... OWNER TO our role: maintenance cannot lock the database without.",
    )  # fmt: skip


def durability() -> Iterator[Finding]:
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        value = _value(f"SHOW {name}")
        yield judge(
            name, f"{name} is {value}.", wrong=value == "off", level=Level.ERROR,
            fix=f"ALTER SYSTEM SET {name} = on: a crash loses what was acknowledged.",
        )  # fmt: skip


def tuning() -> Iterator[Finding]:
    yield _should_be("jit", "off", "compiling costs more than our short statements")
    value = _value("SHOW wal_compression")
    yield judge(
        "wal_compression", f"wal_compression is {value}.", wrong=value == "off",
        fix="ALTER SYSTEM SET wal_compression = on: drains then cost a fifth less.",
    )  # fmt: skip
    value = _value("SHOW log_min_error_statement")
    yield judge(
        "log_min_error_statement", f"log_min_error_statement is {value}.", wrong=value == "error",
        fix="ALTER SYSTEM SET log_min_error_statement = panic: failed statements carry secrets.",
    )  # fmt: skip
    known = _value("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'")
    yield judge(
        "pg_stat_statements", "It finds the slowest statements for db_report.", wrong=known == "0",
        fix="Preload it (shared_preload_libraries), then CREATE EXTENSION pg_stat_statements.",
    )  # fmt: skip


def _should_be(name: str, wanted: str, why: str) -> Finding:
    value = _value(f"SHOW {name}")
    fix = f"ALTER SYSTEM SET {name} = {wanted}: {why}."
    return judge(name, f"{name} is {value}.", wrong=value != wanted, fix=fix)


def connections() -> Iterator[Finding]:
    """All pools full at once, as on the worst day."""
    if settings.DATABASE_PGBOUNCER:
        yield Finding(Level.OK, "connections", "PgBouncer bounds them.")
        return
    room = int(_value("SHOW max_connections")) - int(_value("SHOW superuser_reserved_connections"))
    wanted = most_connections()
    yield judge(
        "connections", f"All processes together may want {wanted}, and there is room for {room}.",
        wrong=wanted > room,
        fix="Raise max_connections, or lower DATABASE_POOL_MAX, or put PgBouncer between.",
    )  # fmt: skip


def most_connections() -> int:
    """Of one machine: web workers with their pools, Celery's processes, beat, one command."""
    a_worker = settings.DATABASE_POOL_MAX + BESIDE_THE_POOL
    return int(settings.WEB_CONCURRENCY * a_worker + settings.CELERY_WORKER_CONCURRENCY + 2)


def _value(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return str(row[0]) if row else ""
