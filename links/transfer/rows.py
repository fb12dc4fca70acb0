"""What an import file says about one link, before anything is compared or written."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from links.services import LinkFields
from monitoring.wire.problems import Problem


class Reason(NamedTuple):
    """Why a row cannot be taken. `field` is a name of the API, or "" for the row as a whole."""

    code: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """`line` is where the row begins in the file; in JSON, which entry it is.

    A field that is not in `fields` stays as it is. The same is true of `campaign` None, while ""
    takes the link out of its campaign. `has_password` is all that an export tells of a password.
    """

    line: int
    url: str
    slug: str = ""
    domain: str = ""
    campaign: str | None = None
    has_password: bool = False
    fields: LinkFields = field(default_factory=LinkFields)
    reasons: tuple[Reason, ...] = ()


def reasons_of(problem: Problem) -> tuple[Reason, ...]:
    if not problem.errors:
        return (Reason(problem.code, str(problem.detail)),)
    return tuple(_reason(error, problem.code) for error in problem.errors)


def _reason(error: Mapping[str, str], code: str) -> Reason:
    return Reason(error.get("code", code), error["message"], error["field"])


# What turns the content of a file into rows; a file that is none of its kind is a Problem.
Parser = Callable[[bytes], Iterable[ImportRow]]
