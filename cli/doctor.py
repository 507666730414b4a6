"""tocsin doctor: whether a deployed stage really works, asked of AWS and Slack without changing anything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.account import Where
from cli.catalogue import Format, now

if TYPE_CHECKING:
    from infra.doctor.deployment import Deployment

_COLOURS = {"+": "green", "x": "red", "?": "yellow"}


def command(
    path: Annotated[
        Path | None, typer.Argument(help="A catalogue's folder or one of its files; the packaged one when left out.")
    ] = None,
    *,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="A check's name; may be repeated. All when left out.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show every answer, also what is well.")] = False,
    form: Annotated[Format, typer.Option("--format", help="text: lines; json: for programs.")] = Format.TEXT,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
) -> None:
    """Verify a deployment, read-only. Exit 0: all is well, 1: something is wrong, 2: could not tell, or could not run."""
    from infra.doctor.checks import checks
    from infra.doctor.report import document, lines, summary
    from infra.doctor.run import chosen, examine, exit_code

    asked = chosen(checks(), only or ())
    deployment = _deployment(path, Where(stage, profile, region))
    answered = []
    for one in examine(deployment, asked):
        answered.append(one)
        if form is Format.TEXT:
            for line in lines(one, everything=everything):
                typer.secho(line, fg=_COLOURS.get(line[:1]))
    name = deployment.settings.stage
    if deployment.settings.hub:
        hub = deployment.settings.hub.stage
        typer.echo(f"note: the pipeline of stage {hub} serves this one; `tocsin doctor --stage {hub}` asks about it", err=True)
    if form is Format.JSON:
        typer.echo(json.dumps(document(answered, name), ensure_ascii=False, indent=2))
    typer.echo(summary(answered, name), err=True)
    raise typer.Exit(exit_code(answered))


def _deployment(path: Path | None, where: Where) -> Deployment:
    """Open the stage, its limits asked of AWS, and the ways to AWS and Slack."""
    from alarms.domain.errors import CannotRun
    from cli import account
    from infra.doctor.deployment import Deployment
    from infra.doctor.slack import ADDRESS, SlackWeb

    try:
        opened = account.open_stage(path, where)
    except CannotRun as error:
        if "RDS" not in str(error):
            raise
        typer.echo(f"note: {error}; here they are those of tocsin.yaml, so that thresholds may seem to differ", err=True)
        opened = account.open_stage(path, where, live_limits=False)
    url = os.environ.get("TOCSIN_SLACK_URL") or ADDRESS
    return Deployment(
        settings=opened.settings,
        desired=opened.desired,
        clients=opened.clients,
        slack=lambda token: SlackWeb(url, token),
        now=now,
        sleep=account.sleep,
        hub=opened.how.hub,
    )
