"""Untrusted text in Slack."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.escape import bold, code, link, mrkdwn, plain
from notifier.limits import problems

ANY_TEXT = st.text(st.characters(), max_size=400)


def seen(mark: str) -> list[str]:
    """Return what the checker says of a text that Slack would parse."""
    return problems({"channel": "C1", "text": mark or "x"})


def test_a_ping_and_a_forged_link_are_shown_and_do_nothing() -> None:
    assert mrkdwn("<!channel> <https://evil.example|Runbook> R&D", 100) == (
        "&lt;!channel&gt; &lt;https://evil.example|Runbook&gt; R&amp;D"
    )


def test_a_cut_never_leaves_half_an_entity() -> None:
    cuts = [mrkdwn("<&><&><&>", limit) for limit in range(1, 40)]
    assert all(re.fullmatch(r"(&(amp|lt|gt);)*…?", cut) for cut in cuts)


def test_back_ticks_and_line_breaks_cannot_leave_a_code_span() -> None:
    assert code("a`b\n`c", 50) == "`a'b 'c`"


def test_nothing_to_show_is_no_code_span() -> None:
    assert code("\u200b\n", 50) == ""
    assert bold(" ", 50) == ""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x y", "<https://a.example/x%20y|Run &amp; book>"),
        ("https://a.example/?a=1&b=<2>|3", "<https://a.example/?a=1&amp;b=%3C2%3E%7C3|Run &amp; book>"),
        ("javascript:alert(1)", "Run &amp; book"),
        ("http://[", "Run &amp; book"),
        ("", "Run &amp; book"),
        ("https://a.example/" + "x" * 3000, "Run &amp; book"),
    ],
)
def test_a_link_is_made_of_http_addresses_only(url: str, shown: str) -> None:
    assert link(url, "Run & book") == shown


@settings(deadline=None, max_examples=200)
@given(ANY_TEXT, st.integers(2, 120))
def test_any_text_stays_within_its_cap_and_means_nothing_to_slack(text: str, limit: int) -> None:
    for shown in (mrkdwn(text, limit), code(text, limit + 2), bold(text, limit + 2)):
        assert len(shown) <= limit + 2
        assert seen(shown) == []
    assert len(plain(text, limit)) <= limit
    assert "\n" not in plain(text, limit)


@settings(deadline=None, max_examples=200)
@given(ANY_TEXT, ANY_TEXT)
def test_any_address_and_label_make_one_link_or_none(url: str, label: str) -> None:
    assert seen(link("https://a.example/" + url, label or "x")) == []
    assert seen(link(url, label or "x")) == []
