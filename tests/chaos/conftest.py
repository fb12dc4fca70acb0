from tests.quests.conftest import make_quest

__all__ = ["make_quest"]
