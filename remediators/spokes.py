"""Which other accounts and regions a hub may act in: the allow list, strictly read. Pure.

The list is a JSON document, a mapping from place (``account/region``) to the role there and the external id that its trust policy
asks for: ``{"places": {"222222222222/eu-west-1": {"role": "arn:aws:iam::222222222222:role/…", "external_id": "…"}}}``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from alarms.domain import regions
from alarms.domain.errors import BadInput

# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_ROLE = re.compile(r"role/[\w+=,.@/-]{1,575}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spoke:
    """A place that the hub may act in, and how it gets there. The external id is no secret, and is shown nowhere all the same."""

    account: str
    region: str
    role: str
    external_id: str = field(repr=False)

    @property
    def place(self) -> str:
        """``account/region``, as it stands in every key."""
        return f"{self.account}/{self.region}"


def parse(text: str, home: str) -> Mapping[str, Spoke]:
    """Read the allow list of the hub ``home`` (``account/region``). BadInput names the entry that is not as it should be.

    One bad entry spoils the list: half a list would silently leave a place unwatched.
    """
    try:
        document = json.loads(text)
    except ValueError:
        raise BadInput("the list of spokes is no JSON") from None
    if not isinstance(document, dict) or set(document) != {"places"} or not isinstance(document["places"], dict):
        raise BadInput('the list of spokes is not {"places": {"account/region": {"role": …, "external_id": …}}}')
    return {place: _spoke(place, entry, home) for place, entry in document["places"].items()}


def text_of(spokes: Mapping[str, Spoke]) -> str:
    """Return the document that ``parse`` reads, as short as JSON can be: the parameter that holds it is small."""
    places = {place: {"role": spoke.role, "external_id": spoke.external_id} for place, spoke in sorted(spokes.items())}
    return json.dumps({"places": places}, separators=(",", ":"))


def _spoke(place: str, entry: Any, home: str) -> Spoke:
    account, _, region = place.partition("/")
    if not regions.account(account) or not regions.code(region):
        raise BadInput(f"spoke {place[:60]!r}: not an account and a region, like 222222222222/eu-west-1")
    if place == home:
        raise BadInput(f"spoke {place}: that is the hub's own place; it needs no role")
    if not isinstance(entry, dict) or set(entry) != {"role", "external_id"}:
        raise BadInput(f"spoke {place}: needs role and external_id, and nothing else")
    role, external_id = entry["role"], entry["external_id"]
    arn = regions.arn(role, "iam")
    if arn.account != account or not _ROLE.fullmatch(arn.resource):
        raise BadInput(f"spoke {place}: role is not the ARN of a role of account {account}")
    if not isinstance(external_id, str) or not EXTERNAL_ID.fullmatch(external_id):
        raise BadInput(f"spoke {place}: external_id is not 2 to 1224 of A-Z a-z 0-9 _+=,.@:/-")
    return Spoke(account, region, role, external_id)
