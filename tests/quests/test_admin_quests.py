"""The operators' pages about quests and seasons."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from quests.authoring.document import document_of
from quests.authoring.services import close_season, update_quest
from quests.completions.completing import complete_quest
from quests.models import AuditEntry, Quest, Season
from quests.progress import submit_step
from tests.links.browser_form import untouched
from tests.quests.conftest import CODE, PROOF, QUIZ, Allow, MakeQuest

pytestmark = pytest.mark.django_db
QUESTS = "/admin/quests/quest/"
SEASONS = "/admin/quests/season/"


def text(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def typed(pages: Client, path: str, **fields: Any) -> dict[str, Any]:
    """The form as it was opened, with some of its fields typed over; `steps__0__title` is one of
    the rows."""
    form = untouched(pages.get(path), form_id="quest_form")
    form = {name: value for name, value in form.items() if "__prefix__" not in name}
    return form | {name.replace("__", "-"): value for name, value in fields.items()}


def change(quest: Quest, page: str = "change/") -> str:
    return f"{QUESTS}{quest.pk}/{page}"


def step(row: int, **fields: str) -> dict[str, str]:
    return {f"steps__{row}__{name}": value for name, value in fields.items()}


# --- Looking --------------------------------------------------------------------------------------


def test_the_list_of_quests_costs_a_fixed_number_of_queries(
    pages: Client, alice: User, make_quest: MakeQuest, django_assert_num_queries: Any
) -> None:
    for number in range(8):
        quest = make_quest(quota=number + 1)
        complete_quest(player=alice, number=quest.number)
    # The session, its person, what waits for review, the filters' choices, how many quests there
    # are with and without them, and a page.
    with django_assert_num_queries(8):
        page = pages.get(QUESTS)
    assert re.findall(r"(\d+) of (\d+)", text(page))[1:3] == [("0", "1"), ("1", "2")]


def test_who_may_only_look_sees_the_quest_and_no_buttons(
    allowed: Allow, make_quest: MakeQuest
) -> None:
    quest = make_quest(QUIZ)
    client = allowed("view_quest")
    page = text(client.get(change(quest)))
    assert "What do you know?" in page
    assert "Save" not in page
    assert "Publish" not in text(client.get(QUESTS))
    assert client.post(change(quest), {"title": "x"}).status_code == 403
    client.post(QUESTS, {"action": "close", "_selected_action": quest.pk})
    quest.refresh_from_db()
    assert (quest.title, quest.status) == ("Say hello", "published")
    assert client.get(change(quest, "versions/")).status_code == 200
    assert allowed().get(change(quest)).status_code == 403


def test_the_sidebar_says_how_many_proofs_wait(
    pages: Client, allowed: Allow, make_quest: MakeQuest, alice: User
) -> None:
    quest = make_quest(PROOF)
    submit_step(player=alice, number=quest.number, key="proof", answer={"text": "Look"})
    page = text(pages.get("/admin/"))
    assert re.search(r"Review queue.{0,900}?uppercase[^>]*> 1 </span>", page)
    names = re.findall(r"<span>([A-Z][\w ?-]+)</span>", text(allowed("view_quest").get("/admin/")))
    assert names == ["Quests"]


# --- Writing --------------------------------------------------------------------------------------


def test_a_quest_is_made_of_what_was_typed(pages: Client) -> None:
    config = "questions:\n- text: Two and two?\n  options: [three, four]\n  right: [1]\n"
    form = typed(
        pages,
        f"{QUESTS}add/",
        number=7,
        title="Learn",
        xp_reward=25,
        prerequisites="all: [{level: 2}, {not: {quest: 9}}]",
        **step(0, id="quiz", kind="quiz", title="A quiz", config=config),
    )
    answer = pages.post(f"{QUESTS}add/", form)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    quest = Quest.objects.get()
    assert (quest.number, quest.xp_reward, quest.status) == (7, 25, "draft")
    assert quest.prerequisites == {"all": [{"level": 2}, {"not": {"quest": 9}}]}
    assert quest.requirements.get().config["questions"][0]["right"] == [1]
    assert [row.action for row in AuditEntry.objects.all()] == ["quest.created"]


def test_saving_without_a_change_makes_no_version(pages: Client, make_quest: MakeQuest) -> None:
    Season.objects.create(slug="spring", name="Spring")
    quest = make_quest(
        QUIZ, CODE, season="spring", content="# Hi\n\nthere", startsAt="2031-01-02T03:04:05.678Z",
        prerequisites={"any": [{"xp": 5}, {"level": 2}]}, recurrence="daily", cooldownSeconds=60,
    )  # fmt: skip
    form = typed(pages, change(quest))
    form["content"] = form["content"].replace("\n", "\r\n")  # as browsers send it
    assert pages.post(change(quest), form).status_code == 302
    assert Quest.objects.get().version == 1


def test_steps_are_changed_moved_added_and_deleted(pages: Client, make_quest: MakeQuest) -> None:
    quest = make_quest(QUIZ, CODE)
    form = typed(
        pages, change(quest), steps__TOTAL_FORMS="4",
        **step(0, DELETE="on"), **step(1, title="The code", ORDER="9"),
        **step(2, id="friends", kind="referral", title="Bring two", config='{"friends": 2}',
               ORDER="1"),
        **step(3, id="", kind="", title="", config="", ORDER=""),
    )  # fmt: skip
    answer = pages.post(change(quest), form)
    assert answer.status_code == 302, answer.context["adminform"].form.steps.errors
    steps = quest.requirements.values_list("key", "title", "config__friends")
    assert list(steps) == [("friends", "Bring two", 2), ("code", "The code", None)]


@pytest.mark.parametrize(
    ("wrong", "row", "field", "sentence"),
    [
        (step(0, config="friends: 0"), 0, "config", "must be a whole number"),
        (step(0, config="friends: [1"), 0, "config", "This is no YAML"),
        (step(0, config="a: &x [1]\nb: *x"), 0, "config", "aliases are not allowed"),
        (step(0, config='a: "\\0"'), 0, "config", "no NUL"),
        (step(0, config="{a: 1, 2: 3}"), 0, "config", "is unknown here"),
        (step(0, config="just a text"), 0, "config", "This is an object."),
        (step(0, id="no slug!"), 0, "id", "Enter a valid"),
        (step(0, kind="quiz"), 0, "config", "unknown here"),
        (step(1, id="x"), 1, "kind", "required"),
        (step(1, id="friends", kind="referral", title="x"), None, None, "Two steps have the same"),
        ({"prerequisites": "all: []"}, None, "prerequisites", "holds a list that is not empty"),
        ({"prerequisites": "{"}, None, "prerequisites", "This is no YAML"),
        ({"period_zone": "Mars/Base"}, None, "period_zone", "no time zone"),
        ({"cooldown_seconds": "60"}, None, "cooldown_seconds", "Only a repeating quest"),
        ({"xp_reward": "9999999"}, None, "xp_reward", "1000000"),
        ({"starts_at_0": "2031-01-02", "starts_at_1": "00:00", "ends_at_0": "2031-01-01",
          "ends_at_1": "00:00"}, None, "ends_at", "ends after it starts"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_was_typed(
    pages: Client,
    make_quest: MakeQuest,
    wrong: dict[str, str],
    row: int | None,
    field: str | None,
    sentence: str,
) -> None:
    friends = {"id": "friends", "kind": "referral", "title": "Bring two", "config": {"friends": 2}}
    quest = make_quest(friends)
    answer = pages.post(change(quest), typed(pages, change(quest), title="Typed", **wrong))
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    errors = form.errors if row is None else form.steps.forms[row].errors
    told = errors.get(field or "__all__") or form.errors.get("steps") or form.non_field_errors()
    assert sentence in " ".join(told)
    assert sentence in text(answer)
    assert form["title"].value() == "Typed"
    if row is not None:
        assert "A step is not right yet" in text(answer)
    quest.refresh_from_db()
    assert quest.version == 1


def test_a_stale_form_is_refused_once_and_loses_nothing(
    pages: Client, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(CODE)
    form = typed(pages, change(quest), title="Mine", steps__0__title="My step")
    theirs = document_of(quest) | {"title": "Theirs"}
    update_quest(quest=quest, document=theirs, actor=operator)

    answer = pages.post(change(quest), form)

    assert answer.status_code == 200
    assert "Somebody else has changed this quest since you opened it" in text(answer)
    again = untouched(answer, form_id="quest_form")
    assert (again["title"], again["steps-0-title"]) == ("Mine", "My step")
    quest.refresh_from_db()
    assert (quest.title, quest.version) == ("Theirs", 2)

    again = {name: value for name, value in again.items() if "__prefix__" not in name}
    assert pages.post(change(quest), again).status_code == 302
    quest.refresh_from_db()
    assert (quest.title, quest.version) == ("Mine", 3)


def test_a_service_s_refusal_stands_beside_its_field(
    pages: Client, alice: User, bob: User, make_quest: MakeQuest
) -> None:
    quest = make_quest(quota=2)
    for player in (alice, bob):
        complete_quest(player=player, number=quest.number)
    answer = pages.post(change(quest), typed(pages, change(quest), quota=1))
    assert "More players than that" in str(answer.context["adminform"].form.errors["quota"])
    assert pages.post(f"{QUESTS}add/", typed(pages, f"{QUESTS}add/", number=1, title="x",
                                             xp_reward=1)).status_code == 200  # fmt: skip


def test_publishing_from_the_form_is_one_version_and_closing_from_the_list_works(
    pages: Client, make_quest: MakeQuest
) -> None:
    quest = make_quest(status="draft")
    form = typed(pages, change(quest), title="Ready", quests_quest_save_and_publish="1")
    assert pages.post(change(quest), form).status_code == 302
    quest.refresh_from_db()
    assert (quest.title, quest.status, quest.version) == ("Ready", "published", 2)
    page = text(pages.get(change(quest)))
    assert "Save and close the quest" in page
    assert "Save and publish" not in page

    pages.post(QUESTS, {"action": "close", "_selected_action": quest.pk})
    quest.refresh_from_db()
    assert (quest.status, quest.version) == ("closed", 3)


def test_a_duplicate_is_a_draft_with_the_next_number(pages: Client, make_quest: MakeQuest) -> None:
    quest = make_quest(QUIZ, number=5)
    pages.post(QUESTS, {"action": "duplicate", "_selected_action": quest.pk})
    copy = Quest.objects.get(number=6)
    assert (copy.title, copy.status) == ("Say hello (copy)", "draft")
    assert copy.requirements.get().config == quest.requirements.get().config


def test_only_a_draft_is_deleted(pages: Client, make_quest: MakeQuest) -> None:
    draft, published = make_quest(status="draft"), make_quest()
    assert pages.post(change(published, "delete/"), {"post": "yes"}).status_code == 403
    assert pages.post(change(draft, "delete/"), {"post": "yes"}).status_code == 302
    pages.post(QUESTS, {"action": "delete_selected", "_selected_action": published.pk, "post": "y"})
    assert list(Quest.objects.all()) == [published]
    assert AuditEntry.objects.filter(action="quest.deleted").count() == 1


def test_versions_say_who_changed_what(
    pages: Client, operator: User, make_quest: MakeQuest
) -> None:
    quest = make_quest()
    update_quest(quest=quest, document=document_of(quest) | {"title": "<b>New</b>"}, actor=operator)
    answer = pages.get(change(quest, "versions/"))
    page = text(answer)
    assert "Version 2, by operator" in page
    assert "<del>-title: Say hello</del>" in page
    assert "<ins>+title: &lt;b&gt;New&lt;/b&gt;</ins>" in page


def test_the_preview_is_rendered_by_us_and_sanitised(pages: Client, allowed: Allow) -> None:
    preview = f"{QUESTS}preview/"
    answer = pages.post(preview, {"text": "# Below\n\n**hi** <script>alert(1)</script>"})
    assert answer.content.decode() == (
        "<h3>Below</h3>\n<p><strong>hi</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>"
    )
    assert pages.get(preview).status_code == 405
    assert allowed("view_link").post(preview, {"text": "x"}).status_code == 403


def test_no_page_of_quests_has_an_inline_script(pages: Client, make_quest: MakeQuest) -> None:
    quest = make_quest(QUIZ)
    for path in (QUESTS, f"{QUESTS}add/", change(quest), change(quest, "versions/"), SEASONS,
                 "/admin/quests/evidence/review/", "/admin/quests/completion/why/",
                 "/admin/quests/ledgerentry/award/"):  # fmt: skip
        page = pages.get(path)
        assert page.status_code == 200, path
        assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>\s*\S|\son[a-z]+=", text(page)), path


# --- Seasons --------------------------------------------------------------------------------------


def test_a_season_is_made_changed_and_closed_with_its_ranks(
    pages: Client, alice: User, bob: User, make_quest: MakeQuest
) -> None:
    given = {"name": "Spring", "slug": "spring", "description": ""}
    assert pages.post(f"{SEASONS}add/", given).status_code == 302
    assert "This is taken." in text(pages.post(f"{SEASONS}add/", given))
    season = Season.objects.get()
    path = f"{SEASONS}{season.pk}/"
    assert (
        pages.post(f"{path}change/", {"name": "Spring 2031", "description": ""}).status_code == 302
    )
    quest = make_quest(season="spring")
    for player in (alice, bob):
        complete_quest(player=player, number=quest.number)

    assert "cannot be opened again" in text(pages.get(f"{path}close/"))
    assert pages.post(f"{path}close/", {"reason": " "}).status_code == 200
    assert pages.post(f"{path}close/", {"reason": "It is over."}).status_code == 302

    season.refresh_from_db()
    assert season.closed_at
    assert season.name == "Spring 2031"
    assert list(season.ranks.values_list("rank", "player__username")) == [(1, "alice"), (2, "bob")]
    page = text(pages.get(f"{path}change/"))
    assert "alice" in page
    assert "Save" not in page
    assert pages.post(f"{path}change/", {"name": "Reopened"}).status_code == 403
    assert pages.get(f"{path}close/").status_code == 403
    deeds = AuditEntry.objects.filter(subject="season spring").order_by("pk")
    assert [(row.action, row.reason) for row in deeds] == [
        ("season.created", ""), ("season.changed", ""), ("season.closed", "It is over."),
    ]  # fmt: skip


def test_who_may_only_look_at_seasons_sees_how_they_ended(
    allowed: Allow, operator: User, alice: User, make_quest: MakeQuest
) -> None:
    season = Season.objects.create(slug="spring", name="Spring")
    complete_quest(player=alice, number=make_quest(season="spring").number)
    client = allowed("view_season")
    assert client.get(f"{SEASONS}{season.pk}/close/").status_code == 403
    close_season(season=season, actor=operator)
    assert "alice" in text(client.get(f"{SEASONS}{season.pk}/change/"))


def test_the_list_of_seasons_costs_a_fixed_number_of_queries(
    pages: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        Season.objects.create(slug=f"s{number}", name=f"S{number}")
    with django_assert_num_queries(6):
        pages.get(SEASONS)
