"""snake_case in Python, camelCase on the wire, in both directions, times in one form."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from accounts.models import User
from monitoring.models import IdempotencyKey
from monitoring.wire.casing import CamelCaseMixin, camel, snake
from monitoring.wire.fields import WireDateTimeField, instant
from monitoring.wire.renderers import WireJSONRenderer
from tests.monitoring.doors import PersonOutput

names = st.from_regex(r"[a-z]{2,6}(_[a-z]{2,6}){0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("python", "wire"),
    [
        ("url", "url"),
        ("short_url", "shortUrl"),
        ("total_xp", "totalXP"),
        ("xp_earned", "xpEarned"),
        ("total_xp_paid", "totalXpPaid"),
        ("max_clicks_per_minute", "maxClicksPerMinute"),
    ],
)
def test_names_are_those_of_the_contract(python: str, wire: str) -> None:
    assert camel(python) == wire
    assert snake(wire) == python


@given(names)
def test_a_name_comes_back_and_is_translated_once(name: str) -> None:
    assert camel(camel(name)) == camel(name)
    assert snake(camel(name)) == name


class Inner(CamelCaseMixin, serializers.Serializer[Any]):
    target_url = serializers.CharField()


class Outer(CamelCaseMixin, serializers.Serializer[Any]):
    short_url = serializers.CharField()
    renamed_one = serializers.CharField(source="other_name", required=False)
    shown_count = serializers.SerializerMethodField()
    inner_rules = Inner(many=True, required=False)
    starts_at = WireDateTimeField(required=False)

    def validate_short_url(self, value: str) -> str:
        if value == "taken":
            raise serializers.ValidationError("Taken.", code="taken")
        return value.lower()

    def get_shown_count(self, _: Any) -> int:
        return 7


def test_input_arrives_under_its_python_names() -> None:
    outer = Outer(
        data={
            "shortUrl": "ABC",
            "renamedOne": "x",
            "innerRules": [{"targetUrl": "y"}],
            "startsAt": "2031-01-02T03:04:05+02:00",
        }
    )
    assert outer.is_valid(), outer.errors
    assert outer.validated_data == {
        "short_url": "abc",
        "other_name": "x",
        "inner_rules": [{"target_url": "y"}],
        "starts_at": datetime(2031, 1, 2, 1, 4, 5, tzinfo=UTC),
    }


def test_the_python_name_is_none_on_the_wire() -> None:
    assert set(Outer(data={"short_url": "abc"}).fields) == {
        "shortUrl", "renamedOne", "shownCount", "innerRules", "startsAt",
    }  # fmt: skip
    outer = Outer(data={"short_url": "abc"})
    assert not outer.is_valid()
    assert set(outer.errors) == {"shortUrl"}


def test_output_leaves_under_its_wire_names() -> None:
    shown = Outer(
        {
            "short_url": "a",
            "other_name": "b",
            "inner_rules": [{"target_url": "c"}],
            "starts_at": None,
        }
    ).data
    assert shown == {
        "shortUrl": "a", "renamedOne": "b", "shownCount": 7,
        "innerRules": [{"targetUrl": "c"}], "startsAt": None,
    }  # fmt: skip


def test_a_fields_own_validation_is_found_under_its_python_name() -> None:
    outer = Outer(data={"shortUrl": "taken"})
    assert not outer.is_valid()
    assert outer.errors["shortUrl"][0].code == "taken"


@pytest.mark.django_db
def test_a_model_serializer_writes_the_models_fields() -> None:
    class UserInput(CamelCaseMixin, serializers.ModelSerializer[User]):
        class Meta:
            model = User
            fields = ("username", "first_name")

    given_user = UserInput(data={"username": "dora", "firstName": "Dora"})
    assert given_user.is_valid(), given_user.errors
    assert given_user.save().first_name == "Dora"
    assert UserInput(given_user.instance).data == {"username": "dora", "firstName": "Dora"}


def test_constraints_over_several_fields_still_find_them() -> None:
    class Pair(CamelCaseMixin, serializers.ModelSerializer[IdempotencyKey]):
        class Meta:
            model = IdempotencyKey
            fields = ("created_at", "expires_at")
            validators = [
                serializers.UniqueTogetherValidator(
                    queryset=IdempotencyKey.objects.none(), fields=("createdAt", "expiresAt")
                )
            ]

    pair = Pair(data={"createdAt": "2031-01-01T00:00:00Z"})
    assert not pair.is_valid()
    assert set(pair.errors) == {"expiresAt"}


# --- times ---


def test_a_time_is_utc_with_milliseconds_and_a_z() -> None:
    moment = datetime(2031, 1, 2, 3, 4, 5, 678_999, tzinfo=timezone(timedelta(hours=2)))
    assert instant(moment) == "2031-01-02T01:04:05.678Z"


@pytest.mark.parametrize("year", [1, 999, 9999])
def test_the_year_always_has_four_digits(year: int) -> None:
    assert instant(datetime(year, 1, 1, tzinfo=UTC)) == f"{year:04}-01-01T00:00:00.000Z"


def test_every_road_to_the_wire_gives_the_same_form() -> None:
    moment = datetime(2031, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)
    user = User(username="dora", date_joined=moment)
    by_model = PersonOutput(user).data["dateJoined"]
    by_field = WireDateTimeField().to_representation(moment)
    by_renderer = json.loads(WireJSONRenderer().render({"at": moment}))["at"]
    plain = serializers.DateTimeField().to_representation(moment)
    by_plain_field = json.loads(WireJSONRenderer().render({"at": plain}))["at"]
    assert {by_model, by_field, by_renderer, by_plain_field} == {"2031-01-02T03:04:05.678Z"}


@pytest.mark.parametrize(
    "text",
    ["2031-13-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "soon", "1", "", True, 5],
)
def test_a_text_that_is_no_time_is_refused(text: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        WireDateTimeField().run_validation(text)


def test_a_time_without_an_offset_is_utc() -> None:
    read = WireDateTimeField().run_validation("2031-01-01T00:00:00")
    assert read == datetime(2031, 1, 1, tzinfo=UTC)
