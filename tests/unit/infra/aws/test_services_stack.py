"""What the services' template promises: S3 (capacity follows traffic), S5 (one failure is nobody's outage), S6 (scaling)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from alarms.load import load
from infra.aws.stage_file import CATALOGUE
from infra.aws.workload import settings as workload
from remediators.registry import registry

Template = Mapping[str, Any]
SERVICES = ("image-api", "image-consumer")


@pytest.fixture(scope="module")
def services(templates: Mapping[str, Template]) -> Template:
    return templates["services"]


def of(template: Template, kind: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == kind]


def service(template: Template, name: str) -> dict[str, Any]:
    (found,) = [item for item in of(template, "AWS::ECS::Service") if item["ServiceName"] == name]
    return found


def container(template: Template, name: str) -> dict[str, Any]:
    (task,) = [item for item in of(template, "AWS::ECS::TaskDefinition") if item["Family"] == name]
    (found,) = task["ContainerDefinitions"]
    return {**found, "task": task}


def target(template: Template, name: str) -> dict[str, Any]:
    found = of(template, "AWS::ApplicationAutoScaling::ScalableTarget")
    (one,) = [item for item in found if item["ResourceId"] == f"service/image/{name}"]
    return one


def statements(template: Template, task: Mapping[str, Any], member: str) -> list[dict[str, Any]]:
    role = template["Resources"][task[member]["Fn::GetAtt"][0]]["Properties"]
    assert "ManagedPolicyArns" not in role
    return [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def actions(found: list[dict[str, Any]]) -> set[str]:
    listed = [one["Action"] if isinstance(one["Action"], list) else [one["Action"]] for one in found]
    return {action for some in listed for action in some}


# --- S5: one failure is nobody's outage -----------------------------------------------------------------------------------------


def test_the_cluster_tells_how_many_tasks_run(templates: Mapping[str, Template]) -> None:
    """Without Container Insights neither the row running-below-desired nor the backlog for each task has a metric."""
    (cluster,) = of(templates["cluster"], "AWS::ECS::Cluster")

    assert cluster["ClusterName"] == "image"
    assert {"Name": "containerInsights", "Value": "enabled"} in cluster["ClusterSettings"]


def test_tasks_stand_in_three_zones_and_are_kept_even(services: Template) -> None:
    for name in SERVICES:
        found = service(services, name)
        network = found["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert len(network["Subnets"]) == 3
        assert network["AssignPublicIp"] == "DISABLED"
        assert found["AvailabilityZoneRebalancing"] == "ENABLED"


def test_the_api_always_has_a_task_in_each_zone_and_none_on_spot(services: Template) -> None:
    providers = {item["CapacityProvider"] for item in service(services, "image-api")["CapacityProviderStrategy"]}

    assert target(services, "image-api")["MinCapacity"] >= 3
    assert providers == {"FARGATE"}


def test_the_consumers_first_task_is_no_spot_task(services: Template) -> None:
    """Spot capacity may vanish as a whole; the queue is still worked on then."""
    strategy = {item["CapacityProvider"]: item for item in service(services, "image-consumer")["CapacityProviderStrategy"]}

    assert strategy["FARGATE"]["Base"] == target(services, "image-consumer")["MinCapacity"]
    assert strategy["FARGATE_SPOT"]["Weight"] > 0


def test_both_container_and_target_group_are_asked_how_they_are(services: Template) -> None:
    groups = of(services, "AWS::ElasticLoadBalancingV2::TargetGroup")

    assert {group["HealthCheckPath"] for group in groups} == {"/readyz"}
    for name in SERVICES:
        assert "/healthz" in " ".join(container(services, name)["HealthCheck"]["Command"])


def test_a_task_that_is_told_to_stop_has_time_to_finish(services: Template) -> None:
    """The balancer looks away first, then the task serves on; the consumer has Fargate's two minutes."""
    (group, _) = of(services, "AWS::ElasticLoadBalancingV2::TargetGroup")
    drains = {item["Key"]: item["Value"] for item in group["TargetGroupAttributes"]}["deregistration_delay.timeout_seconds"]

    assert int(drains) < container(services, "image-api")["StopTimeout"]
    assert container(services, "image-consumer")["StopTimeout"] == 120


# --- what runs ------------------------------------------------------------------------------------------------------------------


