"""The questions of the report, to PostgreSQL's own statistics. A column that is called a statement
comes out without its values."""

HEAD = """
SELECT current_database(), split_part(version(), ' ', 1) || ' ' || split_part(version(), ' ', 2),
    (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database())
"""

EXTENSION = """
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'),
    EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')
"""

STATEMENTS = """
SELECT calls, round(total_exec_time::numeric, 1) AS "totalMs",
    round(mean_exec_time::numeric, 3) AS "meanMs", round(max_exec_time::numeric, 1) AS "maxMs",
    rows, round(100.0 * shared_blks_hit / nullif(shared_blks_hit + shared_blks_read, 0), 1)
        AS "cacheHitPercent",
    query AS statement
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_exec_time DESC LIMIT %(limit)s
"""

_SCANNED = """
SELECT relid::regclass::text AS table, n_live_tup AS rows, seq_scan AS scans,
    round(seq_tup_read::numeric / seq_scan) AS "rowsAScan", coalesce(idx_scan, 0) AS "indexScans"
FROM pg_stat_user_tables
WHERE seq_scan >= 50 AND n_live_tup >= 10000 AND seq_tup_read / seq_scan >= n_live_tup / 10
ORDER BY seq_tup_read DESC LIMIT %(limit)s
"""

# The key's columns are the first ones of an index, in whatever order. (int2vector begins at 0.)
_FOREIGN_KEYS = """
SELECT conrelid::regclass::text AS table, conname AS constraint,
    (SELECT string_agg(attname, ', ') FROM pg_attribute
     WHERE attrelid = conrelid AND attnum = ANY(conkey)) AS columns,
    confrelid::regclass::text AS "refersTo", pg_relation_size(conrelid) AS bytes
FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND NOT EXISTS (
    SELECT FROM pg_index WHERE indrelid = conrelid AND indisvalid
      AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey
)
ORDER BY pg_relation_size(conrelid) DESC LIMIT %(limit)s
"""

_UNUSED = """
SELECT relid::regclass::text AS table, indexrelid::regclass::text AS index,
    pg_relation_size(indexrelid) AS bytes, indisvalid AS "isValid"
FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid)
WHERE (idx_scan = 0 AND NOT indisunique OR NOT indisvalid) AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conindid = indexrelid
)
ORDER BY pg_relation_size(indexrelid) DESC LIMIT %(limit)s
"""

# What the rows need, by the width that ANALYZE saw (24 bytes of head, 4 of pointer, in steps of 8),
# against the pages there are.
_BLOAT = """
WITH needed AS (
    SELECT class.oid, class.relpages, live.n_dead_tup, live.last_autovacuum,
        coalesce((SELECT option_value::numeric FROM pg_options_to_table(class.reloptions)
                  WHERE option_name = 'fillfactor'), 100) / 100 AS filled,
        class.reltuples * (
            SELECT ceil((24 + sum((1 - null_frac) * avg_width)) / 8) * 8 + 4 FROM pg_stats
            WHERE schemaname = live.schemaname AND tablename = live.relname
        ) AS bytes
    FROM pg_class class JOIN pg_stat_user_tables live ON live.relid = class.oid
    WHERE class.relpages >= 64 AND class.reltuples >= 0
), wasted AS (
    SELECT *, greatest(0, relpages - ceil((bytes / (8168 * filled))::numeric)) * 8192 AS bytes_lost
    FROM needed WHERE bytes IS NOT NULL
)
SELECT oid::regclass::text AS table, pg_relation_size(oid) AS bytes, bytes_lost AS "wastedBytes",
    round(100 * bytes_lost / (relpages * 8192.0), 1) AS "wastedPercent",
    n_dead_tup AS "deadRows", last_autovacuum AS "lastAutovacuum"
FROM wasted ORDER BY bytes_lost DESC LIMIT %(limit)s
"""

_CACHE = """
SELECT round(100.0 * sum(heap_blks_hit)
        / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0), 2) AS "tablesHitPercent",
    round(100.0 * sum(idx_blks_hit)
        / nullif(sum(idx_blks_hit) + sum(idx_blks_read), 0), 2) AS "indexesHitPercent",
    (SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()) AS "tempBytes",
    (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks
FROM pg_statio_user_tables
"""

_LONG = """
SELECT pid, application_name AS application, state,
    round(extract(epoch FROM now() - xact_start)::numeric, 1) AS seconds,
    coalesce(wait_event_type || ' ' || wait_event, '') AS waits, query AS statement
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND xact_start <= clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY xact_start LIMIT %(limit)s
"""

_LOCKS = """
SELECT waiting.pid, round(extract(epoch FROM clock_timestamp() - waiting.query_start)::numeric, 1)
        AS seconds, coalesce(waiting.wait_event, '') AS waits, waiting.query AS statement,
    blocking.pid AS "blockedBy", blocking.state AS "blockerState",
    blocking.query AS "blockerStatement"
FROM pg_stat_activity waiting
CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker(pid)
JOIN pg_stat_activity blocking ON blocking.pid = blocker.pid
WHERE waiting.datname = current_database() AND waiting.wait_event_type = 'Lock'
ORDER BY waiting.query_start LIMIT %(limit)s
"""

_CONNECTIONS = """
SELECT application_name AS application, coalesce(state, backend_type) AS state, count(*) AS number,
    current_setting('max_connections')::int AS "mostOfAll"
FROM pg_stat_activity WHERE datname = current_database()
GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %(limit)s
"""

_SIZES = """
SELECT relid::regclass::text AS table, n_live_tup AS rows, pg_relation_size(relid) AS bytes,
    pg_indexes_size(relid) AS "indexBytes", pg_total_relation_size(relid) AS "totalBytes"
FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC LIMIT %(limit)s
"""

# name: (title, query, what to know)
PARTS: dict[str, tuple[str, str, str]] = {
    "scanned": (
        "Tables that are read from end to end",
        _SCANNED,
        "10,000 rows or more, a tenth of them read by each of 50 scans: an index may be missing.",
    ),
    "foreignKeys": (
        "Foreign keys without an index",
        _FOREIGN_KEYS,
        "Deleting what they refer to reads the whole table.",
    ),
    "unused": (
        "Indexes that nothing has read",
        _UNUSED,
        "Since the counters began; a replica counts for itself. Invalid ones a failure left.",
    ),
    "bloat": (
        "Room that tables take without need, estimated",
        _BLOAT,
        "From the last ANALYZE; some of it is used again. VACUUM FULL or pg_repack give it back.",
    ),
    "cache": ("How much was found in memory", _CACHE, "Below 99 % shared_buffers may be small."),
    "longTransactions": (
        "Long transactions",
        _LONG,
        "Nothing that was deleted since they began can be cleared away.",
    ),
    "locks": ("Who waits for whose lock", _LOCKS, ""),
    "connections": ("Connections", _CONNECTIONS, ""),
    "sizes": ("The biggest tables", _SIZES, ""),
}
