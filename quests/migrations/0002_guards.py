"""What the tables refuse by themselves, and what they note by themselves."""

from django.db import migrations

# Whoever holds the database's superuser role passes permissions, never triggers. UPDATE (id) is
# what foreign keys to the ledger need to lock a row; the trigger refuses to use it.
APPEND_ONLY = """
CREATE FUNCTION quests_refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The XP ledger is append-only: write a compensating entry.'
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON quests_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION quests_refuse_ledger_change();
CREATE TRIGGER ledger_not_emptied BEFORE TRUNCATE ON quests_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION quests_refuse_ledger_change();
REVOKE UPDATE, DELETE, TRUNCATE ON quests_ledgerentry FROM PUBLIC, CURRENT_USER;
GRANT UPDATE (id) ON quests_ledgerentry TO CURRENT_USER;
"""
EDITABLE = """
DROP TRIGGER ledger_append_only ON quests_ledgerentry;
DROP TRIGGER ledger_not_emptied ON quests_ledgerentry;
DROP FUNCTION quests_refuse_ledger_change();
GRANT ALL ON quests_ledgerentry TO CURRENT_USER;
"""

# In the transaction of the standing itself: a board's segments and its standings, read in one
# snapshot, always agree.
NOTE_RANKS = """
CREATE FUNCTION quests_note_rank_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO quests_rankchange (board, debt, last_entry, change)
        VALUES (OLD.board, -OLD.xp, OLD.last_entry, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO quests_rankchange (board, debt, last_entry, change)
        VALUES (NEW.board, -NEW.xp, NEW.last_entry, 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER standing_rank_changes AFTER INSERT OR UPDATE OR DELETE ON quests_standing
    FOR EACH ROW EXECUTE FUNCTION quests_note_rank_change();
"""
FORGET_RANKS = """
DROP TRIGGER standing_rank_changes ON quests_standing;
DROP FUNCTION quests_note_rank_change();
"""


class Migration(migrations.Migration):
    dependencies = [("quests", "0001_tables")]
    operations = [
        migrations.RunSQL(APPEND_ONLY, EDITABLE),
        migrations.RunSQL(NOTE_RANKS, FORGET_RANKS),
    ]
