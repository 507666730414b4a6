"""How the deploying verbs reach an account: session, stage, catalogue with live limits, progress, and Terraform's exit codes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.catalogue import Format, now

if TYPE_CHECKING:
    from alarms.deploy import Clients, How
    from alarms.deployment import Outcome, Progress, Step
    from alarms.desired import Desired
    from alarms.plan_types import Plan
    from alarms.settings import Settings

CATALOGUE_SUFFIXES = (".yaml", ".yml")  # what `apply` reads as a catalogue; any other file is a saved plan
_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red", "x": "red", "h": "blue", "n": "blue", "s": "red"}


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Where:
    """What the command line says of the account."""

    stage: str | None
    profile: str | None
    region: str | None


@dataclass(frozen=True, slots=True)
class Stage:
    """An opened stage: what should be there, whose it is, and how to reach it."""

    desired: tuple[Desired, ...]
    settings: Settings
    clients: Clients
    how: How


@contextlib.contextmanager
def terraform_exit() -> Iterator[None]:
    """Turn every known failure into one line and exit 1: in these verbs 2 means changes, as it does in Terraform."""
    from alarms.domain.errors import TocsinError

    try:
        yield
    except TocsinError as error:
        typer.echo(f"tocsin: {error}", err=True)
        raise typer.Exit(1) from error


def open_stage(path: Path | None, where: Where, *, live_limits: bool = True) -> Stage:
    """Load the catalogue at ``path`` with limits asked of AWS, in the stage's account and region.

    Without ``live_limits`` they are those that tocsin.yaml declares.

    One file of a catalogue prunes only services of which it has all rows. A catalogue with errors ends the command with
    exit 1; the wrong account is Refused before anything else is asked.
    """
    from alarms.deploy import How
    from alarms.live import LiveRds
    from alarms.load import load_sources
    from alarms.plan_types import WHOLE, Scope
    from alarms.sources import read_sources
    from cli.catalogue import catalogue_path, tell, today
    from remediators.registry import registry

    sources = read_sources(catalogue_path(path))
    settings, clients, owner = open_account(path, where)
    known = {
        "stage": where.stage,
        "actions": registry(),
        "facts": LiveRds(clients, sleep=sleep) if live_limits else None,
        "today": today(),
    }
    placed = {"account": settings.account, "region": settings.region}
    loaded = load_sources(sources, **known, **placed)  # type: ignore[arg-type]  # keywords that are shared by two calls
    if loaded.errors:
        tell(loaded.errors, err=True)
        raise typer.Exit(1)
    scope = WHOLE
    if sources.only:
        whole = load_sources(replace(sources, only=""), **known, **placed)  # type: ignore[arg-type]  # as above
        rows = [one.alarm.row for one in loaded.desired]
        scope = Scope(()) if whole.errors else Scope.covering(rows, [one.alarm.row for one in whole.desired])
    hub = connect_hub(where, loaded.settings)
    return Stage(loaded.desired, loaded.settings, clients, How(scope=scope, owner=owner, hub=hub))


def open_account(path: Path | None, where: Where) -> tuple[Settings, Clients, str]:
    """Return the stage's settings with account and region filled in, clients there, and what to call this run.

    Where tocsin.yaml declares no account, that of the credentials is taken, and said. Refused when it declares another.
    """
    from alarms.deploy import check_place, identity, target_of
    from alarms.problem import Level
    from alarms.settings_file import read_settings
    from alarms.sources import read_sources
    from cli.catalogue import catalogue_path, tell

    settings, problems = read_settings(read_sources(catalogue_path(path)).settings, where.stage)
    errors = [problem for problem in problems if problem.level is Level.ERROR]
    if errors:
        tell(errors, err=True)
        raise typer.Exit(1)
    clients, region = connect(where, settings.region if settings.region_declared else None)
    account, _ = identity(clients, sleep)
    if not settings.account_declared:
        settings = replace(settings, account=account)
        typer.echo(f"stage {settings.stage} declares no account: taking that of the credentials, {account}", err=True)
    settings = replace(settings, region=region)
    check_place(clients, target_of(settings), sleep)
    return settings, clients, how_of(clients).owner


def refuse_a_spoke(settings: Settings, what: str) -> None:
    """Raise Refused for a stage whose pipeline is another's; ``what`` is asked for and stands there."""
    from alarms.domain.errors import Refused

    hub = settings.hub
    if hub is not None:
        raise Refused(
            f"stage {settings.stage} is a spoke: {what} stands with its hub, stage {hub.stage} in {hub.account}, {hub.region}; "
            f"ask there with --stage {hub.stage}"
        )


