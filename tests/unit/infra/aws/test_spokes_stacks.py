"""What a hub opens to its spokes and what a spoke lends its hub, read from their templates: who may do what, and nobody else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cloud_templates import only, properties, statements, text
from fasteners import InterProcessLock

from alarms.domain.errors import BadInput, CannotRun
from alarms.hub import SpokePlace
from alarms.settings import Settings
from alarms.yaml_door import Place, Spot
from infra.aws.pipeline.topic import deliverers
from infra.aws.spokes import opening
from infra.aws.spokes.settings import HubSettings, read
from infra.written import Node
from remediators.spokes import parse

ROOT = Path(__file__).parents[4]
HUB, SHOP, MAIL = "111111111111", "222222222222", "333333333333"
HOME = f"{HUB}/ap-northeast-2"
STAGES = f"""\
  prod:
    account: "{HUB}"
    region: ap-northeast-2
    spokes:
      - {{account: "{SHOP}", region: ap-northeast-2, external_id: 7d1f0c5e9b}}
      - {{account: "{SHOP}", region: eu-west-1, external_id: 0c5e9b7d1f}}
      - {{account: "{MAIL}", region: eu-west-1, external_id: 5e9b7d1f0c}}
  prod-shop:
    account: "{SHOP}"
    region: eu-west-1
    hub: {{stage: prod, account: "{HUB}", region: ap-northeast-2, external_id: 0c5e9b7d1f}}
"""
STAGE_FILE = """\
pipeline: {default_channel: "#ops", alarm_emails: [], concurrency: {remediators: 50}}
hub: {deployer: tocsin-deployer, organisation: o-a1b2c3d4e5}
"""
Templates = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Templates:
    """Return the templates of a hub's stage and of a spoke's, by the stack's name without its prefix."""
    shared = tmp_path_factory.getbasetemp().parent / f"spokes-{testrun_uid}"
    with InterProcessLock(f"{shared}.lock"):
        if not shared.exists():
            _synthesise(shared)
    found = {file.name.removesuffix(".template.json"): file for file in (shared / "out").rglob("*.template.json")}
    return {name.removeprefix("tocsin-prod-"): json.loads(file.read_text("utf-8")) for name, file in found.items()}


def _synthesise(folder: Path) -> None:
    catalogue, stages = folder / "catalogue", folder / "stages"
    shutil.copytree(ROOT / "alarms" / "catalog", catalogue)
    written = (catalogue / "tocsin.yaml").read_text("utf-8")
    head, tail = written.partition("  prod:\n")[0], written.partition("  demo:")[2]
    (catalogue / "tocsin.yaml").write_text(f"{head}{STAGES}  demo:{tail}", "utf-8")
    stages.mkdir()
    (stages / "prod.yaml").write_text(STAGE_FILE, "utf-8")
    for stage in ("prod", "prod-shop"):
        command = [sys.executable, "-m", "infra.aws.app", "--stage", stage, "--catalogue", str(catalogue)]
        command += ["--stages", str(stages), "--out", str(folder / "out" / stage)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]


def principals(statement: Mapping[str, Any]) -> str:
    return json.dumps(statement["Principal"])


# --- which stacks there are -------------------------------------------------------------------------------------------


def test_a_hub_has_an_ear_in_each_further_region_and_a_spoke_has_one_stack(two: Templates) -> None:
    assert set(two) == {"pipeline", "ear-eu-west-1", "shop-spoke"}


def test_a_stage_without_spokes_has_nothing_of_all_this(templates: Templates) -> None:
    assert not [name for name in templates if "ear" in name or "spoke" in name]
    pipeline = json.dumps(templates["pipeline"])
    assert "AlarmsOfSpokes" not in pipeline
    assert "TOCSIN_SPOKES_PARAMETER" not in pipeline
    assert "sts:AssumeRole" not in json.dumps(properties(templates["pipeline"], "AWS::IAM::ManagedPolicy"))


