"""What quests looks after when a database was restored: see RESTORED_DATABASE in the settings."""

from django.db import connection

# As migration 0002 says it. A dump is restored without privileges, which name roles of its server.
_CLOSE_LEDGER = """
DO $$ BEGIN
    IF to_regclass('quests_ledgerentry') IS NOT NULL THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON quests_ledgerentry FROM PUBLIC, CURRENT_USER;
        GRANT UPDATE (id) ON quests_ledgerentry TO CURRENT_USER;
    END IF;
END $$
"""


def close_ledger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE_LEDGER)
