"""escalate: nothing is changed; people are told, louder, that a person is needed.

    remediate:
      - action: escalate
        with: {message: "Call the owner of the image pipeline."}

Risk: none. Reads nothing, changes nothing, has nothing to verify or to give back; it runs in every mode and is never held.
Mostly the last step of another policy's ``otherwise``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Risk
from alarms.domain.decision import Change, Proposal, Reason, Value
from alarms.domain.text import Text
from remediators.action import Clients, Permit, Refusal, Situation


class Escalate:
    """Tells people in the incident's thread that a person is needed."""

    spec = ActionSpec(
        name="escalate",
        summary="Tell people in the incident's thread that a person is needed now. Changes nothing.",
        risk=Risk.READ_ONLY,
        changes=False,
        parameters=(Parameter("message", ParameterKind.TEXT, "what to add for those who come", required=False),),
        permissions=(),
        example="""\
remediate:
  - action: escalate
    with: {message: "Call the owner of the image pipeline."}
""",
    )

    def problem(self, _: Mapping[str, Any]) -> str | None:
        """Return None: there is nothing to contradict."""
        return None

    def resource(self, situation: Situation) -> str:
        """Return the alarm itself: nothing else is touched."""
        return f"alarm:{situation.alarm.key}"

    def observe(self, _: Clients, situation: Situation) -> None:
        """Read nothing: ``situation`` says it all."""

    def propose(self, _: None, situation: Situation) -> Proposal:
        """Propose to tell people; no change."""
        alarm, message = situation.alarm, situation.policy.parameters.get("message", "")
        tail = f" {message}" if message else ""
        return Proposal(
            self.spec.name,
            self.resource(situation),
            (),
            Text(
                f"{alarm.title}: automation can do no more, {alarm.owner or 'the owner'} please look now.{tail}",
                f"{alarm.title}: 자동 조치로 할 수 있는 것이 더 없습니다. {alarm.owner or '담당자'} 확인이 필요합니다.{tail}",
            ),
        )

    def evidence(self, _: None, situation: Situation) -> None:
        """Return None: the intent says it all."""

    def current(self, _: None, change: Change) -> Value:
        """Return the value before: nothing moves."""
        return change.before

    def run(self, _: Clients, change: Change, permit: Permit) -> tuple[str, ...]:
        """Refuse: there is no change to make, so none can have been proposed."""
        raise AssertionError(f"escalate changes nothing, asked for {change} with {permit}")

    def moved(self, _: None, proposal: Proposal) -> bool | None:
        """Return None: there is no mechanism, ``proposal`` is only words."""

    def harm(self, _: None, proposal: Proposal, situation: Situation) -> None:
        """Return None: nothing is watched."""

    def restore(self, _: None, proposal: Proposal, situation: Situation) -> Refusal:
        """Refuse: nothing was borrowed by ``proposal``."""
        return Refusal(Reason.NOTHING_TO_DO, Text(f"{proposal.action}: {situation.alarm.name}", proposal.action))
