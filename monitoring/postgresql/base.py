"""The database backend `monitoring.postgresql`: measured, and quick to say that it is away."""

from typing import Any

from django.db.backends.base.base import NO_DB_ALIAS
from django_prometheus.db.backends.postgresql import base

from monitoring.postgresql.pool import FailFastPool
from monitoring.postgresql.watching import watch


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(watch)

    @property
    def pool(self) -> FailFastPool | None:
        """Django's, of another class. Threads may make two at once: the first one kept wins."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        pools: dict[str, FailFastPool] = self._connection_pools
        return pools.get(self.alias) or pools.setdefault(self.alias, self._make_pool(options))

    def _make_pool(self, options: dict[str, Any]) -> FailFastPool:
        return FailFastPool(
            alias=self.alias,
            # Django sets the isolation it wants later on.
            kwargs={**self.get_connection_params(), "autocommit": True},
            open=False,
            configure=self._configure_connection,
            check=FailFastPool.check_connection,
            **options,
        )
