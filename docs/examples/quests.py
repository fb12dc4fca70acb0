"""A quest with a word to know and a link to open, from the list to its XP. Needs requests."""

import os
import time

import requests

RALLYPOINT = os.environ.get("RALLYPOINT", "http://127.0.0.1:8000")
QUEST = int(os.environ["QUEST"])

player = requests.Session()  # it keeps cookies: personal addresses belong to a browser
player.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"


def api(method, path, **options):
    return player.request(method, f"{RALLYPOINT}/api/{path}", timeout=10, **options)


for quest in api("GET", "quests?limit=5").json()["results"]:
    print(quest["id"], f"{quest['title']}: {quest['xpReward']} XP")
print("Started at", api("POST", f"progress/start/{QUEST}").json()["startedAt"])

for step in api("GET", f"quests/{QUEST}").json()["steps"]:
    if step["kind"] == "visit_link":
        # Her own address, for the browser that has the cookie of this answer. A person opens it
        # there; here we stand for a browser, because what names itself a program is not counted.
        own = api("POST", f"progress/visit/{QUEST}", json={"stepId": step["id"]}).json()
        browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"}
        player.get(own["address"], headers=browser, allow_redirects=False, timeout=10)
    else:
        sent = {"stepId": step["id"], "answer": os.environ["ANSWER"]}
        state = api("PUT", f"progress/update/{QUEST}", json=sent).json()["state"]
        print(f"Step {step['id']}: {state}")

# A click is evidence a second or two after it; then the quest may be complete by itself already.
for _ in range(10):
    done = api("POST", f"progress/complete/{QUEST}").json()
    if done.get("code") != "requirements_missing":
        break
    time.sleep(1)
print(done.get("message") or done["detail"])

# Why, or why not: step by step what was seen, and what is missing.
for step in api("GET", f"progress/verify/{QUEST}").json()["steps"]:
    print(f"{step['title']}: {step['seen']} of {step['needed']}")
