"""People of the Slack stand-in, and their fingers: ``press`` sends what Slack sends when one of them presses a button.

Three are there from the start: a full member who is an approver in the embedded stage, a guest, and somebody of another
organisation in a shared channel. ``TEAM`` is the workspace's id, ``SIGNING_SECRET`` signs what it sends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from infra.local.slack import TEAM, Shown
from notifier.signature import sign

OTHER_TEAM = "T0OTHERS"
SIGNING_SECRET = "embedded"  # noqa: S105 - the stand-in's own secret, worth nothing anywhere else
APPROVER, SECOND_APPROVER, MEMBER, GUEST, STRANGER = "U0APPROVER", "U0SECOND", "U0MEMBER", "U0GUEST", "U0STRANGER"

BY_NAME = {"approver": APPROVER, "second": SECOND_APPROVER, "member": MEMBER, "guest": GUEST, "stranger": STRANGER}


@dataclass(frozen=True, slots=True)
class Person:
    """One user, as users.info tells of them."""

    id: str
    team: str = TEAM
    guest: bool = False
    deleted: bool = False

    def document(self) -> dict[str, Any]:
        """Return the user object."""
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.id.lower(),
            "deleted": self.deleted,
            "is_bot": False,
            "is_restricted": self.guest,
            "is_ultra_restricted": False,
            **({"is_stranger": False} if self.team != TEAM else {}),
        }


def everybody() -> dict[str, Person]:
    """Return the people of a new workspace by id."""
    people = (
        Person(APPROVER),
        Person(SECOND_APPROVER),
        Person(MEMBER),
        Person(GUEST, guest=True),
        Person(STRANGER, team=OTHER_TEAM),
    )
    return {person.id: person for person in people}


def buttons(shown: Shown) -> dict[str, Mapping[str, Any]]:
    """Return the buttons of a message as it stands, by their action_id; where one is there several times, the last."""
    return {str(element["action_id"]): element for _, element in _elements(shown.payload)}


def press(
    shown: Shown, action_id: str, user: str, *, now: datetime, secret: str = SIGNING_SECRET, address: str = ""
) -> dict[str, Any]:
    """Return the HTTP API event that Slack's request becomes when ``user`` presses a button of ``shown``.

    KeyError when the message has no such button: nobody can press what is not shown. ``address`` is the stand-in's own.
    """
    block, element = next((pair for pair in _elements(shown.payload) if pair[1]["action_id"] == action_id), ({}, {}))
    if not element:
        raise KeyError(f"no button {action_id} on the message: {sorted(buttons(shown))}")
    return request(payload(shown, block, element, user, now=now, address=address), now=now, secret=secret)


def payload(
    shown: Shown, block: Mapping[str, Any], element: Mapping[str, Any], user: str, *, now: datetime, address: str
) -> dict[str, Any]:
    """Return Slack's block_actions payload for one press."""
    person = everybody().get(user, Person(user))
    stamp = f"{now.timestamp():.6f}"
    return {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower(), "name": user.lower(), "team_id": person.team},
        "api_app_id": "A0TOCSIN",
        "token": "a verification token of old, not to be used",
        "container": {
            "type": "message_attachment",
            "message_ts": shown.ts,
            "attachment_id": 1,
            "channel_id": shown.channel,
            "is_ephemeral": False,
        },
        "trigger_id": f"{stamp}.embedded",
        "team": {"id": TEAM, "domain": "embedded"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": shown.channel, "name": "embedded"},
        "message": {"type": "message", "ts": shown.ts, **{key: shown.payload[key] for key in ("text", "blocks", "attachments")}},
        "state": {"values": {}},
        "response_url": f"{address or 'https://hooks.slack.com/'}actions/{user}",
        "actions": [
            {
                "type": "button",
                "action_id": element["action_id"],
                "block_id": block.get("block_id", "made by Slack"),
                "text": element["text"],
                "value": element.get("value", ""),
                "action_ts": stamp,
            }
        ],
    }


def request(document: Mapping[str, Any], *, now: datetime, secret: str = SIGNING_SECRET) -> dict[str, Any]:
    """Return ``document`` as the signed event of an HTTP API (payload format 2.0)."""
    body, timestamp = urlencode({"payload": json.dumps(document)}), str(int(now.timestamp()))
    return {
        "version": "2.0",
        "routeKey": "POST /slack",
        "rawPath": "/slack",
        "rawQueryString": "",
        "headers": {
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": timestamp,
            "x-slack-signature": sign(secret, timestamp, body.encode()),
        },
        "requestContext": {"http": {"method": "POST", "path": "/slack", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}},
        "body": body,
        "isBase64Encoded": False,
    }


def _elements(shown: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return each button of a message with the block that it stands in."""
    groups = [shown.get("blocks") or [], *(one.get("blocks") or [] for one in shown.get("attachments") or [])]
    for block in (block for group in groups for block in group):
        for element in [*block.get("elements", []), *([block["accessory"]] if "accessory" in block else [])]:
            if element.get("type") == "button":
                yield block, element
