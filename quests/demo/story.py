"""What there is to do in the demo: two seasons, one of them over, and every kind of quest.

`likely` is the share of the players who try a quest, `after` the title of what it builds on.
"""

from typing import Any, NamedTuple

from realtime.demo import LOBBY, STAGE

RUNNING, CLOSED = "demo-season", "demo-spring"
SEASONS: dict[str, dict[str, str]] = {
    CLOSED: {"name": "Spring season", "description": "The first one. Its ranks stand for ever."},
    RUNNING: {"name": "Autumn season", "description": "Talks on Thursdays, and what you make."},
}
WORD = "open source"
_HOUSE = {
    "questions": [
        {"text": "What does a quest pay?", "options": ["XP", "coffee"], "right": [0]},
        {
            "text": "Which of these does the server see by itself?",
            "options": ["a click", "a thought", "a message in a room"],
            "right": [0, 2],
        },
    ],
}
HOUSE_RIGHT = {"0": [0], "1": [0, 2]}
_ONE_QUESTION = {
    "questions": [{"text": "When is the open stage?", "options": ["Mondays", "Thursdays"],
                   "right": [1]}],
}  # fmt: skip


class Told(NamedTuple):
    title: str
    xp: int
    likely: float
    fields: dict[str, Any] = {}
    steps: tuple[dict[str, Any], ...] = ()
    after: str = ""
    season: str = RUNNING


def _step(key: str, kind: str, title: str, config: Any, **more: Any) -> dict[str, Any]:
    return {"id": key, "kind": kind, "title": title, "config": config, **more}


QUESTS = (
    Told("Say hello", 10, 0.98, {
        "category": "welcome", "estimatedTime": 1, "description": "The first one is free.",
        "content": "# Welcome\n\nPress **complete**. That is all.",
    }),
    Told("Know the house", 30, 0.8, {
        "category": "learning", "estimatedTime": 5,
        "description": "Two questions about how things work here.",
        "content": "Read the *handbook*, then answer.",
    }, (_step("quiz", "quiz", "Two questions", _HOUSE),)),
    Told("The word of the talk", 40, 0.85, {
        "category": "events", "quota": 25, "announceRoom": STAGE,
        "description": "For the first 25 who listened. The demo's word: open source.",
    }, (_step("word", "secret_code", "The word", {"codes": [WORD]}),)),
    Told("Open the handbook", 20, 0.6, {
        "category": "learning", "estimatedTime": 2,
        "description": "Take your own address from here and open it: the redirect saw you.",
    }, (_step("open", "visit_link", "Open it", {"link": "handbook"}),)),
    Told("Talk in the lobby", 25, 0.35, {
        "category": "events", "description": "Two messages that say something new.",
    }, (_step("talk", "room_message", "Two messages",
              {"room": LOBBY, "messages": 2, "minLength": 12}),)),
    Told("Half an hour at the stage", 60, 0.3, {
        "category": "events", "estimatedTime": 30,
        "description": "Be in the room for thirty minutes of an hour. Now and then a word is "
        "asked for, to see whether you listen.",
    }, (_step("be-there", "room_presence", "Thirty minutes",
              {"room": STAGE, "minutes": 30, "withinMinutes": 60, "challengeMinutes": 10}),)),
    Told("From the invitation to the stage", 80, 0.25, {
        "category": "events", "estimatedTime": 15,
        "description": "Open the invitation, come in within ten minutes, and say when we meet.",
    }, (
        _step("invited", "visit_link", "Open the invitation", {"link": "open-stage"}),
        _step("came", "room_presence", "Come in", {"room": STAGE, "minutes": 1},
              ordered=True, withinSeconds=600),
        _step("knows", "quiz", "One question", _ONE_QUESTION, ordered=True),
    )),
    Told("Show what you made", 100, 0.3, {
        "category": "making", "estimatedTime": 60,
        "description": "A link, a text or an image; somebody looks at it.",
    }, (_step("proof", "proof", "Your work", {}),)),
    Told("Come back for a week", 70, 0.75, {
        "category": "welcome", "description": "Seven days in a row; one may be missed.",
    }, (_step("days", "streak", "Seven days", {"days": 7}),)),
    Told("Regulars only", 25, 0.6, {
        "category": "events", "recurrence": "weekly", "cooldownSeconds": 3 * 86_400,
        "description": "Once a week, for those who know the house.",
    }, after="Know the house"),
    Told("Bring a friend", 50, 1.0, {
        "category": "welcome", "description": "She counts from the first quest that she completes.",
    }, (_step("friend", "referral", "A friend", {"friends": 1}),)),
    Told("At the workshop", 35, 0.4, {
        "category": "making", "description": "Whoever was there, the door's scanner has told us.",
    }, (_step("door", "evidence", "Seen at the door", {}),)),
    Told("Find a hole", 250, 0.0, {
        "category": "making", "holdCompletions": True,
        "description": "A real one. It is paid after somebody has looked at it.",
    }, (_step("report", "secret_code", "The word of the report", {"codes": [WORD]}),)),
    Told("Sign the pledge", 15, 0.0, {
        "category": "welcome", "description": "One sentence, by the wallet that is yours.",
    }, (_step("pledge", "wallet_signature", "The sentence",
              {"sentence": "I will leave this place friendlier than I found it."}),)),
    Told("First steps together", 15, 0.9, {
        "category": "welcome", "description": "How it all began.",
    }, season=CLOSED),
    Told("The spring quiz", 40, 0.55, {
        "category": "learning", "description": "Two questions, as every spring.",
    }, (_step("quiz", "quiz", "Two questions", _HOUSE),), season=CLOSED),
    Told("The word of spring", 25, 0.45, {
        "category": "events", "description": "It was said at the end of the meetup.",
    }, (_step("word", "secret_code", "The word", {"codes": [WORD]}),), season=CLOSED),
    Told("Veterans", 50, 0.5, {
        "category": "welcome", "description": "For those who were here in spring.",
    }, after="The spring quiz"),
)  # fmt: skip
HELD = "Find a hole"
RAFFLE: dict[str, Any] = {"slug": "demo-autumn-draw", "title": "The autumn draw", "winners": 3}

