"""Why a request was not fulfilled, in a dozen words that never become more. Imports no Django."""

# By a problem's stable code, where the status says too little.
_BY_CODE = {
    "database_unavailable": "database",
    "database_busy": "database",
    "redis_unavailable": "cache",
    "rpc_unavailable": "upstream",
    "presence_unavailable": "cache",
    "realtime_unavailable": "cache",
    "quest_changing": "conflict",
    "slug_space_full": "internal",
}
_BY_STATUS = {
    401: "authentication",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    410: "not_found",
    412: "conflict",
    429: "rate_limited",
    502: "upstream",
    503: "unavailable",  # on purpose: shed load, maintenance, a drain
    504: "timeout",
}
CATEGORIES = frozenset({*_BY_CODE.values(), *_BY_STATUS.values(), "validation", "internal"})


def category_of(status: int, code: str = "") -> str:
    """Of an answer with `status` from 400 up."""
    found = _BY_CODE.get(code) or _BY_STATUS.get(status)
    return found or ("validation" if status < 500 else "internal")
