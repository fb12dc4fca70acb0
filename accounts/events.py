"""What accounts announce after a commit, to those who keep copies; others who add to what the world
sees of a person announce it here too."""

from monitoring.responses import tags


def person_tag(user_id: int) -> str:
    return f"person:{user_id}"


def announce_people_after_commit(*user_ids: int) -> None:
    """What everybody may see of these people has changed."""
    tags.forget_after_commit(*map(person_tag, user_ids))