def refuse_a_part(path: Path | None, verb: str = "tocsin destroy") -> None:
    """Raise Refused when ``path`` is one file, or holds no catalogue: ownership is the catalogue's, so all of it would go."""
    from alarms.domain.errors import Refused
    from alarms.sources import read_sources
    from cli.catalogue import catalogue_path

    root = catalogue_path(path)
    sources = read_sources(root)
    if sources.only:
        raise Refused(f"{root} is one file, and `{verb}` is for a whole catalogue and stage: give its folder")
    if sources.empty:
        raise Refused(f"{root}: no file of a catalogue is here; give the folder of the one whose alarms are to go")


def how_of(clients: Clients) -> How:
    """Return how this run behaves by default, named after whose credentials it has."""
    from alarms.deploy import How, identity

    return How(owner=f"{identity(clients, sleep)[1]} ({uuid.uuid4().hex[:6]})")


def connect_hub(where: Where, settings: Settings) -> Clients | None:
    """Return clients of the same profile in the region of the hub's table, None for a stage without a hub."""
    return connect(Where(where.stage, where.profile, None), settings.hub.region)[0] if settings.hub else None


def connect(where: Where, declared_region: str | None) -> tuple[Clients, str]:
    """Return clients of the named profile in the stage's region. Refused when --region contradicts the stage."""
    import boto3
    from botocore.exceptions import ProfileNotFound

    from alarms.deploy import clients_of
    from alarms.domain.errors import CannotRun, Refused

    if declared_region and where.region and where.region != declared_region:
        raise Refused(f"the stage is in {declared_region}, --region says {where.region}: leave it out, or change tocsin.yaml")
    try:
        session = boto3.Session(profile_name=where.profile)
    except ProfileNotFound as error:
        raise CannotRun(f"{error}; `aws configure list-profiles` shows those there are") from error
    region = declared_region or where.region or session.region_name
    if not region:
        raise CannotRun("no region: say --region, set AWS_DEFAULT_REGION, or declare it for the stage in tocsin.yaml")
    return clients_of(session, region), region


def finish(outcome: Outcome, form: Format) -> None:
    """Print what a run did and end the command: exit 0 when all that was asked is done, else 1."""
    from alarms.plan_file import outcome_document
    from alarms.plan_text import outcome_lines, plan_lines

    if form is Format.JSON:
        typer.echo(json.dumps(outcome_document(outcome, now()), ensure_ascii=False, indent=2))
    else:
        print_lines(plan_lines(outcome.plan) if outcome.plan.empty or outcome.plan.stop else outcome_lines(outcome))
    raise typer.Exit(0 if outcome.ok else 1)


def print_lines(lines: Iterator[str]) -> None:
    """Print the lines of a plan or an outcome, coloured by their sign on a terminal."""
    for line in lines:
        typer.secho(line, fg=_COLOURS.get(line[:1]) if line[1:2] in (" ", "o", "t") else None)


def save(out: Path, text: str) -> None:
    """Write a plan to ``out``; Refused when it cannot be written, or would be taken for a catalogue when it is applied."""
    from alarms.domain.errors import Refused

    if out.suffix in CATALOGUE_SUFFIXES:
        raise Refused(f"{out} would be read as a catalogue by `tocsin apply`: give the plan another ending, as in plan.json")
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{out}: the plan was not saved ({error.strerror or error})") from error
    typer.echo(f"written to {out}: `tocsin apply {out}` does exactly this", err=True)


def ask(plan: Plan, question: str) -> bool:
    """Ask on the terminal; Refused where there is nobody to ask."""
    return confirmed(f"{len(plan.items)} alarms would be written", question)


def confirmed(what: str, question: str) -> bool:
    """Ask ``question`` on the terminal; Refused, saying ``what`` would happen, where there is nobody to ask."""
    from alarms.domain.errors import Refused

    if not sys.stdin.isatty():
        raise Refused(f"{what} and nobody is there to ask: say --yes; nothing was written")
    return typer.confirm(question, err=True)


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Show how far a run is: a bar on a terminal, one line an alarm otherwise. On stderr either way."""
    if not sys.stderr.isatty():
        yield lambda step: typer.echo(f"[{step.done}/{step.total}] {step.text}" if step.total else step.text, err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("")

    def show(step: Step) -> None:
        """Start the bar with the first alarm only: until then somebody may be asked something on the same terminal."""
        if step.total:
            bar.start()
            bar.update(task, completed=step.done, total=step.total, description=step.text)
        else:
            typer.echo(step.text, err=True)

    try:
        yield show
    finally:
        bar.stop()
