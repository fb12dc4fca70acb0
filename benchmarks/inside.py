"""What must run inside Django, in a process with a store's environment.

`call(store, fill_stream, clicks=1000)` runs that function there and gives its answer.
"""

import importlib
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.machine import SERVER_CORE
from benchmarks.stores import Store


def call(
    store: Store, function: Callable[..., Any], *, alone: bool = False, **arguments: Any
) -> Any:
    """`alone` keeps the process on the server's core."""
    name = f"{function.__module__}:{function.__name__}"
    core = SERVER_CORE if alone else None
    said = store.run("-m", "benchmarks.inside", name, json.dumps(arguments), core=core)
    return json.loads(said.splitlines()[-1])


def make_link() -> dict[str, str | int]:
    """A link made as anybody makes one, and a key that may read its statistics."""
    from accounts.scopes import Scope
    from accounts.services import create_api_key, create_service_user
    from links.services import create_link

    owner = create_service_user(username="bench")
    link = create_link(owner=owner, url="https://example.org/landing?from=bench", slug="landing")
    _, key = create_api_key(user=owner, name="bench", scopes=[Scope.LINKS_READ], expires_at=None)
    return {"id": link.pk, "public_id": str(link.public_id), "slug": link.slug, "key": key}


def make_links() -> dict[str, int]:
    """The links of the sample, by slug."""
    from accounts.services import create_service_user
    from benchmarks.sample import targets
    from links.models import Link
    from links.slugs import slug_key

    owner = create_service_user(username="bench")
    rows = {slug_key(slug): (slug, url) for slug, url in targets().items()}
    Link.objects.bulk_create(
        Link(owner=owner, slug=slug, slug_key=key, url=url) for key, (slug, url) in rows.items()
    )
    return {"links": len(rows)}


def make_many_links(*, links: int) -> dict[str, int]:
    """Each to be clicked as often as every other one."""
    from accounts.services import create_service_user
    from links.models import Link

    owner, url = create_service_user(username="many"), "https://example.org/"
    made = (
        Link(owner=owner, slug=f"many-{n}", slug_key=f"many-{n}", url=url) for n in range(links)
    )
    Link.objects.bulk_create(made, batch_size=5_000)
    return {"links": links}


def fill_stream(*, clicks: int, streams: int = 1, spread: bool = False) -> dict[str, int]:
    """Put `clicks` of the sample into the streams, as web processes under load would: of its own
    links, or with `spread` of all others that there are."""
    from benchmarks.sample import batches
    from links.models import Link
    from links.redirect.click import FIELD, encode_batch, shares
    from monitoring.redis import durable

    pipeline = durable().pipeline(transaction=False)
    entries, chance = 0, random.Random(7)  # noqa: S311 - the same each time
    others = list(Link.objects.filter(owner__username="many").values_list("pk", flat=True))
    for batch in batches(clicks, dict(Link.objects.values_list("slug_key", "pk"))):
        if spread:
            for event in batch.events:
                event.link = chance.choice(others)
        for name, share in shares(batch, streams).items():
            pipeline.xadd(name, {FIELD: encode_batch(share)})
        entries += 1
        if entries % 500 == 0:
            pipeline.execute()
    pipeline.execute()
    return {"entries": entries}


def drain(*, warm_up: int) -> dict[str, float]:
    """Drain the stream as `drain_clicks` does, and time it after about `warm_up` clicks."""
    from links.clicks.drain import drain_once
    from monitoring.redis import durable

    redis, clicks = durable(), 0
    drain_once(redis, max_events=warm_up)
    started, used = time.perf_counter(), time.process_time()
    while (drained := drain_once(redis)) and drained.entries:
        clicks += drained.stored
    seconds, used = time.perf_counter() - started, time.process_time() - used
    return {"clicks": clicks, "seconds": seconds, "process_seconds": used}


def drain_together(*, processes: int) -> dict[str, float]:
    """What `drain` does, by so many processes side by side; from the first one's begin to the last
    one's end."""
    from django.conf import settings

    settings.CLICK_STREAMS = processes
    fork = multiprocessing.get_context("fork")
    together, done = fork.Barrier(processes), fork.SimpleQueue()
    workers = [fork.Process(target=_drain_beside, args=(together, done)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [done.get() for _ in workers]
    for worker in workers:
        worker.join()
    clicks, begun, ended = zip(*found, strict=True)
    return {"clicks": sum(clicks), "seconds": max(ended) - min(begun)}


def _drain_beside(together: Any, done: Any) -> None:
    from django.db import connection

    from links.clicks.drain import drain_once
    from monitoring.redis import durable

    redis, clicks = durable(), 0
    redis.ping()
    connection.ensure_connection()
    together.wait(60)
    begun = time.monotonic()
    while (drained := drain_once(redis)) and drained.entries:
        clicks += drained.stored
    done.put((clicks, begun, time.monotonic()))


def fill_clicks(*, clicks: int, days: int, link: int = 0) -> dict[str, int]:
    """Store clicks with their roll-ups directly; see benchmarks.stored."""
    from benchmarks.stored import fill

    fill(clicks=clicks, days=days, link=link)
    return {"clicks": clicks}


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    name, arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    chosen = getattr(importlib.import_module(module), function)
    print(json.dumps(chosen(**json.loads(arguments))))


if __name__ == "__main__":
    main()
