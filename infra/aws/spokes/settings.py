"""The section ``hub`` of a hub's stage file: who deploys in its spokes, and whether all of them are of one organisation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alarms.domain.errors import BadInput
from alarms.hub import SpokePlace
from alarms.settings import Settings
from infra.written import Node

_ORGANISATION = re.compile(r"o-[a-z0-9]{10,32}")
_ROLE = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What a hub knows of its spokes beside the catalogue's list of them.

    ``deployer`` is the name of the role that runs `tocsin apply` in each spoke: it alone may write that spoke's rows.
    ``organisation`` is the AWS organisation that all of them must belong to, None where the list alone decides.
    """

    deployer: str
    spokes: tuple[SpokePlace, ...]
    organisation: str | None = None

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts of the spokes, each once."""
        return tuple(sorted({spoke.account for spoke in self.spokes}))

    def accounts_in(self, region: str) -> tuple[str, ...]:
        """Return the accounts that have a spoke in ``region``."""
        return tuple(sorted({spoke.account for spoke in self.spokes if spoke.region == region}))

    def other_regions(self, home: str) -> tuple[str, ...]:
        """Return the regions of the spokes beside the hub's own."""
        return tuple(sorted({spoke.region for spoke in self.spokes} - {home}))


def read(section: Node | None, settings: Settings) -> HubSettings | None:
    """Return what the section says; None for a stage without spokes. BadInput where one is there without the other."""
    if not settings.spokes:
        if section is not None:
            raise BadInput(f"{section.spot.place}: hub: stages.{settings.stage} of tocsin.yaml lists no spokes; leave it out")
        return None
    if section is None:
        raise BadInput(
            f"the stage file has no section hub, and tocsin.yaml lists spokes for stage {settings.stage}: say "
            f"hub: {{deployer: the name of the role that runs `tocsin apply` in each spoke}}"
        )
    given = section.fields("deployer", "organisation")
    if "deployer" not in given:
        raise section.lacks("deployer, the name of the role that runs `tocsin apply` in each spoke,")
    if not _ROLE.fullmatch(given["deployer"].text()):
        raise given["deployer"].fail("the name of an IAM role, without its ARN")
    organisation = given.get("organisation")
    if organisation is not None and not _ORGANISATION.fullmatch(organisation.text()):
        raise organisation.fail("an organisation's id like o-a1b2c3d4e5")
    return HubSettings(given["deployer"].text(), settings.spokes, organisation.text() if organisation else None)
