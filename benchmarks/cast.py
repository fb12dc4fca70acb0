"""Players, quests, rooms and a filled leaderboard, made inside Django: see benchmarks.inside."""

from datetime import timedelta
from pathlib import Path

_WALLETS = 0xBE0C << 144
_XP = 10
# (metric, threshold, category, quests): what a completion is compared with.
_BADGES = (
    ("completions", 1, "", []),
    ("completions", 10, "", []),
    ("xp", 50, "", []),
    ("xp", 500, "", []),
    ("category", 5, "bench", []),
    ("quests", 1, "", [1, 2, 3]),
)


def wallet(number: int) -> str:
    """That of the player of this number, from 1."""
    return f"0x{_WALLETS + number:040x}"


def make_players(*, players: int, tokens: str = "") -> dict[str, int]:
    """Each with a wallet and a sign-in; their access tokens go into the file `tokens`, by line.
    They have an empty database to themselves, so that the first one's id is 1 and so on."""
    from django.contrib.auth.hashers import make_password
    from django.utils import timezone

    from accounts.models import TokenFamily, User, Wallet
    from accounts.tokens import FAMILY_CLAIM, AccessToken

    users = User.objects.bulk_create(
        User(username=f"player-{number}", password=make_password(None))
        for number in range(1, players + 1)
    )
    Wallet.objects.bulk_create(
        Wallet(user=user, address=wallet(number), is_primary=True)
        for number, user in enumerate(users, 1)
    )
    until = timezone.now() + timedelta(days=1)
    families = TokenFamily.objects.bulk_create(
        TokenFamily(user=user, session_hash=user.get_session_auth_hash(), expires_at=until)
        for user in users
    )
    lines = []
    for family in families:
        token = AccessToken()
        token["sub"], token[FAMILY_CLAIM] = str(family.user.public_id), str(family.uuid)
        token.set_exp(lifetime=timedelta(days=1))
        lines.append(f"{token}\n")
    if tokens:
        Path(tokens).write_text("".join(lines), encoding="ascii")
    return {"first": users[0].pk, "last": users[-1].pk}


def make_rooms(*, small: int = 0) -> dict[str, int]:
    """A public lobby, and so many more rooms, `room-0` and so on; nobody is in them."""
    from realtime.models import Room

    slugs = ["lobby", *(f"room-{number}" for number in range(small))]
    made = Room.objects.bulk_create(Room(slug=slug, name=slug.capitalize()) for slug in slugs)
    return {"rooms": len(made)}


def count_messages() -> dict[str, int]:
    """How many there are, once E5 holds: in every room their numbers are 1 to n."""
    from realtime.models import Message
    from realtime.reconciliation import reconcile

    report = reconcile()
    assert report.is_clean, report.differences
    assert not Message.objects.filter(room__first_seq__gt=1).exists()
    return {"messages": report.messages, "rooms": report.rooms}


def make_quests(*, quests: int, quota: int | None = None) -> dict[str, int]:
    """Published ones; the first has the number after the last one that there was."""
    from accounts.models import User
    from quests.authoring.services import create_quest
    from quests.models import Achievement

    operator, _ = User.objects.get_or_create(username="operator", defaults={"is_staff": True})
    for metric, threshold, category, numbers in _BADGES:
        Achievement.objects.get_or_create(
            slug=f"{metric}-{threshold}",
            defaults={"metric": metric, "threshold": threshold, "category": category,
                      "quests": numbers},
        )  # fmt: skip
    document = {"title": "A quest", "xpReward": _XP, "category": "bench", "status": "published"}
    made = [
        create_quest(document=document | {"quota": quota}, actor=operator).number
        for _ in range(quests)
    ]
    return {"first": made[0], "last": made[-1]}


def count_completions() -> dict[str, int]:
    """How many there are, once E3 and E4 hold."""
    from quests.reconciliation import reconcile

    report = reconcile()
    assert report.is_clean, report.differences
    return {"completions": report.completions, "standing_xp": report.standing_xp}


# Places of a leaderboard with a skew as communities have it (most have little), and with many ties.
# XP is the same for all who have done the same number of quests of 10 XP.
_PLAYERS = """
INSERT INTO accounts_user (password, is_superuser, username, first_name, last_name, email,
    is_staff, is_active, date_joined, public_id)
SELECT '!', false, 'stands-' || number, '', '', '', false, true, now(), gen_random_uuid()
FROM generate_series(1, %(players)s) AS number
RETURNING id
"""
_STANDINGS = """
INSERT INTO quests_standing (board, player_id, xp, completions, last_entry, updated_at)
SELECT 0, id, 10 * quests, quests, row_number() OVER (ORDER BY random()), now()
FROM (
    SELECT id, ceil(power(random(), 4) * 2000)::int AS quests FROM accounts_user
    WHERE username LIKE 'stands-%%'
) player
"""


def fill_leaderboard(*, players: int) -> dict[str, int]:
    """Standings without the entries that would make them: nothing else is read here."""
    from django.db import connection

    from quests.leaderboard import segments

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(f"WITH made AS ({_PLAYERS}) SELECT min(id), max(id) FROM made",  # noqa: S608 - made of constants
                       {"players": players})  # fmt: skip
        first, last = cursor.fetchone()
        cursor.execute("ALTER TABLE quests_standing DISABLE TRIGGER standing_rank_changes")
        cursor.execute(_STANDINGS)
        cursor.execute("ALTER TABLE quests_standing ENABLE TRIGGER standing_rank_changes")
        cursor.execute("VACUUM ANALYZE accounts_user")
        cursor.execute("VACUUM ANALYZE quests_standing")
    return {"first": first, "last": last, "segments": segments.rebuild()}


def note_changes(*, notes: int) -> dict[str, int]:
    """Players who gain XP: each is two notes that nobody has folded yet."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE quests_standing known SET xp = xp + 10, last_entry = 1e12 + known.player_id"
            " FROM (SELECT player_id FROM quests_standing WHERE board = 0"
            "       ORDER BY random() LIMIT %s) chosen"
            " WHERE board = 0 AND known.player_id = chosen.player_id",
            [notes // 2],
        )
        cursor.execute("SELECT count(*) FROM quests_rankchange")
        (found,) = cursor.fetchone()
    return {"notes": found}
