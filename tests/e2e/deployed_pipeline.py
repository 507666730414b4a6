"""Deploys the pipeline's template to ministack as the CDK assembly says, with zips of the same builder for this machine."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from autoscaling_double import AutoScaling
from gaps import fitted
from ministack_process import ACCOUNT, REGION, ROOT, Ministack, eventually

from infra.aws.bundle.builder import build
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import here
from infra.local.slack import TOKEN, Workspace
from infra.local.slack_people import SIGNING_SECRET

HERE = Path(__file__).parent
STACK = "tocsin-e2e-pipeline"
ASSETS = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a story works with: the emulator, Slack, the autoscaling double, and the addresses of the door and of Slack."""

    aws: Ministack
    slack: Workspace
    scaling: AutoScaling
    door: str
    slack_url: str


def synthesise(out: Path) -> None:
    """Write the stack's assembly to ``out``."""
    command = [sys.executable, str(HERE / "synthesise.py"), str(out)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


def template_of(assembly: Path) -> dict[str, Any]:
    """Return the template as it was written."""
    read: dict[str, Any] = json.loads((assembly / f"{STACK}.template.json").read_text(encoding="utf-8"))
    return read


def create(stack: Ministack, template: Mapping[str, Any]) -> Mapping[str, str]:
    """Create the stack and return its outputs. The code is uploaded first, under the keys that the template names."""
    s3 = stack.client("s3")
    s3.create_bucket(Bucket=ASSETS, CreateBucketConfiguration={"LocationConstraint": REGION})
    by_handler = {function.handler: function for function in FUNCTIONS.values()}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            zipped = build(by_handler[resource["Properties"]["Handler"]], here())
            s3.upload_file(str(zipped), ASSETS, resource["Properties"]["Code"]["S3Key"])
    s3.put_object(Bucket=ASSETS, Key="template.json", Body=json.dumps(template).encode())
    stack.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    cloudformation = stack.client("cloudformation")
    address = f"{stack.url}/{ASSETS}/template.json"
    cloudformation.create_stack(StackName=STACK, TemplateURL=address, Capabilities=["CAPABILITY_NAMED_IAM"])

    def over() -> Any:
        (found,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    found = eventually("the stack is created", over)
    events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    assert found["StackStatus"] == "CREATE_COMPLETE", failed
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def deploy(stack: Ministack, assembly: Path) -> Mapping[str, str]:
    """Deploy, and do what docs/deploying.md asks a person to do: fill the secret, allow modes by the live switch."""
    outputs = create(stack, fitted(template_of(assembly)))
    secret = json.dumps({"bot_token": TOKEN, "signing_secret": SIGNING_SECRET})
    stack.client("secretsmanager").put_secret_value(SecretId="tocsin/e2e/slack", SecretString=secret)
    stack.client("ssm").put_parameter(Name="/tocsin/e2e/switch", Value=json.dumps({"mode": "auto"}), Type="String")
    return outputs


def tocsin(stack: Ministack, *arguments: str) -> str:
    """Run the command line against the emulator; returns what it printed."""
    environ = {**stack.environ, "PATH": os.environ["PATH"], "HOME": str(stack.log.parent), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def knock(stack: Ministack, door: str, event: Mapping[str, Any]) -> int:
    """Send to the deployed door what Slack sends; returns the HTTP status. The door's host name is the emulator's own."""
    place = urlsplit(door)
    headers = {**event["headers"], "Host": place.netloc}
    request = urllib.request.Request(f"{stack.url}{place.path}", data=event["body"].encode(), headers=headers, method="POST")  # noqa: S310 - loopback only
    try:
        with urllib.request.urlopen(request, timeout=20, context=ssl.create_default_context(cafile=stack.certificate)) as answer:  # noqa: S310 - loopback only
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def log_of(stack: Ministack, room: str) -> Callable[[], list[dict[str, Any]]]:
    """Return what reads the JSON lines of a function's log."""
    logs = stack.client("logs")

    def read() -> list[dict[str, Any]]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/tocsin-e2e-{room}")
        lines = [event["message"] for page in pages for event in page["events"]]
        return [json.loads(line) for line in lines if line.startswith("{")]

    return read
