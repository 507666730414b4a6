"""The edge: one entry, closed to whoever is not signed in, with throttles, a web ACL, and logs that a diagnosis can read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from cloud_templates import only, properties, refers, statements, text

from infra.aws.platform.api_definition import Backend, document
from infra.aws.workload.settings import ImageRules
from remediators.surge import stage_throttle, traffic, web_acl
from remediators.surge.web_acl import Named

API, STAGE = "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Stage"


@pytest.fixture
def edge(templates: Mapping[str, Any]) -> Any:
    return templates["edge"]


def _operations(api: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {f"{method.upper()} {path}": item for path, methods in api["paths"].items() for method, item in methods.items()}


def test_s4_the_api_has_two_operations_and_both_ask_who_is_there(edge: Any) -> None:
    body = only(edge, API)["Body"]
    operations = _operations(body)
    assert set(operations) == {"POST /uploads", "GET /uploads/{id}"}
    assert [item["security"] for item in operations.values()] == [[{"signed-in": []}]] * 2
    scheme = body["components"]["securitySchemes"]["signed-in"]
    assert scheme["x-amazon-apigateway-authtype"] == "cognito_user_pools"
    (pool,) = properties(edge, "AWS::Cognito::UserPool")
    assert refers(scheme["x-amazon-apigateway-authorizer"]["providerARNs"]) == {pool}


def test_s1_no_operation_carries_a_file_and_s3_is_behind_none(edge: Any) -> None:
    api = only(edge, API)
    assert "BinaryMediaTypes" not in api
    wish = api["Body"]["components"]["schemas"]["Wish"]
    assert wish["additionalProperties"] is False
    assert set(wish["properties"]) == {"content_type", "size", "filename"}
    for item in _operations(api["Body"]).values():
        assert "s3" not in text(item["x-amazon-apigateway-integration"]["uri"])


def test_s4_what_cannot_be_an_upload_is_refused_before_it_costs_a_task(edge: Any) -> None:
    body = only(edge, API)["Body"]
    assert body["x-amazon-apigateway-request-validator"] == "everything"
    assert body["x-amazon-apigateway-request-validators"]["everything"] == {
        "validateRequestBody": True,
        "validateRequestParameters": True,
    }
    wish = body["components"]["schemas"]["Wish"]
    rules = ImageRules()
    assert wish["properties"]["size"]["maximum"] == rules.most_bytes
    assert wish["properties"]["content_type"]["enum"] == list(rules.types)


def test_who_calls_is_what_the_token_says_not_what_the_client_says() -> None:
    operations = _operations(document(Backend("link", "arn:balancer", "http://balancer:80"), "arn:pool", ImageRules()))
    for item in operations.values():
        mapped = item["x-amazon-apigateway-integration"]["requestParameters"]
        assert mapped["integration.request.header.x-caller"] == "context.authorizer.claims.sub"


def test_a_browser_s_preflight_passes_without_a_token_where_pages_are_named_and_nothing_else_does() -> None:
    backend = Backend("link", "arn:balancer", "http://balancer:80")
    operations = _operations(document(backend, "arn:pool", ImageRules(), ["https://shop.example.com"]))
    open_to_all = {name for name, item in operations.items() if "security" not in item}
    assert open_to_all == {"OPTIONS /uploads", "OPTIONS /uploads/{id}"}
    assert {operations[name]["x-amazon-apigateway-integration"]["httpMethod"] for name in open_to_all} == {"OPTIONS"}
    assert not any(name.startswith("OPTIONS") for name in _operations(document(backend, "arn:pool", ImageRules())))


def test_requests_reach_the_load_balancer_by_a_private_link_in_three_zones(edge: Any) -> None:
    (link,) = properties(edge, "AWS::ApiGatewayV2::VpcLink")
    for item in _operations(only(edge, API)["Body"]).values():
        way = item["x-amazon-apigateway-integration"]
        assert (way["type"], way["connectionType"]) == ("http_proxy", "VPC_LINK")
        assert refers(way["connectionId"]) == {link}
        assert "services" in text(way["integrationTarget"])
        assert way["timeoutInMillis"] < 29_000
    item = properties(edge, "AWS::ApiGatewayV2::VpcLink")[link]
    assert len(item["SubnetIds"]) == 3
    assert len(item["SecurityGroupIds"]) == 1


def test_the_stage_s_name_is_no_part_of_what_the_api_is_asked_whether_the_link_passes_it_on_or_not(
    templates: Mapping[str, Any],
) -> None:
    """AWS's guide says that a private integration passes the stage on; its examples differ."""
    rules = list(properties(templates["services"], "AWS::ElasticLoadBalancingV2::ListenerRule").values())
    assert len(rules) == 2
    for rule in rules:
        (transform,) = rule["Transforms"]
        (rewrite,) = transform["UrlRewriteConfig"]["Rewrites"]
        replaced = rewrite["Replace"].replace("$1", r"\1")
        assert re.sub(rewrite["Regex"], replaced, "/prod/uploads/0a1b") == "/uploads/0a1b"
        assert re.sub(rewrite["Regex"], replaced, "/uploads/0a1b") == "/uploads/0a1b"