def test_an_image_is_named_by_its_digest_alone(services: Template) -> None:
    """A tag could mean another image after a restart."""
    for name in SERVICES:
        assert "'@'" in str(container(services, name)["Image"])
    assert {item["AllowedPattern"] for key, item in services["Parameters"].items() if key.endswith("Image")} == {
        "sha256:[0-9a-f]{64}"
    }


def test_a_container_is_told_what_it_reads_and_nothing_else(services: Template) -> None:
    for name, variables in {"image-api": workload.API, "image-consumer": workload.CONSUMER}.items():
        found = container(services, name)
        given = {item["Name"] for item in found["Environment"]} | {item["Name"] for item in found["Secrets"]} | {"AWS_REGION"}
        assert given <= {variable.name for variable in variables}
        assert {variable.name for variable in variables if variable.required} <= given


def test_secrets_come_as_secrets(services: Template) -> None:
    for name in SERVICES:
        found = container(services, name)
        assert {item["Name"] for item in found["Secrets"]} == {"DATABASE_SECRET", "IMAGE_SETTINGS"}
        assert not [item for item in found["Environment"] if "SECRET" in item["Name"] or "PASSWORD" in item["Name"]]


def test_a_container_can_write_nowhere_and_has_no_powers(services: Template) -> None:
    for name in SERVICES:
        found = container(services, name)
        assert found["ReadonlyRootFilesystem"] is True
        assert not found.get("MountPoints")
        assert found["LinuxParameters"]["Capabilities"]["Drop"] == ["ALL"]
        assert not found["User"].startswith("0")
        assert service(services, name)["EnableExecuteCommand"] is False
        assert found["task"]["RuntimePlatform"]["CpuArchitecture"] == "ARM64"


def test_logs_are_where_the_diagnosis_looks_encrypted_and_forgotten_in_time(services: Template) -> None:
    groups = {item["LogGroupName"]: item for item in of(services, "AWS::Logs::LogGroup")}

    for name in SERVICES:
        group = groups[f"/ecs/{name}"]
        assert group["KmsKeyId"]
        assert group["RetentionInDays"] > 0


def test_each_container_may_do_its_own_work_and_no_more(services: Template) -> None:
    api = statements(services, container(services, "image-api")["task"], "TaskRoleArn")
    consumer = statements(services, container(services, "image-consumer")["task"], "TaskRoleArn")

    assert actions(api) == {"s3:PutObject", "s3:GetObject", "kms:Decrypt", "kms:GenerateDataKey"}
    assert actions(consumer) - actions(api) == {
        "s3:GetObjectVersion",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
    }
    assert "*" not in str([one["Resource"] for one in api if "s3" not in str(one["Action"])])


def test_nothing_is_allowed_on_everything_but_a_token_of_the_registry(services: Template) -> None:
    for name in SERVICES:
        task = container(services, name)["task"]
        for member in ("TaskRoleArn", "ExecutionRoleArn"):
            wide = [one["Action"] for one in statements(services, task, member) if one["Resource"] == "*"]
            assert wide == (["ecr:GetAuthorizationToken"] if member == "ExecutionRoleArn" else [])


def test_a_key_is_used_through_one_service_only(services: Template) -> None:
    for name in SERVICES:
        task = container(services, name)["task"]
        for member in ("TaskRoleArn", "ExecutionRoleArn"):
            keys = [one for one in statements(services, task, member) if "kms" in str(one["Action"])]
            assert keys
            assert all("kms:ViaService" in one["Condition"]["StringEquals"] for one in keys)


def test_the_schema_is_brought_up_to_date_by_its_owner_alone(templates: Mapping[str, Template]) -> None:
    """The services' own roles own nothing; the task that migrates serves nothing, and calls nothing of AWS's."""
    template = templates["cluster"]
    found = container(template, "image-migration")

    assert found["Command"] == ["python", "-m", "infra.aws.workload.migrate"]
    assert {item["Name"] for item in found["Secrets"]} == {"DATABASE_SECRET"}
    assert {item["Name"] for item in found["Environment"]} <= {variable.name for variable in workload.MIGRATION}
    role = template["Resources"][found["task"]["TaskRoleArn"]["Fn::GetAtt"][0]]["Properties"]
    assert not {"Policies", "ManagedPolicyArns"} & role.keys()
    tasks = [*(container(templates["services"], name) for name in SERVICES), found]
    secrets = [item["ValueFrom"] for task in tasks for item in task["Secrets"] if item["Name"] == "DATABASE_SECRET"]
    assert len({str(secret) for secret in secrets}) == 3


