"""Shield Advanced as most accounts see it, without a subscription; with one, the attacks that were put here.

https://docs.aws.amazon.com/waf/latest/DDOSAPIReference/API_ListAttacks.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from infra.local.aws_error import AwsError
from infra.local.seam import Operation, Request, Seam

Params = Mapping[str, Any]
Answer = dict[str, Any]


class Shield:
    """The subscription and the attacks. ``subscribed`` is False until a story says otherwise."""

    def __init__(self, seam: Seam) -> None:
        self.subscribed = False
        self._seam = seam
        self._attacks: dict[str, Answer] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "GetSubscriptionState": self.get_subscription_state,
            "ListAttacks": self.list_attacks,
            "DescribeAttack": self.describe_attack,
        }

    def preload(self, resource_arn: str, start: datetime, end: datetime | None = None, *, vector: str = "REQUEST_FLOOD") -> str:
        """Put an attack on a resource there; without ``end`` it goes on. Returns its id."""
        identifier = self._seam.next_id()
        ended = {"EndTime": end} if end else {}
        self._attacks[identifier] = {
            "AttackId": identifier,
            "ResourceArn": resource_arn,
            "StartTime": start,
            "AttackVectors": [{"VectorType": vector}],
            **ended,
        }
        return identifier

    def get_subscription_state(self, _params: Params, _request: Request) -> Answer:
        """Tell whether there is a subscription."""
        return {"SubscriptionState": "ACTIVE" if self.subscribed else "INACTIVE"}

    def list_attacks(self, params: Params, _: Request) -> Answer:
        """List attacks, of some resources where asked."""
        self._subscription()
        wanted = params.get("ResourceArns")
        return {"AttackSummaries": [item for item in self._attacks.values() if not wanted or item["ResourceArn"] in wanted]}

    def describe_attack(self, params: Params, _: Request) -> Answer:
        """Describe one attack; nothing for an id that is not known."""
        self._subscription()
        attack = self._attacks.get(params["AttackId"])
        if attack is None:
            return {}
        return {"Attack": {name: value for name, value in attack.items() if name != "AttackVectors"} | {"AttackCounters": []}}

    def _subscription(self) -> None:
        if not self.subscribed:
            raise AwsError("ResourceNotFoundException", "The subscription does not exist.")
