"""Every operation that the overlay answers is called once, and its answer is what the service model allows.

The seam checks each answer against the model (``infra.local.shapes``) and raises AssertionError when one differs: this story
sees to it that no operation is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from databases import attach, cluster_arn, secret
from postgres_server import shared

from infra.local.aws import Embedded, embedded
from infra.local.seam import Call
from infra.local.shapes import ShapeChecker
from infra.local.traffic_hits import Hit

START = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)
METRIC = {"Namespace": "N", "MetricName": "m"}
WHERE = {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"}
CPU = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(START) as opened:
        yield opened


def alarms(aws: Embedded) -> None:
    """Put, read, tag, force and delete alarms."""
    cloudwatch = aws.client("cloudwatch")
    judged = {"EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="a", **METRIC, Period=60, Statistic="Sum", AlarmDescription="d", **judged)
    stat = {"Metric": METRIC, "Period": 60, "Stat": "Sum"}
    entries = [{"Id": "m1", "MetricStat": stat, "ReturnData": False}, {"Id": "e1", "Expression": "m1*2", "Label": "l"}]
    cloudwatch.put_metric_alarm(AlarmName="b", Metrics=entries, **judged)
    cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(a) OR ALARM(b)")
    cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "m", "Value": 5, "Timestamp": START}])
    aws.clock.advance(60)
    cloudwatch.set_alarm_state(AlarmName="b", StateValue="OK", StateReason="drill", StateReasonData="{}")
    cloudwatch.disable_alarm_actions(AlarmNames=["a"])
    cloudwatch.enable_alarm_actions(AlarmNames=["a"])
    (first, *_) = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"]
    cloudwatch.describe_alarms(MaxRecords=1)
    cloudwatch.describe_alarms(ChildrenOfAlarmName="c")
    cloudwatch.describe_alarms_for_metric(**METRIC)
    cloudwatch.describe_alarm_history(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    cloudwatch.tag_resource(ResourceARN=first["AlarmArn"], Tags=[{"Key": "k", "Value": "v"}])
    aws.client("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["cloudwatch:alarm"])
    cloudwatch.list_tags_for_resource(ResourceARN=first["AlarmArn"])
    cloudwatch.untag_resource(ResourceARN=first["AlarmArn"], TagKeys=["k"])
    schedule = {"Expression": "at(2026-10-31T13:00)", "Duration": "PT1H"}
    cloudwatch.put_alarm_mute_rule(Name="m", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": ["a"]})
    cloudwatch.list_alarm_mute_rules(AlarmName="a")
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="m")
    cloudwatch.delete_alarms(AlarmNames=["a", "b", "c"])


def dashboards(aws: Embedded) -> None:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
    cloudwatch.get_dashboard(DashboardName="d")
    cloudwatch.list_dashboards(DashboardNamePrefix="d")
    cloudwatch.delete_dashboards(DashboardNames=["d"])


def metrics(aws: Embedded) -> None:
    """Read what ``alarms`` put."""
    cloudwatch, window = aws.client("cloudwatch"), {"StartTime": START, "EndTime": START + timedelta(hours=1)}
    stat = {"Metric": METRIC, "Period": 60, "Stat": "Sum"}
    cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "m1", "MetricStat": stat}], **window)
    cloudwatch.get_metric_statistics(**METRIC, Period=60, Statistics=["Sum"], **window)
    cloudwatch.get_metric_statistics(**METRIC, Period=60, ExtendedStatistics=["p90"], **window)
    cloudwatch.list_metrics()


def services(aws: Embedded) -> None:
    """Run a service, replace it, roll it back."""
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="c")
    for image in ("1", "2"):
        ecs.register_task_definition(family="f", cpu="256", containerDefinitions=[{"name": "n", "image": image}])
    ecs.create_service(cluster="c", serviceName="s", taskDefinition="f:1", desiredCount=2, launchType="FARGATE")
    aws.clock.advance(60)
    alarm = {"alarmNames": ["a"], "enable": True, "rollback": True}
    ecs.update_service(cluster="c", service="s", taskDefinition="f:2", deploymentConfiguration={"alarms": alarm})
    ecs.describe_clusters(clusters=["c", "none"])
    ecs.describe_task_definition(taskDefinition="f")
    ecs.describe_services(cluster="c", services=["s", "none"])
    ecs.list_services(cluster="c")
    tasks = ecs.list_tasks(cluster="c")["taskArns"]
    ecs.stop_task(cluster="c", task=tasks[0])
    ecs.describe_tasks(cluster="c", tasks=[*tasks, "none"])
    (newest, *_) = ecs.list_service_deployments(cluster="c", service="s")["serviceDeployments"]
    ecs.stop_service_deployment(serviceDeploymentArn=newest["serviceDeploymentArn"])
    aws.clock.advance(60)
    ecs.describe_service_deployments(serviceDeploymentArns=[newest["serviceDeploymentArn"], "none"])
    ecs.describe_service_revisions(serviceRevisionArns=[newest["targetServiceRevisionArn"], "none"])


def deployments(aws: Embedded) -> None:
    """Go blue/green with load balancer, pause and alarms, on and back; look at the targets on the way."""
    ecs, elb = aws.client("ecs"), aws.client("elbv2")
    blue, green = aws.balancing.preload("blue"), aws.balancing.preload("green")
    rules = {"alternateTargetGroupArn": green, "productionListenerRule": "p", "testListenerRule": "t", "roleArn": "r"}
    balancer = {"targetGroupArn": blue, "containerName": "n", "containerPort": 80, "advancedConfiguration": rules}
    pause = {"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 60}}
    how = {
        "strategy": "BLUE_GREEN",
        "bakeTimeInMinutes": 5,
        "lifecycleHooks": [pause],
        "alarms": {"alarmNames": ["x"], "enable": True, "rollback": True},
    }
    check = {"name": "n", "image": "i", "healthCheck": {"command": ["CMD", "true"]}}
    for _ in range(2):
        ecs.register_task_definition(family="g", containerDefinitions=[check])
    ecs.create_service(
        cluster="c", serviceName="g", taskDefinition="g:1", desiredCount=2, loadBalancers=[balancer], deploymentConfiguration=how
    )
    aws.clock.advance(60)
    ecs.update_service(cluster="c", service="g", taskDefinition="g:2")
    aws.clock.advance(60)
    arn = ecs.describe_services(cluster="c", services=["g"])["services"][0]["currentServiceDeployment"]
    (waiting,) = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]["lifecycleHookDetails"]
    ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waiting["hookId"], action="CONTINUE")
    aws.clock.advance(60)
    ecs.describe_service_deployments(serviceDeploymentArns=[arn])
    ecs.describe_service_revisions(
        serviceRevisionArns=[
            item["arn"] for item in ecs.describe_services(cluster="c", services=["g"])["services"][0]["currentServiceRevisions"]
        ]
    )
    elb.describe_target_groups(TargetGroupArns=[blue])
    elb.describe_target_groups()
    elb.describe_target_health(TargetGroupArn=green)
    aws.ecs.sicken("c", "g", 1)
    elb.describe_target_health(TargetGroupArn=blue, Targets=[{"Id": "10.9.9.9"}])
    ecs.describe_tasks(cluster="c", tasks=ecs.list_tasks(cluster="c", serviceName="g")["taskArns"])
    ecs.deregister_task_definition(taskDefinition="g:1")


def scaling(aws: Embedded) -> None:
    """Bounds, a policy, a schedule."""
    client = aws.client("application-autoscaling")
    client.register_scalable_target(**WHERE, MinCapacity=3, MaxCapacity=9)
    client.describe_scalable_targets(ServiceNamespace="ecs")
    tracking = {"TargetValue": 50, "PredefinedMetricSpecification": CPU}
    client.put_scaling_policy(
        **WHERE, PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=tracking
    )
    client.describe_scaling_policies(ServiceNamespace="ecs")
    bounds = {"MinCapacity": 4}
    client.put_scheduled_action(**WHERE, ScheduledActionName="x", Schedule="rate(1 day)", ScalableTargetAction=bounds)
    client.describe_scheduled_actions(ServiceNamespace="ecs")
    client.describe_scaling_activities(ServiceNamespace="ecs", IncludeNotScaledActivities=True)
    client.delete_scheduled_action(**WHERE, ScheduledActionName="x")
    client.delete_scaling_policy(**WHERE, PolicyName="p")
    client.deregister_scalable_target(**WHERE)


def schedules(aws: Embedded) -> None:
    """Create, change, list and delete a group with one schedule."""
    client = aws.client("scheduler")
    client.create_schedule_group(Name="g")
    target = {"Arn": aws.place.arn("sqs", "q"), "RoleArn": "arn:aws:iam::123456789012:role/r"}
    when = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    client.create_schedule(Name="n", GroupName="g", **when)
    client.update_schedule(Name="n", GroupName="g", Description="d", StartDate=START + timedelta(days=1), **when)
    client.get_schedule(Name="n", GroupName="g")
    client.list_schedules(MaxResults=1)
    client.list_schedule_groups()
    client.get_schedule_group(Name="g")
    client.delete_schedule(Name="n", GroupName="g")
    client.delete_schedule_group(Name="g")


def mappings(aws: Embedded) -> None:
    """One mapping, read and changed."""
    client = aws.client("lambda")
    identifier = aws.mappings.preload(function="f", queue_arn=aws.place.arn("sqs", "q"), maximum_concurrency=2, reserved=5)
    client.list_event_source_mappings(FunctionName="f")
    client.update_event_source_mapping(UUID=identifier, ScalingConfig={"MaximumConcurrency": 3})
    client.get_event_source_mapping(UUID=identifier)
    client.get_function_concurrency(FunctionName="f")


def log_queries(aws: Embedded) -> None:
    """Ask, read, and stop another question."""
    aws.logs.preload("g", [(START, '{"status": 500, "ip": "192.0.2.1"}'), (START, "plain")])
    client, window = aws.client("logs"), {"startTime": int(START.timestamp()), "endTime": int(START.timestamp()) + 60}
    asked = client.start_query(logGroupName="g", queryString="stats count(*) as n by status, bin(1m)", **window)
    client.get_query_results(queryId=asked["queryId"])
    aws.logs.delay_s = 5
    slow = client.start_query(logGroupNames=["g"], queryString="fields @timestamp, @message | limit 1", **window)
    client.get_query_results(queryId=slow["queryId"])
    client.stop_query(queryId=slow["queryId"])


def move_tasks(aws: Embedded) -> None:
    """Move two letters back, and stop half-way."""
    sqs, dead = aws.client("sqs"), aws.place.arn("sqs", "q-dead")
    letters = sqs.create_queue(QueueName="q-dead")["QueueUrl"]
    sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})})
    for body in ("a", "b"):
        sqs.send_message(QueueUrl=letters, MessageBody=body)
    task = sqs.start_message_move_task(SourceArn=dead, DestinationArn=aws.place.arn("sqs", "q"), MaxNumberOfMessagesPerSecond=1)[
        "TaskHandle"
    ]
    aws.clock.advance(1)
    sqs.list_message_move_tasks(SourceArn=dead, MaxResults=10)
    sqs.cancel_message_move_task(TaskHandle=task)


def firewalls(aws: Embedded) -> None:
    """Build an ACL with a set and a rate, change both, look at what they took."""
    waf, regional = aws.client("wafv2"), {"Scope": "REGIONAL"}
    seen = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    ips = waf.create_ip_set(Name="set", IPAddressVersion="IPV4", Addresses=[], **regional)["Summary"]
    rate = {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 60}
    rules = [
        {
            "Name": "rate",
            "Priority": 1,
            "Action": {"Count": {}},
            "Statement": {"RateBasedStatement": rate},
            "VisibilityConfig": seen,
        },
        {
            "Name": "block",
            "Priority": 2,
            "Action": {"Block": {}},
            "Statement": {"IPSetReferenceStatement": {"ARN": ips["ARN"]}},
            "VisibilityConfig": {**seen, "MetricName": "block"},
        },
    ]
    whole = {"DefaultAction": {"Allow": {}}, "VisibilityConfig": {**seen, "MetricName": "acl"}, **regional}
    acl = waf.create_web_acl(Name="acl", Rules=rules, **whole)["Summary"]
    named = {"Name": "acl", "Id": acl["Id"], **regional}
    token = waf.get_web_acl(**named)["LockToken"]
    waf.update_web_acl(**named, **{key: value for key, value in whole.items() if key != "Scope"}, Rules=rules, LockToken=token)
    known = {"Name": "set", "Id": ips["Id"], **regional}
    waf.update_ip_set(**known, Addresses=["192.0.2.1/32"], LockToken=waf.get_ip_set(**known)["LockToken"])
    for _ in range(11):
        aws.waf.judge("acl", Hit(aws.clock.now, "192.0.2.9", "/upload", 200, "curl"))
    window = {"StartTime": aws.clock.now - timedelta(minutes=5), "EndTime": aws.clock.now}
    waf.get_sampled_requests(WebAclArn=acl["ARN"], RuleMetricName="acl", TimeWindow=window, MaxItems=5, **regional)
    waf.get_rate_based_statement_managed_keys(WebACLName="acl", WebACLId=acl["Id"], RuleName="rate", **regional)
    shield = aws.client("shield")
    shield.get_subscription_state()
    aws.shield.subscribed = True
    attack = aws.shield.preload(acl["ARN"], aws.clock.now)
    shield.list_attacks()
    shield.describe_attack(AttackId=attack)


def stages(aws: Embedded) -> None:
    """Throttle a stage of either kind."""
    aws.stages.preload_rest("r", "prod", rate=100.0, burst=50)
    rest, path = aws.client("apigateway"), "/*/*/throttling/rateLimit"
    rest.get_stage(restApiId="r", stageName="prod")
    rest.update_stage(restApiId="r", stageName="prod", patchOperations=[{"op": "replace", "path": path, "value": "5"}])
    aws.stages.preload_http("h", "prod", rate=100.0, burst=50)
    http = aws.client("apigatewayv2")
    settings = http.get_stage(ApiId="h", StageName="prod")["DefaultRouteSettings"]
    http.update_stage(ApiId="h", StageName="prod", DefaultRouteSettings={**settings, "ThrottlingRateLimit": 5.0})


def incidents_elsewhere(aws: Embedded) -> None:
    """Read what CloudTrail saw of the story so far, and what AWS says is broken."""
    aws.trail.delay_s = 0
    aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}], MaxResults=2
    )
    arn = aws.health.preload("RDS", zone="ap-northeast-2a", affected=("image-db",))
    aws.client("health").describe_events(filter={"regions": [aws.place.region], "eventStatusCodes": ["open"]})
    aws.health.end(arn)
    aws.client("health").describe_events()
    aws.client("health").describe_affected_entities(filter={"eventArns": [arn]})
    aws.insights.preload("db-ABC", {"Lock:transactionid": 6.0, "CPU": 1.0})
    by_wait = {"Metric": "db.load.avg", "GroupBy": {"Group": "db.wait_event"}, "StartTime": START, "EndTime": aws.clock.now}
    aws.client("pi").describe_dimension_keys(ServiceType="RDS", Identifier="db-ABC", **by_wait)


def databases(aws: Embedded) -> None:
    """Let a cluster grow, and ask the real server behind another one."""
    aws.rds.preload("c", {"c-1": "db.serverless"}, MinCapacity=0.5, MaxCapacity=8)
    rds = aws.client("rds")
    rds.modify_db_cluster(DBClusterIdentifier="c", ServerlessV2ScalingConfiguration={"MaxCapacity": 16})
    rds.describe_db_clusters()
    rds.describe_db_instances(DBInstanceIdentifier="c-1")
    server = shared()
    attach(aws, server)
    asked = {"resourceArn": cluster_arn(aws), "secretArn": secret(aws, server, server.admin), "database": "postgres"}
    every = (
        "select 1 as n, 'x' as t, true as b, 1.5::float8 as f, now() as at, null as nil, 1.5::numeric as d, '\\x01'::bytea as raw"
    )
    aws.client("rds-data").execute_statement(**asked, sql=every, includeResultMetadata=True)
    aws.client("rds-data").batch_execute_statement(**asked, sql="select 1")


def test_every_answer_of_every_operation_is_what_its_service_model_allows(aws: Embedded) -> None:
    """No operation is left out of the story; one that is added must be added here."""
    calls: list[Call] = []
    aws.seam.observe(calls.append)
    for part in (
        alarms,
        dashboards,
        metrics,
        services,
        deployments,
        scaling,
        schedules,
        mappings,
        log_queries,
        move_tasks,
        firewalls,
        stages,
        incidents_elsewhere,
        databases,
    ):
        part(aws)

    answered = {(call.service, call.operation) for call in calls if call.served == "overlay" and call.error_code is None}
    parts: dict[str, Any] = {
        "cloudwatch": aws.cloudwatch,
        "ecs": aws.ecs,
        "application-autoscaling": aws.autoscaling,
        "scheduler": aws.scheduler,
        "lambda": aws.mappings,
        "logs": aws.logs,
        "elbv2": aws.balancing,
        "sqs": aws.moves,
        "wafv2": aws.waf,
        "shield": aws.shield,
        "cloudtrail": aws.trail,
        "health": aws.health,
        "pi": aws.insights,
        "rds": aws.rds,
        "rds-data": aws.rds_data,
    }
    known = {(service, operation) for service, part in parts.items() for operation in part.operations}
    known |= {("apigateway", name) for name in aws.stages.rest_operations}
    known |= {("apigatewayv2", name) for name in aws.stages.http_operations}
    assert answered == known | {("resourcegroupstaggingapi", "GetResources")}


def test_an_answer_against_its_model_is_caught(aws: Embedded) -> None:
    """The check that the story leans on works."""
    aws.seam.serve("scheduler", {"GetSchedule": lambda _params, _request: {"name": "lower"}})
    with pytest.raises(AssertionError, match="not a member of GetScheduleOutput"):
        aws.client("scheduler").get_schedule(Name="n")


def test_what_moto_answers_is_checked_nowhere_but_may_be(aws: Embedded) -> None:
    """The checker works on any service's answer."""
    answer = aws.client("sqs").create_queue(QueueName="q")
    model = aws.client("sqs").meta.service_model.operation_model("CreateQueue")
    assert ShapeChecker().response(answer, model) == []
