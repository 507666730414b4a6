"""Every cause has a name and a checklist in both languages; a cause of another version is unknown, never an error."""

from __future__ import annotations

import pytest

from alarms.domain.cause import Cause
from alarms.domain.followup import EVERY_INCIDENT, checklist


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_what_to_do_afterwards(cause: Cause) -> None:
    items = checklist(cause)

    assert len(items) > len(EVERY_INCIDENT)
    assert len({item.en for item in items}) == len(items)
    assert all(item.en.endswith((".", "?")) and item.ko.endswith((".", "?")) for item in items)
    assert any("가" <= letter <= "힣" for letter in cause.label.ko)


@pytest.mark.parametrize("value", ["meteorite", "", None, 7, "OOM"])
def test_a_cause_that_nobody_knows_is_unknown(value: object) -> None:
    assert Cause.read(value) is Cause.UNKNOWN


def test_the_list_is_found_by_the_stored_value() -> None:
    assert checklist("oom") == checklist(Cause.OOM) != checklist("unknown")
