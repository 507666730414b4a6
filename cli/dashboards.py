"""tocsin dashboards: one dashboard for each component and an overview, compiled from the catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.account import Where

if TYPE_CHECKING:
    from alarms.dashboards.compile import Dashboard


class Format(StrEnum):
    """What is printed."""

    TEXT = "text"
    JSON = "json"
    CLOUDFORMATION = "cloudformation"


def command(  # noqa: PLR0913 - every parameter is an option of the verb
    path: Annotated[
        Path | None, typer.Argument(help="A catalogue's folder or one of its files; the packaged one when left out.")
    ] = None,
    *,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    form: Annotated[
        Format, typer.Option("--format", help="text: a line each; json: names and bodies; cloudformation: a template.")
    ] = Format.TEXT,
    out: Annotated[Path | None, typer.Option(help="A folder: one file for each dashboard, its body.")] = None,
    put: Annotated[bool, typer.Option("--put", help="Write to CloudWatch what differs.")] = False,
    allow_deletes: Annotated[
        int | None, typer.Option(min=0, help="How many dashboards may be deleted; default: a tenth, at least one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
) -> None:
    """Compile dashboards from the catalogue. Prints them, writes files, or puts them. Exit 0, or 1: error or refused."""
    from alarms.dashboards.compile import dashboards
    from cli.catalogue import opened

    _together(form, out, put=put)
    if put:
        _put(path, Where(stage, profile, region), form, allow_deletes=allow_deletes, yes=yes)
        return
    loaded = opened(path, stage)
    made = dashboards(loaded.desired, loaded.settings)
    if out:
        _write(out, made)
    elif form is Format.CLOUDFORMATION:
        from alarms.dashboards.template import template

        typer.echo(json.dumps(template(made), ensure_ascii=False, indent=2))
    elif form is Format.JSON:
        typer.echo(
            json.dumps({"dashboards": [{"name": one.name, "body": one.body} for one in made]}, ensure_ascii=False, indent=2)
        )
    else:
        for one in made:
            typer.echo(
                f"{one.name}  {len(one.body['widgets'])} widgets, {len(one.alarms)} alarms, {len(one.text.encode())} bytes"
            )
    typer.echo(f"{len(made)} dashboard{'s' * (len(made) != 1)} of stage {loaded.settings.stage}", err=True)
    if not loaded.settings.account_declared:
        typer.echo("note: the stage declares no account; the ARNs carry AWS's documentation account 123456789012", err=True)


def _together(form: Format, out: Path | None, *, put: bool) -> None:
    """Refuse options that mean nothing together."""
    from alarms.domain.errors import BadInput

    if put and (out or form is Format.CLOUDFORMATION):
        raise BadInput("--put writes to CloudWatch: leave out --out and --format cloudformation")
    if out and form is not Format.TEXT:
        raise BadInput("--out writes one file for each dashboard: leave out --format")


def _put(path: Path | None, where: Where, form: Format, *, allow_deletes: int | None, yes: bool) -> None:
    """Compile with the limits that AWS says, show what differs, ask, and write it."""
    from alarms.dashboards.cloudwatch import Dashboards
    from alarms.dashboards.compile import dashboards
    from alarms.dashboards.plan import lines, plan
    from alarms.deploy import check_place, target_of
    from alarms.domain.errors import Refused
    from cli import account
    from cli.catalogue import now

    account.refuse_a_part(path, "tocsin dashboards --put")
    stage = account.open_stage(path, where)
    check_place(stage.clients, target_of(stage.settings), account.sleep)
    aws = Dashboards(stage.clients, now=now, sleep=account.sleep)
    made = dashboards(stage.desired, stage.settings)
    todo = plan(made, aws.gather(made, stage.settings), stage.settings, allow_deletes=allow_deletes)
    if form is Format.TEXT:
        account.print_lines(lines(todo))
    if todo.stop:
        raise Refused(todo.stop)
    if todo.items and not yes and not account.confirmed(f"{len(todo.items)} dashboards would be written", "Put these?"):
        raise Refused("not approved: nothing was written")
    written = aws.write(todo, stage.settings)
    for warning in written.warnings:
        typer.echo(f"CloudWatch says: {warning}", err=True)
    if form is not Format.TEXT:
        typer.echo(json.dumps(_document(todo), ensure_ascii=False, indent=2))
    raise typer.Exit(1 if todo.refused else 0)


def _document(todo: Any) -> dict[str, Any]:
    return {
        "written": [{"verb": item.verb.value, "name": item.name, "changes": list(item.changes)} for item in todo.items],
        "unchanged": list(todo.unchanged),
        "refused": [{"name": refused.name, "why": refused.why} for refused in todo.refused],
    }


def _write(out: Path, made: Sequence[Dashboard]) -> None:
    from alarms.domain.errors import Refused

    try:
        out.mkdir(parents=True, exist_ok=True)
        for one in made:
            file = out / f"{one.name}.json"
            file.write_text(json.dumps(one.body, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            typer.echo(str(file))
    except OSError as error:
        raise Refused(f"{out}: the dashboards were not saved ({error.strerror or error})") from error
