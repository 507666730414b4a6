"""tocsin pause: hold automation in one move, all of it or one policy."""

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
    """Hold automation from the next changing call on.

    People are still told of everything. What was borrowed is given back after `tocsin resume`.
    """
    from cli.switch import throw
    from remediators.switching import paused

    throw(paused, path, Where(stage, profile, region), policy, reason)
