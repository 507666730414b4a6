"""The README is true: its row loads, its verbs and its links exist."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from alarms.domain.alarm import Mode
from alarms.load import load
from cli.app import VERBS
from remediators.registry import registry

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

SERVICE = """\
service: image-processing
owner: platform
notify: ops-alerts
use:
  sqs:
    targets: [{QueueName: image-jobs}]
    overrides:
      oldest-message-age:
        remediate: {scale-consumers: {with: {cluster: image, consumer: image-consumer, max_tasks: 40}}}
"""


def test_the_row_that_readers_see_first_loads_and_only_observes(tmp_path: Path) -> None:
    (row,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    for name, text in {
        "profiles/sqs.yaml": f"component: sqs\nalarms:\n{textwrap.indent(row, '  ')}",
        "services/s.yaml": SERVICE,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    loaded = load(tmp_path, stage=None, actions=registry())

    assert loaded.problems == ()
    (one,) = loaded.desired
    assert (one.id, one.request["Threshold"], one.request["EvaluationPeriods"]) == ("sqs/oldest-message-age", 600.0, 15)
    assert [policy.mode for policy in one.alarm.policies] == [Mode.OBSERVE]


def test_every_verb_it_names_exists_and_every_verb_is_named() -> None:
    assert set(re.findall(r"`tocsin ([a-z]+)", README)) == set(VERBS)


def test_every_file_it_links_to_exists() -> None:
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
