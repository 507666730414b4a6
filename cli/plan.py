"""tocsin plan: what apply would do, member by member, and who moved each."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.catalogue import now


class Format(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def command(  # noqa: PLR0913 - every parameter is an option of the verb
    path: Annotated[
        Path | None, typer.Argument(help="A catalogue's folder or one of its files; the packaged one when left out.")
    ] = None,
    *,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the plan to this file, for `tocsin apply FILE`.")] = None,
    detailed_exitcode: Annotated[bool, typer.Option("--detailed-exitcode", help="Exit 2 when there is something to do.")] = False,
    allow_deletes: Annotated[
        int | None, typer.Option(min=0, help="How many alarms may be deleted; default: a tenth, at least one.")
    ] = None,
    no_rows: Annotated[
        bool, typer.Option("--no-rows", help="Leave the catalogue table out: people are told, nothing is acted on.")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="text for people, json for programs, markdown for a pull request.")
    ] = Format.TEXT,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
) -> None:
    """Compare the catalogue with the live account. Writes nothing. Exit 0, 1: error or refused, 2: changes (when asked)."""
    from dataclasses import replace

    from alarms import deploy
    from alarms.plan_file import to_document, to_text
    from alarms.plan_markdown import to_markdown
    from alarms.plan_text import plan_lines
    from cli import account

    with account.terraform_exit():
        opened = account.open_stage(path, account.Where(stage, profile, region))
        how = replace(opened.how, allow_deletes=allow_deletes, rows=not no_rows)
        plan = deploy.plan(opened.clients, opened.desired, opened.settings, now=now, sleep=account.sleep, how=how)
    at = now()
    if form is Format.JSON:
        typer.echo(json.dumps(to_document(plan, at), ensure_ascii=False, indent=2))
    elif form is Format.MARKDOWN:
        typer.echo(to_markdown(plan), nl=False)
    else:
        account.print_lines(plan_lines(plan))
    if out:
        with account.terraform_exit():
            account.save(out, to_text(plan, at))
    if plan.refused or plan.stop:
        raise typer.Exit(1)
    raise typer.Exit(2 if detailed_exitcode and not plan.empty else 0)
