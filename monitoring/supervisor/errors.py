class CannotStart(Exception):  # noqa: N818 - it reads as the sentence it carries
    """Why the instance does not start: one sentence for the person at the terminal."""
