"""Logs Insights: the queries that we ask, answered from kept events; what is not known is refused by name."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from overlay_story import START

from infra.local.aws import Embedded
from remediators.aws import Client
from remediators.log_insights import Question, ask

GROUP = "/aws/apigateway/upload"
HOUR = {"startTime": int(START.timestamp()), "endTime": int(START.timestamp()) + 3600}


@pytest.fixture
def logs(aws: Embedded) -> Any:
    """Ten requests, one a minute: two of them 403 of one address, and one line that is no JSON."""
    lines = [
        {"ip": f"192.0.2.{n % 3}", "status": 403 if n in (2, 5) else 200, "path": f"/upload/{n}", "ua": {"os": "ios"}}
        for n in range(10)
    ]
    aws.logs.preload(GROUP, [(START + timedelta(minutes=n), json.dumps(line)) for n, line in enumerate(lines)])
    aws.logs.preload(GROUP, [(START + timedelta(minutes=3), "[ERROR] pool exhausted after 30 s")], stream="plain")
    return aws.client("logs")


def rows(logs: Any, query: str, **window: Any) -> list[dict[str, str]]:
    identifier = logs.start_query(logGroupName=GROUP, queryString=query, **{**HOUR, **window})["queryId"]
    answer = logs.get_query_results(queryId=identifier)
    assert answer["status"] == "Complete"
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in answer["results"]]


def test_counts_and_distinct_counts_by_minute(logs: Any) -> None:
    found = rows(logs, "filter ispresent(ip) | stats count(*) as n, count_distinct(ip) as ips by bin(5m) as at | sort at asc")
    assert found == [
        {"at": "2026-10-31 13:00:00.000", "n": "5", "ips": "3"},
        {"at": "2026-10-31 13:05:00.000", "n": "5", "ips": "3"},
    ]


def test_the_biggest_groups_first_within_a_limit(logs: Any) -> None:
    assert rows(logs, "stats count(*) as n by ip | sort n desc, ip asc | limit 2") == [
        {"ip": "192.0.2.0", "n": "4"},
        {"ip": "192.0.2.1", "n": "3"},
    ]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("status = 403", 2),
        ("status != 403", 8),
        ("status >= 400 and ip = '192.0.2.2'", 2),
        ("status = 403 or path = '/upload/1'", 3),
        ("not (status = 403) and ispresent(status)", 8),
        ("@message like /(?i)error/", 1),
        ("@message like 'pool exhausted'", 1),
        ("@message not like 'pool'", 10),
        ("status in [403, 404]", 2),
        ("ua.os = 'ios'", 10),
        ("strcontains(path, '/9')", 1),
        ("isblank(ip)", 1),
    ],
)
def test_a_filter_keeps_what_it_says(logs: Any, condition: str, count: int) -> None:
    assert len(rows(logs, f"fields @timestamp | filter {condition}")) == count


def test_parse_takes_fields_out_of_text_by_glob_and_by_regex(logs: Any) -> None:
    assert rows(
        logs, "parse @message '[*] * after * s' as level, what, seconds | filter ispresent(level) | display what, seconds"
    ) == [{"what": "pool exhausted", "seconds": "30"}]
    nets = rows(logs, r"parse ip /(?<net>\d+\.\d+\.\d+)\./ | stats count(*) as n by net")
    assert nets == [{"net": "192.0.2", "n": "10"}]


def test_only_the_window_is_read_and_the_newest_comes_first(logs: Any) -> None:
    found = rows(logs, "fields path | filter ispresent(path)", endTime=HOUR["startTime"] + 120)
    assert [row["path"] for row in found] == ["/upload/2", "/upload/1", "/upload/0"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("pattern @message", "'pattern'"),
        ("stats stddev(x)", "'stddev'"),
        ("filter x ~ 1", "'~'"),
        ("fields concat(a, b)", "'concat'"),
        ("stats count(*) by datefloor(@timestamp, 1h)", "'datefloor'"),
        ("limit 0", "limit is a whole number"),
        ("parse @message '* *' as one", "2 wildcards for 1 fields"),
        ("fields a b", "unexpected 'b'"),
        ("", "the command 'nothing'"),
        ("filter x like /(/", "not a regular expression"),
    ],
)
def test_what_is_not_known_is_refused_by_name(logs: Any, query: str, named: str) -> None:
    with pytest.raises(ClientError, match="MalformedQueryException") as refused:
        rows(logs, query)
    assert named in refused.value.response["Error"]["Message"]


def test_a_query_takes_its_time_and_gives_part_of_its_rows_meanwhile(aws: Embedded, logs: Any) -> None:
    aws.logs.delay_s = 10
    identifier = logs.start_query(logGroupName=GROUP, queryString="fields path | filter ispresent(path)", **HOUR)["queryId"]
    aws.clock.advance(5)
    half = logs.get_query_results(queryId=identifier)
    assert (half["status"], len(half["results"])) == ("Running", 5)
    aws.clock.advance(5)
    whole = logs.get_query_results(queryId=identifier)
    assert (whole["status"], len(whole["results"])) == ("Complete", 10)


def test_too_many_queries_at_once_are_refused_until_one_is_stopped(aws: Embedded, logs: Any) -> None:
    aws.logs.delay_s, aws.logs.at_once = 60, 1
    first = logs.start_query(logGroupName=GROUP, queryString="limit 1", **HOUR)["queryId"]
    with pytest.raises(ClientError, match="LimitExceededException"):
        logs.start_query(logGroupName=GROUP, queryString="limit 1", **HOUR)
    logs.stop_query(queryId=first)
    assert logs.get_query_results(queryId=first)["status"] == "Cancelled"
    logs.start_query(logGroupName=GROUP, queryString="limit 1", **HOUR)


def test_a_group_that_is_not_there_and_a_window_turned_round_are_errors(logs: Any) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        logs.start_query(logGroupName="none", queryString="limit 1", **HOUR)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        logs.start_query(logGroupName=GROUP, queryString="limit 1", startTime=2, endTime=1)


def question(query: str) -> Question:
    return Question((GROUP,), query, START, START + timedelta(hours=1))


def test_a_question_waits_as_long_as_it_may_and_frees_its_slot(aws: Embedded, logs: Any) -> None:
    """Within its time it gets the whole answer; beyond it a part, and the query is stopped."""
    clients = lambda service: Client(aws.client(service))  # noqa: E731 - as short as it is
    aws.logs.delay_s = 3
    whole = ask(clients, question("fields path | filter ispresent(path)"), budget_s=5, left_s=lambda: 60, pause=aws.clock.advance)
    assert (len(whole.rows), whole.complete, whole.trouble) == (10, True, "")
    assert whole.rows[0] == {"path": "/upload/9"}

    aws.logs.delay_s = 20
    part = ask(clients, question("fields path | filter ispresent(path)"), budget_s=10, left_s=lambda: 60, pause=aws.clock.advance)
    assert (len(part.rows), part.complete, part.trouble) == (5, False, "Running")
    aws.logs.at_once = 1
    assert ask(clients, question("limit 1"), budget_s=0, left_s=lambda: 60).trouble == "Running"


def test_a_question_that_cannot_be_asked_is_unknown_not_empty(aws: Embedded, logs: Any) -> None:
    clients = lambda service: Client(aws.client(service))  # noqa: E731 - as short as it is
    aws.seam.fail("logs", "StartQuery", "LimitExceededException")
    assert ask(clients, question("limit 1"), budget_s=5, left_s=lambda: 60).trouble == "LimitExceededException"
    aws.seam.fail("logs", "GetQueryResults", "timeout")
    assert ask(clients, question("limit 1"), budget_s=5, left_s=lambda: 60).trouble == "unreachable"
