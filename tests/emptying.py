"""What a test with real transactions leaves behind is taken away row by row, where there is any.

Django empties all hundred tables, which makes a new file for each of them and for each index, and
writes content types and permissions anew: a quarter of a second, mostly the kernel's, a test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import TransactionTestCase

# For a replica that applies them, deletions ask no trigger (the ledger's refuses them) and no
# foreign key. What is kept was written by migrations, and no test changes it.
_EMPTY = """
DO $$
DECLARE name regclass;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
            AND pg_relation_size(oid) > 0
            AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        EXECUTE format('DELETE FROM %s', name);
    END LOOP;
END $$
"""


@contextmanager
def by_rows() -> Iterator[None]:
    """For all tests within; the database's role is a superuser, as the ledger's guards want it."""

    def teardown(self: Any) -> None:
        for alias in self._databases_names(include_mirrors=False):
            with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
                cursor.execute(_EMPTY)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield
