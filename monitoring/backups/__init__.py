"""Backups of the database: made, kept, proved, and read back.

An archive is what pg_dump writes (custom format), encrypted if wanted; beside it lies its manifest,
which is written last: an archive without one is no backup. docs/recovery.md says how it is used.
"""
