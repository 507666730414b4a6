"""escalate: nothing is changed; people are told, louder, that automation is at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Risk


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

    def problem(self, parameters: Mapping[str, Any]) -> str | None:  # noqa: ARG002 - part of the contract
        """Return None: there is nothing to contradict."""
        return None
