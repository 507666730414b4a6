"""The list of what ministack lacks is what ministack lacks: a gap that closed is taken off the list, a new one is put on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from deployed_pipeline import STACK, create, template_of
from gaps import ABSENT, DROPPED, HURRIED, INVENTED, REJECTED, fitted
from ministack_process import Ministack
from read_back import lost


@pytest.mark.parametrize("kind", REJECTED)
def test_a_type_that_is_taken_out_of_the_template_is_still_refused(emulator: Ministack, kind: str) -> None:
    template = json.dumps({"Resources": {"One": {"Type": kind, "Properties": {}}}})
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        emulator.client("cloudformation").create_stack(StackName="one", TemplateBody=template)


def test_all_of_the_template_but_what_is_listed_stands_as_it_was_written(emulator: Ministack, assembly: Path) -> None:
    template = fitted(template_of(assembly))
    create(emulator, template)
    pages = emulator.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for page in pages for one in page["StackResourceSummaries"]}
    assert ids.keys() == template["Resources"].keys()
    assert lost(emulator, template, ids) == set(DROPPED)


def test_a_service_that_a_double_stands_in_for_is_still_absent(emulator: Ministack) -> None:
    calls = {
        "application-autoscaling": ("describe_scalable_targets", {"ServiceNamespace": "ecs"}),
        "health": ("describe_events", {}),
    }
    assert calls.keys() == ABSENT.keys()
    for service, (operation, members) in calls.items():
        with pytest.raises(ClientError):
            getattr(emulator.client(service), operation)(**members)


def test_the_page_tells_of_every_gap() -> None:
    page = (Path(__file__).parents[2] / "docs" / "end-to-end.md").read_text(encoding="utf-8")
    assert {name for name in (*REJECTED, *DROPPED, *ABSENT, *HURRIED, *INVENTED) if f"`{name}`" not in page} == set()
