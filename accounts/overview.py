"""People on the operators' first page."""

from django.db import connection

from monitoring.cache import cacheable
from monitoring.overview import Figure, Source

_PEOPLE = "accounts.view_user"
# Numbers are given as people come, so that the newest are found without an index on the day.
_MOST = 10_000
_NEW = """
SELECT count(*) FROM (
    SELECT date_joined FROM accounts_user ORDER BY id DESC LIMIT %s
) newest WHERE date_joined >= date_trunc('day', now(), 'UTC')
"""


@cacheable(ttl=10)
def new_people_today() -> int:
    """At most one more than are worth counting."""
    with connection.cursor() as cursor:
        cursor.execute(_NEW, [_MOST + 1])
        return int(cursor.fetchone()[0])


def people_figures() -> list[Figure]:
    new = new_people_today()
    value = f"{_MOST:,}+" if new > _MOST else f"{new:,}"
    page = "admin:accounts_user_changelist"
    return [Figure("New people today", value, _PEOPLE, page)]


SOURCES = (Source((_PEOPLE,), people_figures),)