# --- the spoke --------------------------------------------------------------------------------------------------------


def test_a_spokes_role_trusts_one_role_alone_with_its_external_id(two: Templates) -> None:
    role = only(two["shop-spoke"], "AWS::IAM::Role")
    (trust,) = statements(role["AssumeRolePolicyDocument"])

    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{HUB}:role/tocsin-prod-remediators"}
    assert trust["Action"] == ["sts:AssumeRole"]
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}}
    assert text(role["RoleName"]) == "tocsin-prod-spoke-{AWS::Region}"


def test_a_spokes_template_serves_every_account_whose_resources_have_the_same_names(two: Templates) -> None:
    """As a StackSet asks for: no account or region of its own, no bootstrap, the external id as a parameter."""
    template = two["shop-spoke"]

    assert SHOP not in json.dumps(template)
    assert "eu-west-1" not in json.dumps(template["Resources"])
    assert set(template["Parameters"]) == {"ExternalId"}
    assert "Rules" not in template


def test_a_spoke_lends_what_its_rows_need_and_nothing_of_the_engines_own(two: Templates) -> None:
    policies = properties(two["shop-spoke"], "AWS::IAM::ManagedPolicy").values()
    granted = [one for policy in policies for one in statements(policy["PolicyDocument"])]
    changing = {text(on) for one in granted for on in _listed(one["Resource"]) if "ecs:UpdateService" in one["Action"]}

    assert changing
    assert all(":{AWS::Region}:{AWS::AccountId}:service/image/" in on for on in changing)
    actions = {action for one in granted for action in one["Action"]}
    assert not [action for action in actions if action.startswith(("dynamodb:", "scheduler:", "sts:", "iam:Create"))]
    assert "cloudwatch:DescribeAlarms" in actions


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- the hub ----------------------------------------------------------------------------------------------------------


def test_the_hub_may_become_exactly_the_roles_of_its_spokes(two: Templates) -> None:
    policies = properties(two["pipeline"], "AWS::IAM::ManagedPolicy").values()
    granted = [one for policy in policies for one in statements(policy["PolicyDocument"]) if "sts:AssumeRole" in one["Action"]]

    assert [sorted(one["Resource"]) for one in granted] == [
        [
            f"arn:aws:iam::{SHOP}:role/tocsin-prod-spoke-ap-northeast-2",
            f"arn:aws:iam::{SHOP}:role/tocsin-prod-spoke-eu-west-1",
            f"arn:aws:iam::{MAIL}:role/tocsin-prod-spoke-eu-west-1",
        ]
    ]


def test_the_list_that_the_function_reads_is_the_catalogues(two: Templates) -> None:
    listed = only(two["pipeline"], "AWS::SSM::Parameter", Name="/tocsin/prod/spokes")
    spokes = parse(listed["Value"], HOME)

    assert set(spokes) == {f"{SHOP}/ap-northeast-2", f"{SHOP}/eu-west-1", f"{MAIL}/eu-west-1"}
    assert spokes[f"{MAIL}/eu-west-1"].role == f"arn:aws:iam::{MAIL}:role/tocsin-prod-spoke-eu-west-1"
    function = only(two["pipeline"], "AWS::Lambda::Function", FunctionName="tocsin-prod-remediators")
    assert function["Environment"]["Variables"]["TOCSIN_SPOKES_PARAMETER"] == listed["Name"]


def test_only_alarms_of_listed_accounts_tell_the_topic_of_their_region(two: Templates) -> None:
    for stack, region, accounts in (("pipeline", "ap-northeast-2", [SHOP]), ("ear-eu-west-1", "eu-west-1", [SHOP, MAIL])):
        found = [
            one
            for policy in properties(two[stack], "AWS::SNS::TopicPolicy").values()
            for one in statements(policy["PolicyDocument"])
            if one.get("Sid") == "AlarmsOfSpokes"
        ]
        (statement,) = found
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Action"] == ["sns:Publish"]
        assert statement["Condition"]["StringEquals"] == {
            "aws:SourceAccount": accounts,
            "aws:SourceOrgID": "o-a1b2c3d4e5",
        }
        assert all(f":{region}:" in arn for arn in _listed(statement["Condition"]["ArnLike"]["aws:SourceArn"]))


