"""tocsin resume: release what `tocsin pause` holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.account import Where


def command(
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the packaged one when left out.")] = None,
    *,
    reason: Annotated[str, typer.Option(help="Who and why: people read it in Slack.")],
    policy: Annotated[str | None, typer.Option(help="One row or one action; everything when left out.")] = None,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
) -> None:
    """Release what `tocsin pause` holds.

    Modes stay as they are: a stage that only observed before observes again.
    """
    from cli.switch import throw
    from remediators.switching import resumed

    throw(resumed, path, Where(stage, profile, region), policy, reason)
