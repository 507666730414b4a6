"""CloudWatch's alarms: the adapter that reads what exists and writes one alarm at a time, at the pace AWS allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from alarms.calls import Caller, Now, Pace, Sleep
from alarms.configuration import PUT_COMPOSITE, PUT_METRIC, alarm_name
from alarms.desired import TAG_CATALOGUE, TAG_STAGE, Operation
from alarms.plan_types import DELETE_BATCH, PUTS_PER_SECOND, Actual, Target

ALARM_TYPES = ("MetricAlarm", "CompositeAlarm")  # without them DescribeAlarms returns metric alarms only
PAGE = 100  # DescribeAlarms.MaxRecords, AlarmNames; GetResources.ResourcesPerPage
READS_PER_SECOND = 9  # DescribeAlarms; ListTagsForResource allows 10 [AWS General Reference, CloudWatch quotas]
RESOURCE_TYPE = "cloudwatch:alarm"

Tags = dict[str, str]
T = TypeVar("T")


class CloudWatch:
    """The alarms of one account and region. ``clients(name)`` returns a boto3 client."""

    def __init__(self, clients: Callable[[str], Any], *, now: Now, sleep: Sleep) -> None:
        self._clients = clients
        self._call = Caller(sleep)
        self._writes = Pace(PUTS_PER_SECOND, now, sleep)
        self._reads = Pace(READS_PER_SECOND, now, sleep)
        self._lists = Pace(READS_PER_SECOND, now, sleep)

    def gather(self, target: Target) -> list[Actual]:
        """Return every alarm under our name prefix and every other one that carries our tags, with their tags.

        The tagging API lags behind by seconds to minutes: ``tags`` reads one alarm's true tags.
        """
        tagged = self._tagged(target)
        found = {alarm["AlarmName"]: (operation, alarm) for operation, alarm in self._under(target.name_prefix)}
        elsewhere = [name for name in map(alarm_name, tagged) if name not in found]
        found.update((alarm["AlarmName"], (operation, alarm)) for operation, alarm in self._named(elsewhere))
        return [_actual(operation, alarm, tagged.get(alarm["AlarmArn"], {})) for operation, alarm in found.values()]

    def describe(self, names: Sequence[str]) -> dict[str, Actual]:
        """Return those of ``names`` that exist, without tags."""
        return {alarm["AlarmName"]: _actual(operation, alarm, {}) for operation, alarm in self._named(names)}

    def tags(self, arn: str) -> Tags:
        """Return the tags of one alarm as they are now."""
        client = self._clients("cloudwatch")
        answer = self._call("ListTagsForResource", lambda: client.list_tags_for_resource(ResourceARN=arn), self._lists)
        return _tags(answer["Tags"])

    def put(self, operation: Operation, request: Mapping[str, Any], tags: Tags | None = None) -> None:
        """Make or replace one alarm. ``tags`` count for a new alarm only: CloudWatch ignores them on an existing one."""
        client = self._clients("cloudwatch")
        members = {**request, **({"Tags": _pairs(tags)} if tags else {})}
        write = client.put_composite_alarm if operation == PUT_COMPOSITE else client.put_metric_alarm
        self._call(f"{operation} {request['AlarmName']}", lambda: write(**members), self._writes)

    def tag(self, arn: str, tags: Tags) -> None:
        """Set ``tags`` on an existing alarm, leaving its other tags as they are."""
        client = self._clients("cloudwatch")
        self._call(f"TagResource {alarm_name(arn)}", lambda: client.tag_resource(ResourceARN=arn, Tags=_pairs(tags)), self._reads)

    def delete(self, names: Sequence[str]) -> None:
        """Delete ``names``, at most 100 and at most one composite among them; those that do not exist are no error."""
        client = self._clients("cloudwatch")
        self._call(f"DeleteAlarms ({len(names)})", lambda: client.delete_alarms(AlarmNames=list(names)), self._writes)

    def _tagged(self, target: Target) -> dict[str, Tags]:
        """Return the tags of every alarm that carries our catalogue id and stage, by ARN."""
        client = self._clients("resourcegroupstaggingapi")
        filters = [{"Key": TAG_CATALOGUE, "Values": [target.catalogue]}, {"Key": TAG_STAGE, "Values": [target.stage]}]
        asked: dict[str, Any] = {"TagFilters": filters, "ResourceTypeFilters": [RESOURCE_TYPE], "ResourcesPerPage": PAGE}
        found: dict[str, Tags] = {}
        for page in self._pages("GetResources", client.get_resources, asked, "PaginationToken"):
            found.update((item["ResourceARN"], _tags(item["Tags"])) for item in page["ResourceTagMappingList"])
        return found

    def _under(self, prefix: str) -> Iterator[tuple[Operation, Mapping[str, Any]]]:
        return self._described({"AlarmNamePrefix": prefix})

    def _named(self, names: Sequence[str]) -> Iterator[tuple[Operation, Mapping[str, Any]]]:
        for batch in batches(names, PAGE):
            yield from self._described({"AlarmNames": batch})

    def _described(self, asked: Mapping[str, Any]) -> Iterator[tuple[Operation, Mapping[str, Any]]]:
        client = self._clients("cloudwatch")
        members = {**asked, "AlarmTypes": list(ALARM_TYPES), "MaxRecords": PAGE}
        for page in self._pages("DescribeAlarms", client.describe_alarms, members, "NextToken"):
            yield from ((PUT_METRIC, alarm) for alarm in page.get("MetricAlarms", ()))
            yield from ((PUT_COMPOSITE, alarm) for alarm in page.get("CompositeAlarms", ()))

    def _pages(self, what: str, call: Callable[..., Any], asked: Mapping[str, Any], token: str) -> Iterator[Mapping[str, Any]]:
        """Follow the pages of a listing; each page is retried by itself, so a throttle never starts over."""
        members = dict(asked)
        while True:
            page = self._call(what, lambda: call(**members), self._reads)
            yield page
            if not page.get(token):
                return
            members[token] = page[token]


def batches(things: Iterable[T], size: int = DELETE_BATCH) -> Iterator[list[T]]:
    """Cut ``things`` into lists of at most ``size``."""
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


def _actual(operation: Operation, alarm: Mapping[str, Any], tags: Tags) -> Actual:
    return Actual(alarm["AlarmName"], alarm["AlarmArn"], operation, alarm, tags)


def _tags(pairs: Iterable[Mapping[str, str]]) -> Tags:
    return {pair["Key"]: pair["Value"] for pair in pairs}


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
