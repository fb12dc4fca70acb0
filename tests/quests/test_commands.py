"""The commands about quests, as somebody at a shell meets them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import User, Wallet
from quests.completions.completing import complete_quest
from quests.models import AuditEntry, LedgerEntry, Quest, Season, Standing
from tests.quests.conftest import QUIZ, MakeQuest

pytestmark = pytest.mark.django_db


def run(*arguments: Any) -> str:
    said = StringIO()
    call_command(*map(str, arguments), stdout=said, stderr=StringIO())
    return said.getvalue()


def refused(*arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    return str(error.value)


@pytest.mark.parametrize(
    "command", ["rebuild_leaderboards", "import_quests", "export_quests", "award", "reconcile"]
)
def test_each_says_how_it_is_used(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(command, "--help")
    assert ended.value.code == 0
    assert f"Example: manage.py {command}" in " ".join(capsys.readouterr().out.split())


# --- award ----------------------------------------------------------------------------------------


def test_an_award_has_an_author_and_a_reason(alice: User, operator: User) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    said = run(
        "award", "ALICE", 50, "--reason", "Helped.", "--by", "operator", "--season", "spring"
    )
    assert said == "+50 XP for alice, who has 50 XP now.\n"
    assert "who has 45 XP" in run("award", "alice", "-5", "--reason", "Less.", "--by", "operator")
    first, second = LedgerEntry.objects.order_by("pk")
    assert (first.season, first.actor, first.reason) == (season, operator, "Helped.")
    assert second.amount == -5
    assert AuditEntry.objects.count() == 2


def test_a_player_is_named_by_her_wallet_too(alice: User, operator: User) -> None:
    Wallet.objects.create(user=alice, address="0x" + "ab" * 20, is_primary=True)

    run("award", "0x" + "AB" * 20, 5, "--reason", "Helped.", "--by", "operator")

    assert LedgerEntry.objects.get().player == alice
    assert "wallet" in refused("award", "0x" + "0" * 40, 5, "--reason", "x", "--by", "operator")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody", "5", "--reason", "x", "--by", "operator"], "no user 'nobody'"),
        (["alice", "5", "--reason", "x", "--by", "alice"], "alice is not on the staff"),
        (["alice", "5", "--reason", "x", "--by", "nobody"], "no user 'nobody'"),
        (["alice", "0", "--reason", "x", "--by", "operator"], "1 to 1,000,000 XP"),
        (["alice", "5", "--reason", " ", "--by", "operator"], "needs a reason"),
        (["alice", "5", "--reason", "x", "--by", "operator", "--season", "y"], "no season 'y'"),
        (["alice", "5", "--by", "operator"], "--reason"),
    ],
)
def test_an_award_that_makes_no_sense_is_refused_with_a_sentence(
    alice: User, operator: User, arguments: list[str], sentence: str
) -> None:
    assert sentence in refused("award", *arguments)
    assert not LedgerEntry.objects.exists()


def test_who_acts_need_not_be_said_where_only_one_may(alice: User, operator: User) -> None:
    run("award", "alice", 5, "--reason", "x")
    assert LedgerEntry.objects.get().actor == operator
    User.objects.create_user(username="second", is_staff=True)
    assert "Say with --by who" in refused("award", "alice", 5, "--reason", "x")


# --- export and import ----------------------------------------------------------------------------

NEEDS = "number: {}, title: T, xpReward: 1, status: published, prerequisites: {{quest: {}}}"


def test_what_was_exported_imports_to_the_same(make_quest: MakeQuest, tmp_path: Path) -> None:
    quest = make_quest(QUIZ)
    make_quest(title="Not exported")
    file = tmp_path / "quests.yaml"
    run("export_quests", quest.number, "--output", file)
    assert run("export_quests", quest.number) == file.read_text()

    said = run("import_quests", file, "--apply", "--by", "operator")

    assert said == "same    1. Say hello\n0 of 1 quests written.\n"
    quest.refresh_from_db()
    assert quest.version == 1


def test_an_import_shows_what_it_would_change_and_writes_when_told_to(
    make_quest: MakeQuest, tmp_path: Path
) -> None:
    quest = make_quest()
    file = tmp_path / "quests.yaml"
    file.write_text(
        f"quests:\n- {{number: {quest.number}, xpReward: 25}}\n- {{title: New, xpReward: 5}}\n"
    )
    for how in ([], ["--dry-run"]):
        said = run("import_quests", file, "--by", "operator", *how)
        assert "    -xpReward: 10\n    +xpReward: 25\n" in said
        assert "2 of 2 quests would be written" in said
        assert Quest.objects.get().xp_reward == 10
    assert "2 of 2 quests written." in run("import_quests", file, "--apply", "--by", "operator")
    assert list(Quest.objects.values_list("title", "xp_reward")) == [("Say hello", 25), ("New", 5)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"quests: [", "This is no YAML"),
        (
            b"quests: [{title: x}]",
            "quest 1 of the file (title x), xpReward: This field is required.",
        ),
        (b"\xff", "is no UTF-8"),
        (b"quests: 5", "below it a list"),
        (b"q" * (5 * 1024 * 1024 + 1), "The file is over"),
        (b'quests: [{title: "a\\0", xpReward: 1}]', "no NUL"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_makes_no_sense_changes_nothing(
    operator: User, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "quests.yaml"
    if content is not None:
        file.write_bytes(content)
    assert sentence in refused("import_quests", file, "--apply", "--by", "operator")
    assert not Quest.objects.exists()


def test_quests_of_a_file_may_build_on_each_other_in_any_order(
    operator: User, tmp_path: Path
) -> None:
    file = tmp_path / "quests.yaml"
    file.write_text(f"quests:\n- {{{NEEDS.format(1, 2)}}}\n- {{{NEEDS.format(2, 3)}}}\n")
    assert "quest 2, prerequisites: There is no quest 3." in refused(
        "import_quests", file, "--apply", "--by", "operator"
    )
    file.write_text(file.read_text() + f"- {{{NEEDS.format(3, 1)}}}\n")
    assert "quest 1, prerequisites: Nobody could ever do this: 1 → 2 → 3 → 1." in refused(
        "import_quests", file, "--apply", "--by", "operator"
    )
    file.write_text(
        file.read_text().replace(NEEDS.format(3, 1), "number: 3, title: C, xpReward: 1")
    )
    assert "3 of 3 quests written." in run("import_quests", file, "--apply", "--by", "operator")


def test_files_and_quests_that_are_not_there_are_said_to_be_so(
    make_quest: MakeQuest, alice: User, tmp_path: Path
) -> None:
    make_quest()
    assert "There is no quest 8, 9." in refused("export_quests", 1, 9, 8)
    nowhere = tmp_path / "no" / "x.yaml"
    assert "cannot be written" in refused("export_quests", "--output", nowhere)
    assert "not on the staff" in refused("import_quests", nowhere, "--by", "alice")


# --- numbers --------------------------------------------------------------------------------------


@pytest.fixture
def wrong_standing(transactional_db: None, alice: User, make_quest: MakeQuest) -> None:
    complete_quest(player=alice, number=make_quest().number)
    Standing.objects.update(xp=99)


@pytest.mark.django_db(transaction=True)
def test_leaderboards_are_made_anew_from_the_ledger(wrong_standing: None) -> None:
    assert "1 standings set right" in run("rebuild_leaderboards")
    assert Standing.objects.get().xp == 10
    assert "0 standings set right" in run("rebuild_leaderboards")


@pytest.mark.django_db(transaction=True)
def test_reconcile_covers_clicks_and_quests_and_repairs_on_request(wrong_standing: None) -> None:
    said = StringIO()
    with pytest.raises(CommandError) as ended:
        call_command("reconcile", "--json", stdout=said)
    assert ended.value.returncode == 1
    report = json.loads(said.getvalue())
    assert report["clean"] is False
    alice = User.objects.get(username="alice")
    assert report["differences"][0] == {
        "equation": "E3",
        "subject": f"player {alice.pk} on board 0: XP",
        "expected": 10,
        "found": 99,
    }
    assert Standing.objects.get().xp == 99

    table = run("reconcile", "--repair")

    assert table.endswith("All equal.\n")
    for equation in ("E1", "E2", "E3", "E4"):
        assert f"\n{equation} " in f"\n{table}"
    clean = json.loads(run("reconcile", "--json"))
    assert clean["clean"] is True
    assert {"issued", "stored", "waiting", "dropped", "links", "clicks"} < clean.keys()
    assert (clean["ledger_xp"], clean["standing_xp"], clean["completions"]) == (10, 10, 1)


def test_a_quest_that_stands_twice_in_a_file_is_refused(operator: User, tmp_path: Path) -> None:
    quest = {"number": 70, "title": "T", "xpReward": 1}
    file = tmp_path / "quests.yaml"
    file.write_text(json.dumps({"quests": [quest, quest]}))

    assert "Quest 70 stands 2 times" in refused("import_quests", file, "--apply")
    assert not Quest.objects.exists()
