"""A mixed load for your own server, by locust (PyPI): what visitors and players do.

    SLUG=hello TOKEN=... uvx locust -f benchmarks/loads/locustfile.py --host https://rally.example

SLUG is a link of yours, TOKEN a player's (POST /api/auth/token). Each click is counted. All of it
comes from one address: RATE_LIMIT_EXEMPT names it for the time of the test.
"""

import os

from locust import FastHttpUser, between, task

AGENT = "Mozilla/5.0 (X11; Linux x86_64) locust"


class Visitor(FastHttpUser):
    weight = 8
    wait_time = between(0.5, 2)

    @task
    def follow(self) -> None:
        with self.client.get(
            f"/{os.environ['SLUG']}", name="/{slug}", headers={"User-Agent": AGENT},
            allow_redirects=False, catch_response=True,
        ) as answer:  # fmt: skip
            if answer.status_code != 302:
                answer.failure(f"{answer.status_code} instead of 302")


class Player(FastHttpUser):
    weight = 2
    wait_time = between(1, 3)

    @task(5)
    def look(self) -> None:
        self.client.get("/api/quests")
        self.client.get("/api/public/users/leaderboard?limit=50")

    @task
    def look_at_herself(self) -> None:
        token = os.environ["TOKEN"]
        self.client.get("/api/users/profile", headers={"Authorization": f"Bearer {token}"})
