"""A short link and its statistics. Needs requests, and a key with links:read and links:write."""

import os
import uuid

import requests

RALLYPOINT = os.environ.get("RALLYPOINT", "http://127.0.0.1:8000")

api = requests.Session()
api.headers["Authorization"] = f"Bearer {os.environ['KEY']}"

# The key makes it safe to send again: the second answer is the first one.
answer = api.post(
    f"{RALLYPOINT}/api/links",
    json={"url": "https://www.python.org/", "title": "Python", "tags": ["example"]},
    headers={"Idempotency-Key": str(uuid.uuid4())},
    timeout=10,
)
if not answer.ok:
    problem = answer.json()
    raise SystemExit(f"{problem['code']}: {problem['detail']}")
link = answer.json()
print("Made", link["shortUrl"])

wanted = {"interval": "day", "groupBy": "country", "bots": "include"}
stats = api.get(f"{RALLYPOINT}/api/links/{link['id']}/stats", params=wanted, timeout=10).json()
print(f"Clicks: {stats['totals']['clicks']}, of people: {stats['totals']['humans']}")
