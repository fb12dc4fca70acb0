"""The document of the socket is made of the frames, and served."""

import json
import re
from typing import Any

from django.test import Client

from realtime.doors import _OURS, frame_of
from realtime.socket import posted, said
from realtime.socket.asyncapi import document


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        found = {part["$ref"]} if "$ref" in part else set()
        return found.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_it_names_every_frame_and_refers_to_nothing_that_is_not_there() -> None:
    found = json.loads(document("1.2.3"))
    assert (found["asyncapi"], found["info"]["version"]) == ("3.0.0", "1.2.3")
    assert {"join:room", "message:send", "presence:update"} <= {
        name for name, operation in found["operations"].items() if operation["action"] == "receive"
    }
    for reference in references(found):
        part = found
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_what_the_socket_says_is_said_by_nobody_else() -> None:
    events = {frame.__struct_config__.tag for frame in said.ServerFrame.__args__}
    assert {re.split(":", str(event))[0] for event in events} <= _OURS


def test_what_the_house_posts_is_named_too_and_may_be_sent() -> None:
    told = json.loads(document("1.2.3"))["operations"]
    for frame in posted.PostedFrame.__args__:
        event = str(frame.__struct_config__.tag)
        assert told[event]["action"] == "send"
        assert frame_of(event, {}).data


def test_it_is_served_and_kept(client: Client) -> None:
    answer = client.get("/api/schema/realtime/")
    assert answer.json()["channels"]["socket"]["address"] == "/ws/"
    again = client.get("/api/schema/realtime/", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
