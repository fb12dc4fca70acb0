from django.db import migrations

# Django knows no PARTITION BY. The keys begin with what arrives in order of time, so inserts go to
# the right edge of small indexes however many clicks are stored.
CREATE = """
CREATE TABLE links_click (
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    link_id bigint NOT NULL,
    is_bot boolean NOT NULL,
    visitor bytea,
    country text NOT NULL,
    language text NOT NULL,
    referrer text NOT NULL,
    browser text NOT NULL,
    os text NOT NULL,
    device text NOT NULL,
    variant text NOT NULL,
    rule text NOT NULL,
    PRIMARY KEY (event_id, at)
) PARTITION BY RANGE (at);
CREATE INDEX links_click_newest ON links_click (link_id, at DESC, event_id DESC);

CREATE TABLE links_visitor (
    day date NOT NULL,
    link_id bigint NOT NULL,
    visitor bytea NOT NULL,
    PRIMARY KEY (day, link_id, visitor)
) PARTITION BY RANGE (day);
"""


class Migration(migrations.Migration):
    dependencies = [("links", "0002_tables")]
    operations = [migrations.RunSQL(CREATE, "DROP TABLE links_click, links_visitor")]
