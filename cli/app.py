"""The `tocsin` command: finds the verbs, one file each, and turns failures into one line and an exit code."""

from __future__ import annotations

import importlib
import sys

import typer

from alarms.domain.errors import CannotRun, TocsinError

# In the order that `tocsin --help` shows them; each is the file cli/<verb>.py with a function `command`.
VERBS = (
    "check",
    "show",
    "export",
    "schema",
    "plan",
    "apply",
    "destroy",
    "dashboards",
    "pause",
    "resume",
    "incidents",
    "report",
    "scoreboard",
    "explain",
    "iam",
    "drill",
    "doctor",
    "demo",
)

EXIT_PROBLEM = 1
EXIT_CANNOT_RUN = 2


def build(verbs: tuple[str, ...] = VERBS) -> typer.Typer:
    """Return the command-line application with every verb of ``verbs``."""
    app = typer.Typer(
        name="tocsin",
        help="Alarms as YAML rows: lint, plan and deploy them; explain their events; see the whole service run.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for verb in verbs:
        app.command(verb)(importlib.import_module(f"cli.{verb}").command)
    return app


def main() -> None:
    """Run the command line; a known failure is one line on stderr, never a traceback."""
    try:
        build()()
    except TocsinError as error:
        print(f"tocsin: {error}", file=sys.stderr)  # noqa: T201 - the one place where a failure becomes a line
        sys.exit(EXIT_CANNOT_RUN if isinstance(error, CannotRun) else EXIT_PROBLEM)