ACHIEVEMENTS: tuple[dict[str, Any], ...] = (
    {"slug": "demo-first-steps", "name": "First steps", "metric": "completions"},
    {"slug": "demo-busy", "name": "Busy", "metric": "completions", "threshold": 8},
    {"slug": "demo-fifty", "name": "Fifty", "metric": "xp", "threshold": 50},
    {"slug": "demo-three-hundred", "name": "Three hundred", "metric": "xp", "threshold": 300},
    {"slug": "demo-scholar", "name": "Scholar", "metric": "category", "category": "learning"},
)

# What players say in the lobby for their XP: two lines each, one after the other.
SAID = (
    "Is anybody going to the open stage on Thursday?",
    "I will be there, with the slides that I promised in spring.",
    "The handbook has a new chapter on webhooks, well worth a read.",
    "My weekly digest is built on those: it took me an evening.",
    "Who else is stuck at the quiz? The second question has two answers.",
    "Both of the things that the house can see. A thought is not one.",
    "We are three from São Paulo by now, we should have a room of our own.",
    "Make one! Anybody can, and the stage started like that too.",
    "I scanned the poster at the library, and it counted me at once.",
    "Then the open-stage link works. There are twelve of those posters.",
    "Does the streak care about my time zone? It is past midnight here.",
    "It does, look at your profile: the days are those of your own zone.",
    "Somebody left a very kind comment on my proof, thank you for that.",
    "You are welcome, it was the nicest radio that I have seen this year.",
    "The word of the talk went in four minutes. I counted.",
    "Twenty-five places are not many, but the next one comes on Thursday.",
    "I moved our club's links over here, the import took the whole file.",
    "Did it keep the old addresses? We have thousands of them printed.",
    "Every one of them. It showed what it would do before it did it.",
    "Good to know, then I will try that at the weekend with ours.",
    "Is there a way to see why a quest is not complete yet?",
    "Press “why”: it names each thing that was seen, and what is missing.",
    "Spring was my first season, and I came seventh. Autumn will be mine.",
    "We shall see about that! I have brought two friends already.",
    "Newsletter twelve is out, with the pictures from the workshop.",
    "The picture with the cables everywhere is my table, I am afraid.",
    "Thursday at seven, then. I will bring the good microphone.",
    "And I will bring cake, which is not a quest but should be one.",
)

# Proofs: what was made, and what became of it ("" waits for somebody to look).
PROOFS = (
    ({"link": "https://example.com/radio-from-a-biscuit-tin"}, "approved"),
    ({"text": "A bot that reads our room to me while I cook. Forty lines, I can show them."}, ""),
    ({"link": "https://example.com/map-of-all-posters"}, "approved"),
    ({"text": "i made something"}, "What is it? A sentence and a picture are enough."),
    ({"link": "https://example.com/crochet-octopus"}, ""),
    ({"link": "https://example.com/digest-by-webhook"}, "approved"),
    ({"text": "I translated the handbook's first chapter into Portuguese."}, ""),
    ({"link": "https://example.com/radio-from-a-biscuit-tin"}, ""),
    ({"link": "https://example.com/slides-of-the-talk"}, ""),
)
