"""tocsin apply: make CloudWatch as the catalogue says, or do exactly what a saved plan says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.account import Where
from cli.catalogue import Format, now

if TYPE_CHECKING:
    from alarms.deploy import How
    from alarms.deployment import Outcome
    from alarms.plan_types import Plan


def command(  # noqa: PLR0913 - every parameter is an option of the verb
    path: Annotated[
        Path | None, typer.Argument(help="A catalogue's folder or file, or a plan saved by `tocsin plan --out`.")
    ] = None,
    *,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    allow_deletes: Annotated[
        int | None, typer.Option(min=0, help="How many alarms may be deleted; default: a tenth, at least one.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_rows: Annotated[
        bool, typer.Option("--no-rows", help="Leave the catalogue table out: people are told, nothing is acted on.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
) -> None:
    """Write only what differs, at the pace AWS allows. A run that was cut off is resumed by running it again. Exit 0 or 1."""
    from cli import account

    def approve(plan: Plan) -> bool:
        _show(plan, form)
        return yes or account.ask(plan, "Apply this?")

    with account.terraform_exit():
        with account.showing_progress() as progress:
            change = {"allow_deletes": allow_deletes, "rows": not no_rows, "progress": progress}
            if path and path.is_file() and path.suffix not in account.CATALOGUE_SUFFIXES:
                outcome = _apply_saved(path, Where(stage, profile, region), change)
            else:
                outcome = _apply(path, Where(stage, profile, region), {**change, "approve": approve})
        account.finish(outcome, form)


def _apply(path: Path | None, where: Where, change: Mapping[str, object]) -> Outcome:
    from alarms import deploy
    from cli import account

    opened = account.open_stage(path, where)
    how = _how(opened.how, change)
    return deploy.apply(opened.clients, opened.desired, opened.settings, now=now, sleep=account.sleep, how=how)


def _apply_saved(path: Path, where: Where, change: Mapping[str, object]) -> Outcome:
    """Do what the file says: it was reviewed when it was made, so nobody is asked."""
    from alarms import deploy
    from alarms.domain.errors import BadInput, Refused
    from alarms.hub import hub_of
    from alarms.plan_file import from_text
    from alarms.settings import Settings
    from cli import account

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not a saved plan ({error}); write one with `tocsin plan --out FILE`") from error
    saved = from_text(text, str(path))
    target = saved.target
    if where.stage and where.stage != target.stage:
        raise Refused(f"{path} was made for stage {target.stage}, --stage says {where.stage}")
    clients, _ = account.connect(where, target.region)
    hub = hub_of(target.rows_in, target.prefix)
    settings = Settings(target.catalogue, target.prefix, target.stage, target.account, target.region, hub=hub)
    how = _how(replace(account.how_of(clients), hub=account.connect_hub(where, settings)), change)
    return deploy.apply_saved(clients, saved, settings, now=now, sleep=account.sleep, how=how)


def _how(how: How, change: Mapping[str, object]) -> How:
    return replace(how, **change)  # type: ignore[arg-type]  # the members of How, as the options named them


def _show(plan: Plan, form: Format) -> None:
    """Print the plan that is about to be applied; with JSON it is part of the outcome."""
    from alarms.plan_text import plan_lines
    from cli import account

    if form is Format.TEXT:
        account.print_lines(plan_lines(plan))