def test_s4_the_stage_and_its_dearest_method_have_throttles(edge: Any) -> None:
    stage = only(edge, STAGE)
    limits = {
        f"{item['HttpMethod']} {item['ResourcePath']}": (item["ThrottlingRateLimit"], item["ThrottlingBurstLimit"])
        for item in stage["MethodSettings"]
    }
    assert limits == {"* /*": (300, 600), "POST /~1uploads": (150, 300)}


def test_the_last_rung_of_the_surge_s_ladder_finds_a_throttle_to_lower(edge: Any) -> None:
    """A stage without one is left alone by it."""
    whole = next(item for item in only(edge, STAGE)["MethodSettings"] if item["HttpMethod"] == "*")
    settings = {"throttlingRateLimit": whole["ThrottlingRateLimit"], "throttlingBurstLimit": whole["ThrottlingBurstLimit"]}

    class Gateway:
        def get_stage(self, **_asked: Any) -> dict[str, Any]:
            return {"methodSettings": {"*/*": settings}}

    assert stage_throttle.observe(lambda _: Gateway(), "abc", "prod", "rest") == "300/s, burst 600"


def test_s4_the_access_log_has_the_members_that_the_surge_s_diagnosis_asks_for(edge: Any) -> None:
    stage = only(edge, STAGE)
    line = json.loads(stage["AccessLogSetting"]["Format"])
    asked = " ".join((traffic.TALKERS, traffic.PATHS, traffic.AGENTS))
    for member in ("ip", "path", "status", "userAgent", "user"):
        assert member in asked.replace(",", " ").replace("(", " ").replace(")", " ").split()
        assert line[member].startswith("$context.")
    assert line["path"] == "$context.resourcePath"  # not the path: an id in it would make every request its own
    group = only(edge, "AWS::Logs::LogGroup", LogGroupName="/aws/apigateway/image-api")
    assert (group["RetentionInDays"], "KmsKeyId" in group) == (30, True)


def test_no_log_of_the_edge_holds_a_body_or_a_token(edge: Any) -> None:
    assert {item["DataTraceEnabled"] for item in only(edge, STAGE)["MethodSettings"]} == {False}
    assert "authorization" not in only(edge, STAGE)["AccessLogSetting"]["Format"].lower()
    redacted = {item["SingleHeader"]["Name"] for item in only(edge, "AWS::WAFv2::LoggingConfiguration")["RedactedFields"]}
    assert "authorization" in redacted


def test_every_log_group_of_the_edge_ends_its_lines_some_day(edge: Any) -> None:
    groups = properties(edge, "AWS::Logs::LogGroup").values()
    assert {item["RetentionInDays"] for item in groups} == {30}
    assert any(text(item["LogGroupName"]).startswith("API-Gateway-Execution-Logs_") for item in groups)  # else kept for ever


