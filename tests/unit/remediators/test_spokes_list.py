"""The allow list of a hub is read strictly: one bad entry spoils it, and the failure says which."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.errors import BadInput
from remediators.spokes import Spoke, parse, text_of

HOME = "123456789012/ap-northeast-2"
PLACE = "222222222222/eu-west-1"
GOOD = {"role": "arn:aws:iam::222222222222:role/tocsin-prod-spoke", "external_id": "7d1f0c5e9b"}


def listed(place: str = PLACE, **changes: Any) -> str:
    entry = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return json.dumps({"places": {place: entry}})


def test_an_entry_is_a_place_with_its_role_and_external_id() -> None:
    spoke = Spoke("222222222222", "eu-west-1", GOOD["role"], GOOD["external_id"])

    assert parse(listed(), HOME) == {PLACE: spoke}
    assert GOOD["external_id"] not in repr(spoke)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("[]", "is not"),
        ('{"places": []}', "is not"),
        ('{"places": {}, "more": 1}', "is not"),
        (listed("222222222222"), "not an account and a region"),
        (listed("22222222222/eu-west-1"), "not an account and a region"),
        (listed("*/eu-west-1"), "not an account and a region"),
        (listed(HOME), "the hub's own place"),
        (listed(role=None), "needs role and external_id"),
        (listed(external_id=None), "needs role and external_id"),
        (listed(more="x"), "and nothing else"),
        (listed(role="arn:aws:iam::333333333333:role/x"), "not the ARN of a role of account 222222222222"),
        (listed(role="arn:aws:iam::222222222222:user/x"), "not the ARN of a role"),
        (listed(role="arn:aws:iam::222222222222:role/*"), "not the ARN of a role"),
        (listed(external_id=""), "external_id is not"),
        (listed(external_id="x"), "external_id is not"),
        (listed(external_id=7), "external_id is not"),
    ],
)
def test_what_is_not_as_it_should_be_is_said_by_name(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as failure:
        parse(text, HOME)

    assert GOOD["external_id"] not in str(failure.value)


IDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_+=,.@:/", min_size=2, max_size=60)


@given(st.dictionaries(st.from_regex(r"[0-9]{12}", fullmatch=True), IDS, max_size=6))
def test_what_is_written_is_what_is_read(ids: dict[str, str]) -> None:
    spokes = {
        f"{account}/eu-west-1": Spoke(account, "eu-west-1", f"arn:aws:iam::{account}:role/r", external_id)
        for account, external_id in ids.items()
    }

    assert parse(text_of(spokes), HOME) == spokes


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_nothing_else_is_ever_a_list(value: Any) -> None:
    """Whatever JSON stands there: places with their entries, or a failure that says so."""
    try:
        found = parse(json.dumps(value), HOME)
    except BadInput:
        return
    assert value == {"places": {}}
    assert found == {}
