"""A hub and its spokes: one stage's pipeline serves alarms of other accounts and regions. Both sides say so in tocsin.yaml.

The spoke's stage says ``hub``, the hub's stage lists it under ``spokes``: neither can take the other's word for it, and the
external id, which both write down, shows that they mean each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hub:
    """The stage whose pipeline serves this one: its name, and where it is."""

    stage: str
    account: str
    region: str
    external_id: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """``account/region``."""
        return f"{self.account}/{self.region}"


@dataclass(frozen=True, slots=True)
class SpokePlace:
    """One account and region that this stage's pipeline serves beside its own."""

    account: str
    region: str
    external_id: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """``account/region``."""
        return f"{self.account}/{self.region}"


def hub_of(table: str, prefix: str) -> Hub | None:
    """Return the hub whose catalogue table has the ARN ``table``; None for a table that is named, not pointed at."""
    if not table:
        return None
    *_, region, account, resource = table.split(":")
    return Hub(resource.removeprefix(f"table/{prefix}-").removesuffix("-catalogue"), account, region)


def role_name(prefix: str, stage: str, region: str) -> str:
    """Return the name of the role that a spoke lends to the hub's stage. A role is the account's, so it names the region."""
    return f"{prefix}-{stage}-spoke-{region}"


def role_arn(prefix: str, stage: str, spoke: SpokePlace, partition: str) -> str:
    """Return the ARN of the role in ``spoke`` that the hub's ``stage`` assumes."""
    return f"arn:{partition}:iam::{spoke.account}:role/{role_name(prefix, stage, spoke.region)}"


def disagreements(
    own: str, hub: Hub | None, spokes: tuple[SpokePlace, ...], of: Mapping[str, tuple[SpokePlace, ...]]
) -> list[str]:
    """Return what is wrong between a stage in the place ``own`` and its hub or spokes.

    ``of`` are the spokes that the file's stages list, by stage: a hub that another repository describes is in none.
    """
    if hub is not None and spokes:
        return ["a stage is a hub or a spoke, not both"]
    wrong = []
    places = [spoke.place for spoke in spokes]
    wrong += [f"{place} is listed twice" for place in sorted({place for place in places if places.count(place) > 1})]
    if own in places:
        wrong.append(f"{own} is the stage's own place")
    if hub is not None and hub.place == own:
        wrong.append(f"the hub is in {own} itself: one account and region needs no spoke")
    if hub is not None and hub.stage in of:
        listed = {spoke.place: spoke for spoke in of[hub.stage]}
        if own not in listed:
            wrong.append(f"stage {hub.stage} does not list {own} under spokes: it would act on nothing here")
        elif listed[own].external_id != hub.external_id:
            wrong.append(f"stage {hub.stage} lists {own} with another external_id")
    return wrong
