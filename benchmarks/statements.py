"""The SQL of a completion for those who do it without Rallypoint: the very same text.

psycopg tells PostgreSQL the type of every value; the others say it in the text, as a cast.
"""

import json
import re
from pathlib import Path
from typing import Any

_TYPES = {
    "now": "timestamptz",
    "quest": "bigint",
    "version": "integer",
    "season": "bigint",
    "player": "bigint",
    "public_id": "uuid",
    "period": "text",
    "status": "text",
    "xp": "integer",
    "reason": "text",
    "evidence": "bigint[]",
    "category": "text",
    "number": "integer",
    "payload": "text",
    "amount": "integer",
    "completions": "integer",
    "event": "text",
    "correlation": "text",
}
_PLACE = re.compile(r"%\((\w+)\)s")
_QUEST = """
SELECT id, version, season_id, number, title, category, xp_reward FROM quests_quest
WHERE number = $1 AND status <> 'draft'
"""
_BADGES = "SELECT slug FROM quests_achievement WHERE id = ANY($1) ORDER BY id"


def write_for_node(*, path: str) -> dict[str, int]:
    """What the Node peer needs: statements with $1 and so on, and what tokens are signed with."""
    from django.conf import settings

    from quests.completions import statement

    names = list(_TYPES)
    text = _PLACE.sub(lambda m: f"${names.index(m[1]) + 1}::{_TYPES[m[1]]}", statement.COMPLETE)
    found = {
        "secret": settings.SECRET_KEY,
        "issuer": settings.SIMPLE_JWT["ISSUER"],
        "hashKey": "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash",
        "signIn": _sign_in(),
        "quest": _QUEST,
        "complete": text,
        "badges": _BADGES,
        "values": names,
    }
    file = Path(path)
    file.touch(mode=0o600)
    file.write_text(json.dumps(found), encoding="utf-8")
    return {"values": len(names)}


def write_for_pgbench(*, path: str, quest: int, first: int, last: int) -> dict[str, Any]:
    """A script in which somebody of `first` to `last` does the quest, each time in a new period;
    and the variables for pgbench's -D."""
    from quests.completions import statement
    from quests.models import Quest

    found = Quest.objects.get(number=quest)
    # What pgbench cannot make or hold: ids, as the server makes others, nulls and empty texts.
    made = {
        "now": "clock_timestamp()",
        "public_id": "gen_random_uuid()",
        "season": "NULL::bigint",
        "reason": "''::text",
        "correlation": "''::text",
    }
    text = _PLACE.sub(lambda m: made.get(m[1], f":{m[1]}::{_TYPES[m[1]]}"), statement.COMPLETE)
    script = f"""\\set player random({first}, {last})
\\set done :done + 1
\\set period :client_id * 10000000 + :done
{text};
"""
    Path(path).write_text(script, encoding="utf-8")
    payload = {"questNumber": quest, "questName": found.title, "xpEarned": found.xp_reward}
    return {
        "done": 0,
        "quest": found.pk,
        "version": found.version,
        "status": "paid",
        "xp": found.xp_reward,
        "evidence": "{}",
        "category": found.category,
        "number": quest,
        "payload": json.dumps(payload),
        "amount": found.xp_reward,
        "completions": 1,
        "event": "quest.completed",
    }


def _sign_in() -> str:
    """That of accounts.selectors.find_family, which asks for one value."""
    from accounts import selectors

    return _PLACE.sub("$1::uuid", selectors.FAMILY)
