"""ECS's service deployments on virtual time: stages, pauses, alarms, ways back; and the targets behind the load balancer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded

ALARM = "api-5xx"


class Shop:
    """One service behind a load balancer, deployed blue/green with a bake time of five minutes."""

    def __init__(self, aws: Embedded, **configuration: Any) -> None:
        self.aws = aws
        self.ecs, self.elb = aws.client("ecs"), aws.client("elbv2")
        self.blue, self.green = aws.balancing.preload("blue"), aws.balancing.preload("green")
        rules = {"alternateTargetGroupArn": self.green, "productionListenerRule": "p", "roleArn": "r"}
        balancer = {"targetGroupArn": self.blue, "containerName": "api", "containerPort": 80, "advancedConfiguration": rules}
        self.ecs.create_cluster(clusterName="image")
        for version in ("v1", "v2"):
            check = {"name": "api", "image": f"api:{version}", "healthCheck": {"command": ["CMD", "true"]}}
            self.ecs.register_task_definition(family="api", containerDefinitions=[check])
        self.ecs.create_service(
            cluster="image",
            serviceName="api",
            taskDefinition="api:1",
            desiredCount=3,
            loadBalancers=[balancer],
            deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5, **configuration},
        )
        aws.ecs.settle("image", "api")

    def deploy(self, definition: str = "api:2") -> str:
        self.ecs.update_service(cluster="image", service="api", taskDefinition=definition)
        return str(self.service()["currentServiceDeployment"])

    def service(self) -> dict[str, Any]:
        return dict(self.ecs.describe_services(cluster="image", services=["api"])["services"][0])

    def told(self, arn: str) -> dict[str, Any]:
        return dict(self.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0])

    def targets(self, group: str) -> Counter[str]:
        answer = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return Counter(item["TargetHealth"]["State"] for item in answer)

    def put_alarm(self) -> None:
        self.aws.client("cloudwatch").put_metric_alarm(
            AlarmName=ALARM,
            Namespace="N",
            MetricName="m",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )

    def set_alarm(self, state: str) -> None:
        self.aws.client("cloudwatch").set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="drill")


WATCHED = {"alarms": {"alarmNames": [ALARM], "enable": True, "rollback": True}}


def test_green_takes_the_traffic_only_after_it_runs_and_blue_goes_after_the_bake(aws: Embedded) -> None:
    shop = Shop(aws)
    arn = shop.deploy()
    assert (shop.told(arn)["lifecycleStage"], shop.targets(shop.green)) == ("SCALE_UP", {})
    aws.clock.advance(45)
    told = shop.told(arn)
    assert told["lifecycleStage"] == "PRODUCTION_TRAFFIC_SHIFT"
    assert told["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100.0
    assert shop.targets(shop.green) == {"initial": 3}
    aws.clock.advance(60)
    assert shop.told(arn)["lifecycleStage"] == "BAKE_TIME"
    assert (shop.targets(shop.blue), shop.targets(shop.green)) == ({"healthy": 3}, {"healthy": 3})
    aws.clock.advance(250)
    assert shop.targets(shop.blue) == {"draining": 3}
    aws.clock.advance(60)
    assert (shop.targets(shop.blue), shop.told(arn)["status"]) == ({}, "SUCCESSFUL")
    revision = shop.told(arn)["targetServiceRevision"]["arn"]
    shown = shop.ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"][0]
    assert shown["resolvedConfiguration"]["loadBalancers"] == [{"targetGroupArn": shop.green}]
    back = shop.deploy("api:1")
    aws.clock.advance(60)
    assert (shop.told(back)["lifecycleStage"], shop.targets(shop.blue)) == ("BAKE_TIME", {"healthy": 3})


def test_a_deployment_alarm_in_bake_time_brings_blue_back_at_once(aws: Embedded) -> None:
    shop = Shop(aws, **WATCHED)
    shop.put_alarm()
    shop.set_alarm("OK")
    arn = shop.deploy()
    aws.clock.advance(90)
    shop.set_alarm("ALARM")
    told = shop.told(arn)
    assert told["status"] == "ROLLBACK_REQUESTED"
    assert told["alarms"] == {"status": "TRIGGERED", "alarmNames": [ALARM], "triggeredAlarmNames": [ALARM]}
    aws.clock.advance(60)
    told = shop.told(arn)
    assert told["status"] == "ROLLBACK_SUCCESSFUL"
    assert told["rollback"]["serviceRevisionArn"] == told["sourceServiceRevisions"][0]["arn"]
    assert shop.service()["taskDefinition"].endswith("api:1")
    assert (shop.targets(shop.blue), shop.targets(shop.green)) == ({"healthy": 3}, {})


def test_an_alarm_that_rings_already_at_the_start_is_ignored_for_that_deployment(aws: Embedded) -> None:
    shop = Shop(aws, **WATCHED)
    shop.put_alarm()
    shop.set_alarm("ALARM")
    arn = shop.deploy()
    aws.clock.advance(90)
    shop.set_alarm("OK")
    shop.set_alarm("ALARM")
    assert shop.told(arn)["status"] == "IN_PROGRESS"


def test_without_rollback_an_alarm_only_stops_the_deployment(aws: Embedded) -> None:
    shop = Shop(aws, alarms={"alarmNames": [ALARM], "enable": True, "rollback": False})
    shop.put_alarm()
    arn = shop.deploy()
    shop.set_alarm("ALARM")
    assert (shop.told(arn)["status"], shop.told(arn)["statusReason"]) == ("STOPPED", f"Alarm(s) detected: {ALARM}.")


PAUSED = {
    "lifecycleHooks": [
        {
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_SCALE_UP"],
            "timeoutConfiguration": {"timeoutInMinutes": 60, "action": "ROLLBACK"},
        }
    ]
}


@pytest.mark.parametrize(
    ("action", "status", "hook"), [("CONTINUE", "SUCCESSFUL", "SUCCEEDED"), ("ROLLBACK", "ROLLBACK_SUCCESSFUL", "FAILED")]
)
def test_a_paused_deployment_waits_for_a_word(aws: Embedded, action: str, status: str, hook: str) -> None:
    """Until then blue has all the traffic; the word counts once."""
    shop = Shop(aws, **PAUSED)
    arn = shop.deploy()
    aws.clock.advance(600)
    told = shop.told(arn)
    (waiting,) = told["lifecycleHookDetails"]
    assert (told["lifecycleStage"], waiting["status"], waiting["timeoutAction"]) == (
        "POST_SCALE_UP",
        "AWAITING_ACTION",
        "ROLLBACK",
    )
    assert told["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 100.0
    shop.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waiting["hookId"], action=action)
    aws.clock.advance(600)
    assert (shop.told(arn)["status"], shop.told(arn)["lifecycleHookDetails"][0]["status"]) == (status, hook)
    with pytest.raises(ClientError, match="InvalidParameterException"):
        shop.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waiting["hookId"], action=action)


def test_a_pause_that_nobody_answers_takes_its_timeout_action(aws: Embedded) -> None:
    shop = Shop(aws, **PAUSED)
    arn = shop.deploy()
    aws.clock.advance(2 * 3600)
    assert (shop.told(arn)["status"], shop.told(arn)["lifecycleHookDetails"][0]["status"]) == ("ROLLBACK_SUCCESSFUL", "TIMED_OUT")


def test_a_canary_shows_its_share_first(aws: Embedded) -> None:
    shop = Shop(aws, strategy="CANARY", canaryConfiguration={"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10})
    arn = shop.deploy()
    aws.clock.advance(120)
    assert shop.told(arn)["targetServiceRevision"]["requestedProductionTrafficWeight"] == 5.0
    aws.clock.advance(600)
    assert shop.told(arn)["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100.0


def test_a_newer_deployment_stops_the_one_under_way(aws: Embedded) -> None:
    shop = Shop(aws)
    first = shop.deploy()
    aws.clock.advance(90)
    second = shop.deploy("api:1")
    assert first != second
    assert shop.told(first)["status"] == "STOPPED"
    with pytest.raises(ClientError, match="ConflictException"):
        shop.ecs.stop_service_deployment(serviceDeploymentArn=first)


def test_a_rollback_may_fail_and_then_there_is_no_other(aws: Embedded) -> None:
    shop = Shop(aws)
    aws.ecs.fail_rollbacks("image", "api")
    arn = shop.deploy()
    aws.clock.advance(90)
    shop.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    aws.clock.advance(60)
    assert shop.told(arn)["status"] == "ROLLBACK_FAILED"
    with pytest.raises(ClientError, match="ConflictException"):
        shop.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")


def test_a_rolling_deployment_that_is_stopped_starts_the_old_tasks_again(aws: Embedded) -> None:
    """The old ones went as the new ones came, so the way back takes their start-up."""
    shop = Shop(aws, strategy="ROLLING")
    arn = shop.deploy()
    aws.clock.advance(60)
    assert (shop.told(arn)["lifecycleStage"], shop.service()["runningCount"]) == ("BAKE_TIME", 3)
    shop.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    aws.clock.advance(15)
    assert shop.told(arn)["status"] == "ROLLBACK_IN_PROGRESS"
    assert shop.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    aws.clock.advance(60)
    assert shop.told(arn)["status"] == "ROLLBACK_SUCCESSFUL"
    assert (shop.service()["runningCount"], shop.service()["taskDefinition"][-1]) == (3, "1")


def test_a_revision_keeps_the_digest_that_its_tag_had(aws: Embedded) -> None:
    """A tag that is pushed again stands for something else in the next deployment, of the same task definition too."""
    shop = Shop(aws)
    before = shop.service()["currentServiceRevisions"][0]["arn"]
    pushed = aws.ecs.registry.push("api:v1", "other content")
    shop.ecs.update_service(cluster="image", service="api", forceNewDeployment=True)
    aws.clock.advance(600)
    after = shop.service()["currentServiceRevisions"][0]["arn"]
    shown = shop.ecs.describe_service_revisions(serviceRevisionArns=[before, after])["serviceRevisions"]
    assert [item["taskDefinition"][-1] for item in shown] == ["1", "1"]
    digests = [item["containerImages"][0]["imageDigest"] for item in shown]
    assert digests[0] != digests[1] == pushed


def test_an_inactive_task_definition_runs_on_and_is_not_deployed_again(aws: Embedded) -> None:
    shop = Shop(aws)
    shop.ecs.deregister_task_definition(taskDefinition="api:2")
    assert shop.ecs.describe_task_definition(taskDefinition="api:2")["taskDefinition"]["status"] == "INACTIVE"
    with pytest.raises(ClientError, match="ClientException"):
        shop.deploy("api:2")


def test_a_sick_task_says_so_in_ecs_and_behind_the_load_balancer(aws: Embedded) -> None:
    shop = Shop(aws)
    (arn,) = aws.ecs.sicken("image", "api", 1, target="Target.ResponseCodeMismatch")
    (task,) = shop.ecs.describe_tasks(cluster="image", tasks=[arn])["tasks"]
    assert (task["healthStatus"], task["containers"][0]["healthStatus"]) == ("UNHEALTHY", "UNHEALTHY")
    address = task["attachments"][0]["details"][0]["value"]
    answer = shop.elb.describe_target_health(TargetGroupArn=shop.blue, Targets=[{"Id": address}])
    assert answer["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.ResponseCodeMismatch"
    shop.ecs.stop_task(cluster="image", task=arn, reason="unhealthy")
    assert shop.targets(shop.blue) == {"healthy": 2, "draining": 1}
    aws.clock.advance(60)
    assert shop.targets(shop.blue) == {"healthy": 3}


def test_tasks_that_never_come_to_run_are_counted(aws: Embedded) -> None:
    shop = Shop(aws)
    aws.ecs.crash_loop("image", "api", "Essential container in task exited")
    shop.ecs.update_service(cluster="image", service="api", desiredCount=5)
    aws.clock.advance(200)
    primary = shop.service()["deployments"][0]
    assert primary["runningCount"] == 3
    assert primary["failedTasks"] >= 8
    aws.ecs.crash_loop("image", "api", "")
    aws.clock.advance(60)
    assert (shop.service()["runningCount"], shop.service()["deployments"][0]["failedTasks"]) == (5, 0)


def test_memory_that_ran_out_is_told_of_the_container(aws: Embedded) -> None:
    shop = Shop(aws)
    aws.ecs.crash("image", "api", 1, "OutOfMemoryError: Container killed due to memory usage", 137)
    aws.clock.advance(1)
    (arn,) = shop.ecs.list_tasks(cluster="image", desiredStatus="STOPPED")["taskArns"]
    (task,) = shop.ecs.describe_tasks(cluster="image", tasks=[arn])["tasks"]
    assert (task["stopCode"], task["stoppedReason"]) == ("EssentialContainerExited", "Essential container in task exited")
    assert (task["containers"][0]["exitCode"], task["containers"][0]["reason"][:16]) == (137, "OutOfMemoryError")


def test_a_finished_deployment_may_still_be_named(aws: Embedded) -> None:
    """AWS's model does not say when the name goes: readers have to look at the status."""
    shop = Shop(aws)
    assert "currentServiceDeployment" not in shop.service()
    aws.ecs.names_finished = True
    assert shop.told(shop.service()["currentServiceDeployment"])["status"] == "SUCCESSFUL"


def test_another_network_is_another_revision(aws: Embedded) -> None:
    shop = Shop(aws)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}
    shop.ecs.update_service(cluster="image", service="api", networkConfiguration=network)
    assert shop.told(shop.service()["currentServiceDeployment"])["status"] == "IN_PROGRESS"


def test_an_unknown_target_group_is_an_error(aws: Embedded) -> None:
    with pytest.raises(ClientError, match="TargetGroupNotFound"):
        aws.client("elbv2").describe_target_health(TargetGroupArn="arn:aws:elasticloadbalancing:none")
