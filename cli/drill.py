"""tocsin drill: exercise one policy in a stage that is not production, from its alarm to what it gives back."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.account import Where
from cli.catalogue import Format

if TYPE_CHECKING:
    from alarms.domain.alarm import Alarm
    from cli.exercise import Drill, Outcome

PRODUCTION = ("prod", "prd", "live")


def command(
    policy: Annotated[str, typer.Argument(help="The row whose policy is exercised: <service>/<component>/<id>, or shorter.")],
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the packaged one when left out.")] = None,
    *,
    stage: Annotated[str, typer.Option(help="The stage. One that looks like production is refused.")],
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
    yes_really: Annotated[bool, typer.Option("--yes-really", help="Drill in production all the same.")] = False,
    form: Annotated[Format, typer.Option("--format", help="text or json.")] = Format.TEXT,
) -> None:
    """Let a drill alarm ring and watch its policy live: told, decided, done, verified, given back.

    The alarm watches a metric of its own. What the policy does is real, in the mode that the stage allows. Alarm and row are
    taken away at the end, also after Ctrl-C.
    """
    from alarms.domain.errors import Refused

    if stage.startswith(PRODUCTION) and not yes_really:
        raise Refused(f"{stage} looks like production, and a drill really acts there: drill in staging, or say --yes-really")
    drill = _prepared(policy, path, Where(stage, profile, region))
    outcomes: list[Outcome] = []
    left, whole = "", True
    try:
        drill.begin()
        for outcome in drill.steps():
            outcomes.append(outcome)
            typer.echo(_line(outcome), err=form is Format.JSON)
    except KeyboardInterrupt:
        whole = False
        typer.echo("broken off", err=True)
    finally:
        left = drill.end()
        typer.echo("the drill's alarm and row are taken away", err=True)
    if left:
        typer.echo(left, err=True)
    if form is Format.JSON:
        typer.echo(json.dumps([asdict(outcome) for outcome in outcomes], ensure_ascii=False, indent=2))
    raise typer.Exit(0 if whole and outcomes and all(outcome.passed for outcome in outcomes) else 1)


def _prepared(policy: str, path: Path | None, where: Where) -> Drill:
    from alarms.desired import TAG_CATALOGUE, TAG_ROW, TAG_STAGE
    from alarms.settings import topic_arn
    from cli import account, catalogue
    from cli.exercise import Drill, Place, drill_row
    from remediators.aws import Client
    from remediators.looking_back.journal_reader import JournalReader

    found = _row(policy, path, where.stage)
    settings, clients, _ = account.open_account(path, where)
    account.refuse_a_spoke(settings, "what a drill watches")
    row = drill_row(replace(found, account=settings.account, region=settings.region), settings.prefix)
    base = f"{settings.prefix}-{settings.stage}"
    place = Place(
        clients=lambda service: Client(clients(service)),
        journal=JournalReader(Client(clients("dynamodb")), f"{base}-journal"),
        base=base,
        topic_arn=topic_arn(settings.topic, settings.region, settings.account),
        tags={TAG_CATALOGUE: settings.catalogue, TAG_STAGE: settings.stage, TAG_ROW: row.row},
        now=catalogue.now,
        sleep=account.sleep,
    )
    return Drill(place, row)


def _row(said: str, path: Path | None, stage: str | None) -> Alarm:
    """Return the alarm whose row is meant; Refused, with what is near, when none is."""
    from alarms.domain.errors import Refused
    from cli.catalogue import opened

    known = {name: one.alarm for one in reversed(opened(path, stage).desired) for name in (one.alarm.row, one.id)}
    if said in known:
        return known[said]
    near = difflib.get_close_matches(said, known, 1)
    raise Refused(f"{said!r} is no row of stage {stage}" + (f"; did you mean {near[0]!r}?" if near else ""))


def _line(outcome: Outcome) -> str:
    verdict = typer.style("pass", fg="green") if outcome.passed else typer.style("FAIL", fg="red", bold=True)
    return f"{verdict}  {outcome.took_s:5.0f} s  {outcome.step}" + (f" ({outcome.note})" if outcome.note else "")
