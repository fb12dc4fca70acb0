"""Players who are at a quest and have their own addresses of its link; made inside Django."""

import json
from pathlib import Path


def make_visits(*, players: int, addresses: str) -> dict[str, int]:
    """They were made by `benchmarks.cast.make_players`; their addresses' paths go into a file."""
    from accounts.models import User
    from accounts.services import create_service_user
    from links.services import create_link
    from quests.authoring.services import create_quest
    from quests.evidence.visits import personal_visit

    owner = create_service_user(username="bench")
    create_link(owner=owner, url="https://example.org/", slug="landing")
    config = {"link": "landing", "sameBrowser": False}
    step = {"id": "visit", "kind": "visit_link", "title": "Open it", "config": config}
    quest = create_quest(
        document={"title": "Q", "xpReward": 10, "status": "published", "steps": [step]},
        actor=owner,
    )
    people = User.objects.filter(username__startswith="player-").order_by("pk")[:players]
    visits = [
        personal_visit(player=player, number=quest.number, key="visit").partition("/landing")[2]
        for player in people
    ]
    Path(addresses).write_text(json.dumps(visits), encoding="ascii")
    return {"addresses": len(visits)}


def count_paid() -> dict[str, int]:
    from django.db.models import Sum

    from quests.models import Completion, Standing

    sums = Standing.objects.filter(board=0).aggregate(xp=Sum("xp"))
    return {"paid": Completion.objects.filter(status="paid").count(), "xp": sums["xp"] or 0}
