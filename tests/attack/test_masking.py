"""No answer of any operation shows a member in the clear, but for the one that writes down that it does."""

from __future__ import annotations

from tests.attack.stand import Stand
from tests.attack.world import World

REVEAL = "/v1/members/{member_id}/reveal"


def clear(world: World) -> list[str]:
    """What the world's members gave of themselves; external ids are the merchant's own numbers, and are shown."""
    people = [world.person(number) for number in range(4)]
    values = [held["value"] for person in people for held in person["identities"] if held["kind"] != "external_id"]
    return values + [person["name"] for person in people]


def test_what_members_gave_is_masked_everywhere(stand: Stand, ours: World) -> None:
    """The world has called every operation already; here are those whose answers are no JSON, and the log itself."""
    texts = list(ours.answers)
    for operation in stand.operations:
        names = [given["name"] for given in operation.parameters("path")]
        if operation.method == "GET" and operation.path.startswith("/v1/") and all(name in ours.ids for name in names):
            texts.append(ours.call("GET", operation.path.format(**{name: ours.own(name) for name in names})).text)
    assert len(texts) > 40
    assert any("****" in text for text in texts)
    assert {value: text for value in clear(ours) for text in texts if value in text} == {}


def test_control_the_same_look_sees_what_is_revealed(stand: Stand, ours: World) -> None:
    assert REVEAL in {operation.path for operation in stand.operations}
    told = ""
    for member_id in ours.ids["member_id"]:
        wanted = {"fields": ["name", "phone", "card_no"], "reason": "control"}
        told += ours.call("POST", REVEAL.format(member_id=member_id), wanted).text
    assert [value for value in clear(ours) if value not in told] == []
