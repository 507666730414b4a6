"""Evidence is kept once, masked, bounded and for a while only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.errors import CannotRun
from infra.local.aws import Embedded, embedded
from remediators.dynamodb import table_definition
from remediators.evidence import MOST_BYTES, EvidenceTable, days_of, packed

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)
SESSIONS = {"sessions": [{"pid": 4711, "query": "select 1 where phone = '010-1234-5678'", "state": "idle"}]}


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(NOW) as aws:
        aws.client("dynamodb").create_table(**table_definition("evidence"))
        yield aws


def table(aws: Embedded, days: int = 14) -> EvidenceTable:
    client = aws.client("dynamodb")
    return EvidenceTable(lambda: client, "evidence", days)


def test_the_same_twice_is_the_same(aws: Embedded) -> None:
    """A delivery after a crash keeps nothing twice, and the time of the first stays."""
    store = table(aws)
    first = store.keep("e1", "end-database-sessions", SESSIONS, NOW)
    again = store.keep("e1", "end-database-sessions", SESSIONS, NOW + timedelta(minutes=3))

    assert first == again
    (kept,) = store.of("e1", NOW)
    assert (kept.kind, kept.at, kept.cut) == ("end-database-sessions", NOW, False)
    assert first == f"e1/{kept.reference}"


def test_personal_data_never_reaches_the_table(aws: Embedded) -> None:
    table(aws).keep("e1", "diagnose", SESSIONS, NOW)

    (kept,) = table(aws).of("e1", NOW)
    assert kept.document["sessions"][0]["query"] == "select 1 where phone = '[phone]'"


def test_what_has_expired_is_gone_though_dynamodb_is_slow_to_delete_it(aws: Embedded) -> None:
    table(aws, days=1).keep("e1", "diagnose", SESSIONS, NOW)

    assert table(aws).of("e1", NOW + timedelta(hours=23)) != []
    assert table(aws).of("e1", NOW + timedelta(hours=25)) == []


@pytest.mark.parametrize(
    "document",
    [
        {"lines": [f"{number} GET /orders {'x' * 300}" for number in range(5_000)]},
        {"text": "가" * 600_000},
        {"deep": {str(number): {"lines": ["y" * 5000] * 40} for number in range(60)}},
        {str(number): number for number in range(60_000)},
    ],
    ids=["many lines", "one long text", "many parts", "many keys"],
)
def test_what_is_too_large_is_cut_and_says_so(document: Any, aws: Embedded) -> None:
    table(aws).keep("e1", "diagnose", document, NOW)

    (kept,) = table(aws).of("e1", NOW)
    assert kept.cut
    assert "left_out" in json.dumps(kept.document) or "left out" in json.dumps(kept.document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON))
def test_anything_can_be_kept(document: dict[str, Any]) -> None:
    """Whatever a service answers, texts with half a surrogate pair too."""
    content, cut = packed(document)

    assert len(content) <= MOST_BYTES
    assert not cut
    assert packed(document) == (content, cut)


@pytest.mark.parametrize(("value", "days"), [(None, 14), ("", 14), ("0", 14), (" 30 ", 30), ("1", 1)])
def test_unset_empty_and_zero_mean_the_default(value: str | None, days: int) -> None:
    assert days_of("TOCSIN_EVIDENCE_DAYS", value, 14) == days


@pytest.mark.parametrize("value", ["-1", "for ever", "1.5", "99999", "keep"])
def test_a_time_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(CannotRun, match="TOCSIN_EVIDENCE_DAYS is"):
        days_of("TOCSIN_EVIDENCE_DAYS", value, 14)
