"""A player's own address of the link that a step asks her to open."""

from datetime import timedelta

from accounts.models import User
from links.visits import personal_address
from monitoring.wire.problems import Problem
from quests.definitions import find_definition
from quests.progress import start_quest
from quests.requirements.visit_link import VisitLink, find_link

VALID_FOR = timedelta(hours=1)


def personal_visit(*, player: User, number: int, key: str, browser: str = "") -> str:
    """The address, good for VALID_FOR; with it the quest is started. `browser` is what
    `links.visits.browser_of` says of the one that asks; a step may allow any.

    Problems: `step_unknown`, `link_gone` (404), `step_not_visited`, `browser_needed` (409), and
    those of `start_quest`.
    """
    step = find_definition(number, fresh=True).step(key)
    if step.kind != VisitLink.name:
        raise Problem("step_not_visited", "This step asks for no link to be opened.", status=409)
    link = find_link(step.config["link"], step.config["domain"])
    if link is None:
        raise Problem("link_gone", "The link of this step is not there any more.", status=404)
    if step.config["sameBrowser"] and not browser:
        detail = "Ask from the browser that will open the link, with its cookies."
        raise Problem("browser_needed", detail, status=409)
    start_quest(player=player, number=number)
    return personal_address(
        link=link,
        subject=str(player.public_id),
        valid_for=VALID_FOR,
        browser=browser if step.config["sameBrowser"] else "",
    )