# --- the load balancer ----------------------------------------------------------------------------------------------------------


def test_the_balancer_is_inside_keeps_its_logs_and_cannot_be_deleted_by_a_slip(services: Template) -> None:
    (balancer,) = of(services, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes = {item["Key"]: item["Value"] for item in balancer["LoadBalancerAttributes"]}

    assert (balancer["Name"], balancer["Scheme"]) == ("image", "internal")
    assert attributes["deletion_protection.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"


def test_production_and_test_traffic_have_a_listener_each_and_both_groups_a_rule(services: Template) -> None:
    """ECS moves the weights; a group that no rule names cannot be moved to."""
    listeners = of(services, "AWS::ElasticLoadBalancingV2::Listener")
    rules = of(services, "AWS::ElasticLoadBalancingV2::ListenerRule")

    assert {item["Port"] for item in listeners} == {80, 8080}
    for rule in rules:
        groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        assert [item["Weight"] for item in groups] == [100, 0]
        assert len({str(item["TargetGroupArn"]) for item in groups}) == 2


# --- S3, S6: capacity follows traffic -------------------------------------------------------------------------------------------


def test_the_template_names_no_number_of_tasks(services: Template) -> None:
    """A deploy would set it back in the middle of a rush."""
    assert [item["ServiceName"] for item in of(services, "AWS::ECS::Service") if "DesiredCount" in item] == []


def policy(template: Template, name: str) -> dict[str, Any]:
    (found,) = [item for item in of(template, "AWS::ApplicationAutoScaling::ScalingPolicy") if item["PolicyName"] == name]
    return dict(found["TargetTrackingScalingPolicyConfiguration"])


def test_the_api_follows_its_cpu_below_the_alarms_threshold(services: Template) -> None:
    """A target above S9.1's 80 % would ring before it scales."""
    found = policy(services, "cpu")

    assert found["PredefinedMetricSpecification"] == {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    assert found["TargetValue"] < 80


def test_the_consumers_follow_the_messages_that_wait_for_each_running_task(services: Template) -> None:
    """Two minutes of waiting at a second an image are 120 messages a task."""
    found = policy(services, "backlog-per-task")
    queries = {item["Id"]: item for item in found["CustomizedMetricSpecification"]["Metrics"]}

    assert found["TargetValue"] == 120
    assert queries["backlog"]["Expression"] == "waiting / running"
    assert [item["Id"] for item in queries.values() if item["ReturnData"]] == ["backlog"]
    stats = {key: item["MetricStat"]["Metric"]["MetricName"] for key, item in queries.items() if "MetricStat" in item}
    assert stats == {"waiting": "ApproximateNumberOfMessagesVisible", "running": "RunningTaskCount"}


def test_tasks_come_faster_than_they_go(services: Template) -> None:
    for name in ("cpu", "backlog-per-task"):
        assert policy(services, name)["ScaleOutCooldown"] < policy(services, name)["ScaleInCooldown"]


def test_remediation_never_wants_more_tasks_than_the_platform_allows() -> None:
    """Tocsin raises MinCapacity up to the row's max_tasks, and Application Auto Scaling refuses one above MaxCapacity."""
    from infra.aws.platform.ceilings import ceiling
    from infra.aws.platform.month_end import MonthEnd

    desired = load(CATALOGUE, stage="prod", actions=registry()).desired

    assert ceiling(desired, "image-api", least=3, most=None, plan=MonthEnd()) == 20
    assert ceiling(desired, "image-consumer", least=1, most=None, plan=MonthEnd()) == 40


def test_the_bounds_are_those_of_the_catalogue(services: Template) -> None:
    assert target(services, "image-api")["MaxCapacity"] == 20
    assert target(services, "image-consumer")["MaxCapacity"] == 40


def test_at_the_months_end_both_services_have_a_floor_that_takes_no_ceiling_away(services: Template) -> None:
    for name, floor in {"image-api": 8, "image-consumer": 6}.items():
        found = target(services, name)
        up = [item for item in found["ScheduledActions"] if "-up-" in item["ScheduledActionName"]]
        (down,) = [item for item in found["ScheduledActions"] if "-down-" in item["ScheduledActionName"]]
        assert [item["ScalableTargetAction"] for item in up] == [{"MinCapacity": floor}] * 4
        assert down["ScalableTargetAction"] == {"MinCapacity": found["MinCapacity"]}
        assert {item["Timezone"] for item in found["ScheduledActions"]} == {"Asia/Seoul"}
