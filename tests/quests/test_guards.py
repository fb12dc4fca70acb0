"""What the database itself refuses, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from quests.models import LedgerEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry(alice: User) -> LedgerEntry:
    return LedgerEntry.objects.create(
        player=alice,
        kind="award",
        amount=10,
        actor=alice,
        reason="For the test.",
        created_at=timezone.now(),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE quests_ledgerentry SET amount = 11",
        "UPDATE quests_ledgerentry SET id = id",
        "DELETE FROM quests_ledgerentry",
        "TRUNCATE quests_ledgerentry CASCADE",
    ],
)
def test_a_ledger_entry_can_neither_be_changed_nor_deleted(
    entry: LedgerEntry, statement: str
) -> None:
    connection.check_constraints()  # TRUNCATE waits for no deferred one

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    entry.refresh_from_db()
    assert entry.amount == 10


def test_the_owner_of_the_tables_has_no_permission_to_change_the_ledger() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT privilege_type FROM information_schema.table_privileges "
            "WHERE table_name = 'quests_ledgerentry' AND grantee = current_user"
        )
        granted = {row[0] for row in cursor.fetchall()}

    assert {"SELECT", "INSERT"} <= granted
    assert not granted & {"UPDATE", "DELETE", "TRUNCATE"}


def test_a_correction_without_an_author_or_a_reason_is_refused(alice: User) -> None:
    for wrong in ({"actor": None, "reason": "x"}, {"actor": alice, "reason": ""}):
        with pytest.raises(IntegrityError, match="ledger_correction"), transaction.atomic():
            LedgerEntry.objects.create(
                player=alice, kind="award", amount=1, created_at=timezone.now(), **wrong
            )
