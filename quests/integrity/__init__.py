"""What looks as though it were not honest: hints for operators, each with the rows behind it.

Nothing is done by itself: a campus, a carrier or a popular talk can look just like that.
"""

from quests.integrity.hints import Hint, look

__all__ = ["Hint", "look"]
