"""tocsin destroy: delete the alarms of one catalogue and stage, after showing them and asking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.account import Where
from cli.catalogue import Format, now

if TYPE_CHECKING:
    from alarms.plan_types import Plan


def command(
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the packaged one when left out.")] = None,
    *,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    no_rows: Annotated[bool, typer.Option("--no-rows", help="Leave the catalogue table out.")] = False,
    form: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
) -> None:
    """Delete all alarms of this catalogue and stage.

    Only those whose tags carry this catalogue's id and this stage, and their rows; nothing else. Exit 0 or 1.
    """
    from alarms import deploy
    from alarms.deploy import How
    from alarms.plan_text import plan_lines
    from cli import account

    def approve(plan: Plan) -> bool:
        if form is Format.TEXT:
            account.print_lines(plan_lines(plan))
        return yes or account.ask(plan, f"Delete these {len(plan.delete)} alarms of stage {plan.target.stage}?")

    with account.terraform_exit():
        with account.showing_progress() as progress:
            account.refuse_a_part(path)
            settings, clients, owner = account.open_account(path, Where(stage, profile, region))
            hub = account.connect_hub(Where(stage, profile, region), settings)
            how = replace(How(owner=owner, hub=hub), rows=not no_rows, approve=approve, progress=progress)
            outcome = deploy.destroy(clients, settings, now=now, sleep=account.sleep, how=how)
        account.finish(outcome, form)
