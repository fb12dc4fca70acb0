"""ClickHouse as another home of the clicks: for ever, and for questions that no roll-up answers.

PostgreSQL stays the truth. What it stores is copied (`copying`) until both count the same for every
day, and only then do statistics come from there (`reading`), by the same selectors and with the
same answers. Without CLICKHOUSE_URL nothing of this is imported by anybody.
"""
