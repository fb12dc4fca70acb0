"""A gate before PostgreSQL and one before Redis, for every process of a stack."""

from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from tests.gate import Gate
from tests.stack import Stack


class Gates:
    def __init__(self, stack: Stack) -> None:
        database = conninfo_to_dict(stack.env["DATABASE_URL"])
        redis = urlsplit(stack.env["REDIS_URL"])
        self.postgresql = Gate(str(database["host"]), str(database["port"]))
        self.redis = Gate(str(redis.hostname), str(redis.port))
        login = f"{database['user']}:{database['password']}"
        self.urls = {
            "DATABASE_URL": f"postgresql://{login}@127.0.0.1:{self.postgresql.port}"
            f"/{database['dbname']}",
            "REDIS_URL": redis._replace(
                netloc=redis.netloc.replace(f":{redis.port}", f":{self.redis.port}")
            ).geturl(),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.postgresql.shut()
        self.redis.shut()
