"""Links in and out as files: ours, and those of other shorteners.

`read_rows` -> `plan_import` (a dry run: the diff) or `apply_import`; `export_csv` the other way.
"""

from links.transfer.applying import ImportResult, apply_import
from links.transfer.export import export_csv
from links.transfer.formats import FORMATS, read_rows
from links.transfer.planning import Action, Change, ImportPlan, PlannedRow, plan_import
from links.transfer.records import MAX_BYTES, MAX_ROWS
from links.transfer.rows import ImportRow, Reason

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_ROWS",
    "Action",
    "Change",
    "ImportPlan",
    "ImportResult",
    "ImportRow",
    "PlannedRow",
    "Reason",
    "apply_import",
    "export_csv",
    "plan_import",
    "read_rows",
]