def test_a_spokes_deployer_writes_rows_of_its_own_account_only(two: Templates) -> None:
    """A row is an order to act in the place that its key names."""
    table = only(two["pipeline"], "AWS::DynamoDB::Table", TableName="tocsin-prod-catalogue")
    (statement,) = statements(table["ResourcePolicy"]["PolicyDocument"])

    condition = statement["Condition"]
    assert condition["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["${aws:PrincipalAccount}/*"]}
    assert condition["Null"] == {"dynamodb:LeadingKeys": "false"}, "ForAllValues alone holds where there is no key, as in a Scan"
    assert condition["ArnLike"]["aws:PrincipalArn"] == [f"arn:aws:iam::{one}:role/tocsin-deployer" for one in (SHOP, MAIL)]
    assert condition["StringEquals"] == {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}
    assert not {action for action in statement["Action"] if action.split(":")[1] in ("Scan", "Query", "DeleteTable")}
    others = [one for name, one in properties(two["pipeline"], "AWS::DynamoDB::Table").items() if "ResourcePolicy" in one]
    assert len(others) == 1


def test_both_rooms_hear_the_other_region_and_lose_nothing_on_the_way(two: Templates) -> None:
    ear = two["ear-eu-west-1"]
    told = properties(ear, "AWS::SNS::Subscription").values()

    queues = [f"arn:aws:sqs:ap-northeast-2:{HUB}:tocsin-prod-{room}" for room in ("notifier", "remediators")]
    assert sorted(one["Endpoint"] for one in told) == queues
    assert all(one["RedrivePolicy"]["deadLetterTargetArn"] for one in told)
    topic = f"arn:aws:sns:eu-west-1:{HUB}:tocsin-alarms"
    for policy in properties(two["pipeline"], "AWS::SQS::QueuePolicy").values():
        for one in statements(policy["PolicyDocument"]):
            if one.get("Sid") == "TopicDelivers":
                assert topic in one["Condition"]["ArnEquals"]["aws:SourceArn"]
    keys = json.dumps(properties(two["pipeline"], "AWS::KMS::Key"))
    assert topic in keys, "the queues' key lets the other region's topic deliver"
    assert len(properties(ear, "AWS::CloudWatch::Alarm")) == len(queues)


def test_a_hub_may_take_more_messages_at_once(two: Templates) -> None:
    """Mapping, reserved executions and the alarm on them say the same number."""
    pipeline = two["pipeline"]
    taken = [one["ScalingConfig"] for one in properties(pipeline, "AWS::Lambda::EventSourceMapping").values()]
    reserved = only(pipeline, "AWS::Lambda::Function", FunctionName="tocsin-prod-remediators")["ReservedConcurrentExecutions"]
    busy = only(pipeline, "AWS::CloudWatch::Alarm", AlarmName="tocsin-prod-self/remediators-busy")

    assert sorted(one["MaximumConcurrency"] for one in taken) == [5, 50]
    assert reserved == busy["Threshold"] == 50


def test_nobody_is_let_in_by_a_wildcard(two: Templates) -> None:
    for name, template in two.items():
        for resource in template["Resources"].values():
            for document in _documents(resource.get("Properties", {})):
                for one in statements(document):
                    if one["Effect"] == "Allow" and "Principal" in one:
                        assert one["Principal"] not in ("*", {"AWS": "*"}), name


def _documents(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        own = [value] if "Statement" in value else []
        return own + [found for member in value.values() for found in _documents(member)]
    return [found for member in value for found in _documents(member)] if isinstance(value, list) else []


# --- the stage file ---------------------------------------------------------------------------------------------------

SPOT = Spot(Place("prod.yaml", 3, 3))
ONE = Settings(stage="prod", spokes=(SpokePlace(SHOP, "eu-west-1", "0c5e9b7d1f"),))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "deployer, the name of the role that runs `tocsin apply` in each spoke, is missing"),
        ({"deployer": "arn:aws:iam::1:role/x"}, "without its ARN"),
        ({"deployer": "*"}, "the name of an IAM role"),
        ({"deployer": "x", "organisation": "ours"}, "an organisation's id like o-a1b2c3d4e5"),
        ({"deployer": "x", "accounts": []}, "unknown key"),
    ],
)
def test_what_is_wrong_in_the_section_is_one_line_with_its_place(value: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=r"prod\.yaml:3") as failure:
        read(Node(value, SPOT, "hub"), ONE)

    assert said in str(failure.value)


def test_spokes_and_section_go_together() -> None:
    assert read(None, Settings(stage="prod")) is None
    with pytest.raises(BadInput, match="the stage file has no section hub"):
        read(None, ONE)
    with pytest.raises(BadInput, match="lists no spokes; leave it out"):
        read(Node({"deployer": "x"}, SPOT, "hub"), Settings(stage="prod"))


def test_more_spokes_than_a_parameter_holds_are_refused_with_the_number_that_fits() -> None:
    """Eight thousand characters: a second hub is the answer long before CloudFormation's own failure."""
    many = tuple(SpokePlace(f"{number:012d}", "eu-west-1", f"{number:032x}") for number in range(1, 61))
    assert len(parse(opening.list_of(Settings(stage="prod", spokes=many[:50])), HOME)) == 50

    with pytest.raises(CannotRun, match="60 spokes are more than one parameter holds, about 5"):
        opening.list_of(Settings(stage="prod", spokes=many))


def test_the_accounts_of_a_hub_are_each_named_once() -> None:
    hub = HubSettings("x", (SpokePlace(SHOP, "eu-west-1"), SpokePlace(SHOP, "us-east-1"), SpokePlace(MAIL, "eu-west-1")))

    assert hub.accounts == (SHOP, MAIL)
    assert hub.other_regions("eu-west-1") == ("us-east-1",)
    assert hub.accounts_in("us-east-1") == (SHOP,)


@pytest.mark.parametrize(
    ("home", "others", "named"),
    [
        ("ap-northeast-2", [], []),
        ("ap-northeast-2", ["eu-west-1"], []),
        ("ap-northeast-2", ["ap-east-1", "eu-west-1"], ["ap-east-1"]),
        ("ap-east-1", [], []),
        ("ap-east-1", ["eu-west-1"], ["ap-east-1"]),
    ],
)
def test_sns_delivers_from_and_to_an_opt_in_region_under_that_regions_name(
    home: str, others: list[str], named: list[str]
) -> None:
    """Under its usual name the queue would refuse it, without a word (SNS developer guide, cross-region delivery)."""
    assert deliverers(home, others) == ["sns.amazonaws.com", *(f"sns.{region}.amazonaws.com" for region in named)]


def test_whoever_delivers_may_use_the_queues_and_their_key(two: Templates) -> None:
    wanted = {"Service": "sns.amazonaws.com"}
    policies = properties(two["pipeline"], "AWS::SQS::QueuePolicy").values()
    delivered = [one for policy in policies for one in statements(policy["PolicyDocument"]) if "Topic" in one.get("Sid", "")]
    keys = properties(two["pipeline"], "AWS::KMS::Key").values()
    used = [one for key in keys for one in statements(key["KeyPolicy"]) if one.get("Sid") == "TopicsMayDeliver"]

    assert len(delivered) == 4
    assert [one["Principal"] for one in (*delivered, *used)] == [wanted] * 5
