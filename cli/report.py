"""tocsin report ID: the story of one incident, ready for the review afterwards."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alarms.domain.text import Language
from cli.account import Where

if TYPE_CHECKING:
    from cli.past import Past
    from remediators.evidence import Kept
    from remediators.looking_back.story import Story


class ReportFormat(StrEnum):
    """How a report is printed."""

    MARKDOWN = "markdown"
    JSON = "json"


def command(
    incident: Annotated[str, typer.Argument(metavar="ID", help="The incident's id, as `tocsin incidents` lists it.")],
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the packaged one when left out.")] = None,
    *,
    language: Annotated[Language | None, typer.Option(help="ko or en; the stage's own when left out.")] = None,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="markdown or json.")] = ReportFormat.MARKDOWN,
) -> None:
    """Tell one incident in full: timeline, evidence, every guard's answer, changes with AWS's request ids, people, follow-up."""
    from cli.past import open_past
    from remediators.looking_back.story_text import markdown

    past = open_past(path, Where(stage, profile, region))
    told = tell(past, incident)
    if form is ReportFormat.JSON:
        typer.echo(json.dumps(told.to_document(), ensure_ascii=False, indent=2, default=str))
    else:
        typer.echo(markdown(told, language or past.settings.language), nl=False)


def tell(past: Past, incident: str) -> Story:
    """Return the story of ``incident``; Refused when the journal knows none of that id."""
    from alarms.domain.errors import CannotRun, Refused
    from cli.past import reading
    from remediators.looking_back.story import runs_of, story

    with reading("the journal"):
        entries = past.journal.of(incident)
        clicks = [entry for run in runs_of(entries) for entry in past.journal.of(run)]
    if not entries:
        raise Refused(f"the journal of stage {past.settings.stage} knows no incident {incident!r}; `tocsin incidents` lists them")
    kept: list[Kept] = []
    try:
        with reading("the evidence"):
            kept = past.evidence.of(incident, past.until)
    except CannotRun as failure:  # a reader of reports need not be one of raw evidence
        typer.echo(f"tocsin: {failure}", err=True)
    return story(incident, [*entries, *clicks], kept)
