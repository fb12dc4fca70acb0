"""What quests announce after a commit, to those who keep copies."""

from monitoring.responses import tags


def player_tag(player_id: int) -> str:
    return f"player:{player_id}"


def announce_player_after_commit(player_id: int) -> None:
    """What everybody may see of this player has changed."""
    tags.forget_after_commit(player_tag(player_id))
