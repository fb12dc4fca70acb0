"""Which backups stay."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from monitoring.backups.manifest import Manifest
from monitoring.backups.retention import Keep, expired
from monitoring.backups.server import Server
from monitoring.backups.store import Directory
from tests.monitoring.backups.conftest import archive_of, made

NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)
SEVEN_FOUR_SIX = Keep(7, 4, 6)


def of(moment: datetime, *, verified: bool = True) -> Manifest:
    return Manifest(
        name=f"rallypoint-{moment:%Y%m%dT%H%M%SZ}", created_at=moment, version="1", server="18",
        database=Server.ours().database, size=1, sha256="0", seconds=1.0, encrypted=False,
        migrations=[], tables={}, figures={}, verified_at=moment if verified else None,
    )  # fmt: skip


def kept(manifests: list[Manifest], keep: Keep) -> list[str]:
    gone = {one.name for one in expired(manifests, keep)}
    return [f"{one.created_at:%m-%d %H}" for one in manifests if one.name not in gone]


def test_days_then_weeks_then_months_stay() -> None:
    daily = [of(NOON - timedelta(days=days)) for days in range(400)]
    assert kept(daily, SEVEN_FOUR_SIX) == [
        *("05-01 12", "04-30 12", "04-29 12", "04-28 12", "04-27 12", "04-26 12", "04-25 12"),
        *("04-20 12", "04-13 12", "03-31 12", "02-28 12", "01-31 12", "12-31 12"),
    ]


def test_of_several_of_one_day_the_newest_stays() -> None:
    hourly = [of(NOON - timedelta(hours=hours)) for hours in range(30)]
    assert kept(hourly, Keep(7, 0, 0)) == ["05-01 12", "04-30 23"]


def test_old_ones_stay_while_no_new_ones_come() -> None:
    old = [of(NOON - timedelta(days=900 + days)) for days in range(3)]
    assert kept(old, SEVEN_FOUR_SIX) == [f"{one.created_at:%m-%d %H}" for one in old]


def test_the_newest_that_is_verified_is_never_removed() -> None:
    verified = of(NOON - timedelta(days=50))
    manifests = [*(of(NOON - timedelta(days=days), verified=False) for days in range(9)), verified]
    assert kept(manifests, Keep(1, 0, 0)) == ["05-01 12", f"{verified.created_at:%m-%d %H}"]


@pytest.mark.parametrize("keep", [Keep(0, 0, 0), Keep(1, 1, 1)])
def test_the_newest_stays_whatever_is_asked_for(keep: Keep) -> None:
    unread = [of(NOON - timedelta(hours=hours), verified=False) for hours in range(2)]
    assert kept(unread, keep) == ["05-01 12"]
    assert expired([], keep) == []


def test_a_new_backup_removes_what_is_not_kept_any_more(settings: Settings) -> None:
    settings.BACKUP_KEEP_DAILY, settings.BACKUP_KEEP_WEEKLY = 2, 0
    settings.BACKUP_KEEP_MONTHLY = 0
    settings.BACKUP_DIR.mkdir()
    directory = Directory.ours()
    for days in range(1, 5):
        old = of(datetime.now(UTC) - timedelta(days=days))
        directory.archive(old).write_bytes(b"-")
        directory.put(old)

    manifest = made()

    left = directory.manifests()
    assert left[0].name == manifest.name
    assert len(left) == 2
    assert {path.name for path in settings.BACKUP_DIR.glob("*.dump")} == {
        archive_of(one).name for one in left
    }
