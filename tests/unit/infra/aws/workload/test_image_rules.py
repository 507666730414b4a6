"""What may be asked for: every wish is within the rules, or refused with each reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.workload.image_rules import NotAllowed, Wish, wish
from infra.aws.workload.settings import TYPES, ImageRules

RULES = ImageRules(most_bytes=1000)
VALUES: Any = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.lists(st.integers(), max_size=2)
)


@given(
    document=st.dictionaries(st.sampled_from(["content_type", "size", "filename", "key", "id"]), VALUES | st.sampled_from(TYPES))
)
def test_a_wish_is_within_the_rules_or_says_why_not(document: dict[str, Any]) -> None:
    try:
        found = wish(document, RULES)
    except NotAllowed as refused:
        assert refused.problems, "a refusal has a reason"  # noqa: PT017 - both ways are the property
        return
    assert found.content_type in TYPES
    assert 0 < found.size <= 1000
    assert found.filename.isprintable() or not any(ord(character) < 32 for character in found.filename)
    assert set(document) <= {"content_type", "size", "filename"}


@given(first=st.text(max_size=20), second=st.text(max_size=20), size=st.integers(1, 5))
def test_two_wishes_have_one_digest_only_when_they_are_the_same(first: str, second: str, size: int) -> None:
    one, other = Wish("image/png", size, first), Wish("image/png", size, second)

    assert (one.digest == other.digest) == (first == second)


def test_every_reason_is_told_at_once() -> None:
    with pytest.raises(NotAllowed) as caught:
        wish(json.loads('{"size": -1, "kind": "x", "filename": 5}'), RULES)

    assert len(caught.value.problems) == 4