def test_metrics_and_traces_are_on(edge: Any) -> None:
    stage = only(edge, STAGE)
    assert stage["TracingEnabled"] is True
    assert {item["MetricsEnabled"] for item in stage["MethodSettings"]} == {True}


def test_old_tls_is_refused(edge: Any) -> None:
    api = only(edge, API)
    assert api["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2")
    assert api["EndpointAccessMode"] == "STRICT"
    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]


def test_s4_the_web_acl_stands_before_the_stage(edge: Any) -> None:
    guarded = only(edge, "AWS::WAFv2::WebACLAssociation")
    (acl,) = properties(edge, "AWS::WAFv2::WebACL")
    assert refers(guarded["WebACLArn"]) == {acl}
    (stage,) = properties(edge, STAGE)
    assert stage in refers(guarded["ResourceArn"])
    assert text(only(edge, "AWS::WAFv2::LoggingConfiguration")["LogDestinationConfigs"][0]).endswith(
        "log-group:aws-waf-logs-image-front"
    )


def test_the_surge_s_defences_are_prepared_as_its_action_wants_them(edge: Any) -> None:
    """Read by the action's own eyes: both count, and the rate-based one looks at a part of the traffic only."""
    acl = only(edge, "AWS::WAFv2::WebACL")

    class Waf:
        def get_web_acl(self, **_asked: Any) -> dict[str, Any]:
            return {"WebACL": {**acl, "Id": "0a1b", "ARN": "arn:acl"}}

    seen = web_acl.observe(lambda _: Waf(), Named("regional", "image-front", "0a1b"))

    challenge, rate = seen.rules["tocsin-challenge"], seen.rules["tocsin-rate"]
    assert (challenge.action, challenge.rated) == ("count", False)
    assert (rate.action, rate.rated, rate.scoped) == ("count", True, True)


def test_a_challenge_meets_who_says_it_is_a_browser_and_never_a_preflight(edge: Any) -> None:
    """A preflight cannot carry the token that a passed challenge leaves."""
    rule = next(item for item in only(edge, "AWS::WAFv2::WebACL")["Rules"] if item["Name"] == "tocsin-challenge")
    parts = rule["Statement"]["AndStatement"]["Statements"]
    wanted = {item["ByteMatchStatement"]["SearchString"] for item in parts if "ByteMatchStatement" in item}
    spared = [item["NotStatement"]["Statement"]["ByteMatchStatement"]["SearchString"] for item in parts if "NotStatement" in item]
    assert (wanted, spared) == ({"/prod/uploads", "Mozilla/"}, ["OPTIONS"])


def test_the_managed_lists_are_looked_at_first_and_block(edge: Any) -> None:
    rules = sorted(only(edge, "AWS::WAFv2::WebACL")["Rules"], key=lambda item: item["Priority"])
    managed = [item for item in rules if "ManagedRuleGroupStatement" in item["Statement"]]
    assert rules[: len(managed)] == managed
    assert {str(item["OverrideAction"]) for item in managed} == {"{'None': {}}"}
    assert any(label.endswith("amazon-ip-list:") for label in traffic.SUSPICIOUS)
    assert "AWSManagedRulesAmazonIpReputationList" in {item["Name"] for item in managed}  # whose labels that signal counts


def test_nobody_signs_up_alone_and_accounts_outlive_the_stack(edge: Any) -> None:
    pool = only(edge, "AWS::Cognito::UserPool")
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["DeletionProtection"] == "ACTIVE"
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    client = only(edge, "AWS::Cognito::UserPoolClient")
    assert "GenerateSecret" not in client
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


def test_api_gateway_s_role_does_nothing_but_write_logs(edge: Any) -> None:
    role = only(edge, "AWS::IAM::Role")
    assert [text(arn).split("/")[-1] for arn in role["ManagedPolicyArns"]] == ["AmazonAPIGatewayPushToCloudWatchLogs"]
    trust = statements(role["AssumeRolePolicyDocument"])
    assert [item["Principal"] for item in trust] == [{"Service": "apigateway.amazonaws.com"}]
