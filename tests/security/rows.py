"""What the whole database says, as one digest a table: whatever a request has written shows."""

from functools import cache

from django.apps import apps
from django.db import connection

# When somebody came is written for refused requests too; that is what it is for.
_BOOKKEEPING = {"accounts_apikey": ("last_used_at",), "accounts_user": ("last_login",)}
_ONE = """
SELECT '{table}', md5(coalesce(string_agg(md5(row_text), '' ORDER BY row_text), ''))
FROM (SELECT (to_jsonb(t) - %s::text[])::text AS row_text FROM "{table}" t) rows
"""


def digests() -> dict[str, str]:
    tables = _tables()
    statement = " UNION ALL ".join(_ONE.format(table=table) for table in tables)
    left_out = [list(_BOOKKEEPING.get(table, ())) for table in tables]
    with connection.cursor() as cursor:
        cursor.execute(statement, left_out)
        return dict(cursor.fetchall())


@cache
def _tables() -> tuple[str, ...]:
    models = apps.get_models(include_auto_created=True)
    return tuple(sorted({model._meta.db_table for model in models if model._meta.managed}))


def changed(before: dict[str, str]) -> list[str]:
    return [table for table, digest in digests().items() if digest != before[table]]
