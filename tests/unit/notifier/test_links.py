"""Console links."""

from __future__ import annotations

import pytest
from notifier_samples import event, row

from notifier.links import alarm_page, region_of, resource_page


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "ap-northeast-2", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_own_console(partition: str, region: str, host: str) -> None:
    page = alarm_page(event(partition=partition, region=region, alarm_name="a/b c"), None)
    assert page == f"https://{host}/cloudwatch/home?region={region}#alarmsV2:alarm/a%2Fb%20c"


def test_a_partition_whose_console_is_not_known_gets_no_link() -> None:
    assert alarm_page(event(partition="aws-iso"), None) == ""


@pytest.mark.parametrize("region", ["", "REGION", "us-east-1/../x", "Asia Pacific (Seoul)", "us-east-1\n"])
def test_an_unknown_region_gives_a_link_without_one(region: str) -> None:
    assert (
        alarm_page(event(region=region, alarm_name="a"), None)
        == "https://console.aws.amazon.com/cloudwatch/home#alarmsV2:alarm/a"
    )


def test_the_rows_region_stands_in_where_the_message_has_none() -> None:
    assert region_of(event(region=""), row()) == "ap-northeast-2"


def test_an_ecs_service_and_a_cluster_of_databases_have_pages_of_their_own() -> None:
    service = row(target={"ClusterName": "image", "ServiceName": "api"})
    assert "/ecs/v2/clusters/image/services/api/health?region=ap-northeast-2" in resource_page(event(), service)
    database = row(target={"DBClusterIdentifier": "orders"})
    assert resource_page(event(), database).endswith("#database:id=orders;is-cluster=true")
    assert resource_page(event(), row()) == ""
