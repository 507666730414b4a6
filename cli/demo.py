"""tocsin demo: the whole service on an embedded AWS, in virtual time, with a report to read afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alarms.domain.errors import BadInput, CannotRun
from alarms.domain.text import Language

if TYPE_CHECKING:
    from alarms.load import Loaded
    from infra.local.metric_sources import Source
    from infra.local.play import Catalogue, Played
    from infra.local.timeline import Timeline

OUT = Path("build/demo")
STAGE = "demo"


@dataclass(frozen=True, slots=True)
class _Recorded:
    """The options that play a recorded series."""

    metrics: Path | None
    as_: str | None
    when: str | None
    for_: str | None


def command(  # noqa: PLR0913, PLR0917 - each is an option that people type
    scenario: Annotated[Path | None, typer.Option(help="A scenario file; month-end when left out.")] = None,
    out: Annotated[Path, typer.Option(help="Where report.html and report.json are written.")] = OUT,
    catalogue: Annotated[Path | None, typer.Option(help="A catalogue; the packaged one when left out.")] = None,
    stage: Annotated[str | None, typer.Option(help="Its stage; demo where it has one.")] = None,
    language: Annotated[Language | None, typer.Option(help="Of the Slack texts; the catalogue's when left out.")] = None,
    speed: Annotated[float, typer.Option(min=0, help="Virtual seconds a second on a terminal; 0: as fast as it goes.")] = 0,
    metrics: Annotated[Path | None, typer.Option(help="Play this recorded series (CSV: timestamp,value) instead.")] = None,
    as_: Annotated[str | None, typer.Option("--as", help="What it is: 'AWS/RDS CPUUtilization DBInstanceIdentifier=x'.")] = None,
    when: Annotated[str | None, typer.Option(help="With --metrics: a row on the spot, '> 50 %'.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="With --when: '15 m' or '3 of 5'; one period when left out.")] = None,
    real: Annotated[bool, typer.Option("--real", help="With real uploads, thumbnails and consumer processes.")] = False,
) -> None:
    """Play month-end, or a recorded series, through the whole service on an embedded AWS, in virtual time."""
    started = time.perf_counter()
    recorded = _Recorded(metrics, as_, when, for_)
    _together(recorded, scenario, real=real)
    _extras(real=real)
    from rich.console import Console

    from infra.local import demo

    console = Console()
    if real:
        deployed = _whole(catalogue, stage).speaking(language)
        demo.prepare(out)
        result, more = _real(deployed, lambda source: demo.screen(console, source, deployed.desired, speed))
    else:
        from infra.local.play import play

        source, deployed = _series(recorded, catalogue, stage) if metrics else _scenario(scenario, catalogue, stage)
        deployed, more = deployed.speaking(language), []
        demo.prepare(out)
        result = play(source, deployed, demo.screen(console, source, deployed.desired, speed))
    result.summary["real_s"] = round(time.perf_counter() - started, 2)
    page, data = demo.write(result, out)
    for line in (*demo.ending(result), *more):
        typer.echo(line)
    typer.echo(f"report: {page}  raw: {data}  ({result.summary['real_s']} s)")


def _together(recorded: _Recorded, scenario: Path | None, *, real: bool) -> None:
    """Refuse options that mean nothing together."""
    if real and (recorded.metrics is not None or scenario is not None):
        raise BadInput("--real brings its own load: leave out --metrics and --scenario")
    if recorded.metrics is None:
        if recorded.as_ or recorded.when or recorded.for_:
            raise BadInput("--as, --when and --for go with --metrics FILE.csv")
        return
    if scenario is not None:
        raise BadInput("--metrics and --scenario: play one of them at a time")
    if recorded.as_ is None:
        raise BadInput("--metrics: say with --as what the series is, like --as 'AWS/RDS CPUUtilization DBInstanceIdentifier=x'")
    if recorded.for_ is not None and recorded.when is None:
        raise BadInput("--for goes with --when: a row of the catalogue says itself how long")


def _extras(*, real: bool) -> None:
    """CannotRun when the embedded AWS, or the real workload, is not installed."""
    needed = {"freezegun": "local", "moto": "local"} | (
        {"fastapi": "workload", "PIL": "workload", "uvicorn": "workload"} if real else {}
    )
    for module, extra in needed.items():
        if find_spec(module) is None:
            extras = "cli,local,workload" if real else "cli,local"
            how = f"make setup, or pip install '.[{extras}]'"
            raise CannotRun(f"{module} is not installed: the demo needs the extra `{extra}` ({how})")


def _real(deployed: Catalogue, screen: Callable[[Source], Timeline]) -> tuple[Played, list[str]]:
    """Play the real workload; return the run, and the lines that say what is really there."""
    from infra.local import real_demo
    from infra.local.workload_plan import WorkloadPlan

    result = real_demo.play_real(WorkloadPlan(), deployed, screen)
    return result, real_demo.lines(result.summary["workload"])


def _scenario(path: Path | None, root: Path | None, stage: str | None) -> tuple[Source, Catalogue]:
    """Return the model of the platform under a scenario, and the whole catalogue."""
    from infra.local import scenario
    from infra.local.metric_sources import PlatformSource

    source = PlatformSource(scenario.read(path or scenario.MONTH_END))
    return source, _whole(root, stage)


def _whole(root: Path | None, stage: str | None) -> Catalogue:
    """Return every row of a catalogue."""
    from infra.local.play import Catalogue

    loaded = _opened(root, stage)
    return Catalogue(loaded.desired, loaded.settings)


def _series(recorded: _Recorded, root: Path | None, stage: str | None) -> tuple[Source, Catalogue]:
    """Return a recorded series, and the rows that watch it."""
    from cli.catalogue import catalogue_path
    from infra.local import recorded_row, series
    from infra.local.metric_sources import SeriesSource
    from infra.local.play import Catalogue
    from remediators.registry import registry

    assert recorded.metrics is not None and recorded.as_ is not None  # noqa: S101, PT018 - _together has seen to it
    subject, read = series.subject(recorded.as_), series.read(recorded.metrics)
    if recorded.when is not None:
        loaded = recorded_row.made(subject, recorded.when, recorded.for_, read.step_s, registry())
        rows = loaded.desired
    else:
        loaded = _opened(root, stage)
        rows = recorded_row.matching(loaded.desired, subject, str(catalogue_path(root)))
    if remark := recorded_row.remark(rows, read.step_s):
        typer.echo(f"note: {remark}", err=True)
    return SeriesSource(read, subject, recorded_row.shortest_period(rows)), Catalogue(rows, loaded.settings)


def _opened(root: Path | None, stage: str | None) -> Loaded:
    """Load a catalogue; its stage ``demo`` where it has one and none is named."""
    from alarms.settings_file import read_settings
    from alarms.sources import read_sources
    from cli.catalogue import catalogue_path, opened

    if stage is None and STAGE in read_settings(read_sources(catalogue_path(root)).settings, None)[0].stages:
        stage = STAGE
    return opened(root, stage)
