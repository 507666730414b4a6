"""The package deploys with the AWS CLI alone: no bucket of CDK's, every zip that a template names, the commands in order."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alarms.domain.errors import CannotRun
from infra.aws import package
from infra.aws.package import Stack
from infra.aws.package_readme import Part, readme

BUCKET = {"Ref": "ArtifactBucket"}


@pytest.fixture(scope="module")
def packaged(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("package")
    package.write(assembly, out)
    return out


@pytest.fixture
def pipeline(assembly: Path) -> Stack:
    return next(stack for stack in package.stacks(assembly) if stack.name.endswith("-pipeline"))


def templates(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text("utf-8")) for path in folder.glob("*.template.json")
    }


def code(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every function's handler with the place of its code."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function" and "S3Key" in resource["Properties"]["Code"]:
            yield resource["Properties"]["Handler"], resource["Properties"]["Code"]


def test_every_function_finds_its_handler_in_a_zip_of_the_package(packaged: Path) -> None:
    found = [one for template in templates(packaged).values() for one in code(template)]

    assert {"notifier.handler.handler", "remediators.handler.handler", "notifier.interactive_handler.handler"} <= {
        h for h, _ in found
    }
    for handler, place in found:
        assert place["S3Bucket"] == BUCKET
        prefix, _, name = place["S3Key"]["Fn::Sub"].partition("}")
        assert prefix == "${ArtifactPrefix"
        module = handler.rpartition(".")[0].replace(".", "/") + ".py"
        assert module in zipfile.ZipFile(packaged / name).namelist()


def test_nothing_of_cdks_bootstrap_is_left(packaged: Path) -> None:
    for name, template in templates(packaged).items():
        assert "hnb659fds" not in json.dumps(template), name
        assert "bootstrap" not in json.dumps(template).lower(), name


def test_only_where_the_zips_lie_differs_from_what_cdk_deploys(packaged: Path, templates_of_cdk: Mapping[str, Any]) -> None:
    for name, theirs in templates_of_cdk.items():
        ours = templates(packaged)[name]
        for template in (ours, theirs):
            for _, place in code(template):
                place.clear()  # type: ignore[attr-defined]  # the templates are read anew for each test
        for section in {*ours, *theirs} - {"Parameters", "Rules"}:
            assert ours[section] == theirs[section], (name, section)


@pytest.fixture
def templates_of_cdk(assembly: Path) -> Mapping[str, Any]:
    return templates(assembly)


def test_new_code_is_a_new_template(pipeline: Stack) -> None:
    """CloudFormation looks at keys, not at what lies under them."""
    first = pipeline.assets[0]
    newer = replace(first, name=first.name.replace(first.name[-8:], "0000.zip"))
    changed = replace(pipeline, assets=(newer, *pipeline.assets[1:]))

    assert package.portable(changed) != package.portable(pipeline)
    assert first.path.name[6:26] in first.name


def test_a_template_that_needs_the_bootstrap_otherwise_is_refused(pipeline: Stack) -> None:
    template = copy.deepcopy(dict(pipeline.template))
    template["Resources"]["Other"] = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": {"Fn::Sub": "https://s3.${AWS::URLSuffix}/cdk-hnb659fds-assets-${AWS::AccountId}/a.json"}},
    }

    with pytest.raises(CannotRun, match=r"^tocsin-prod-pipeline: it needs CDK's bootstrap in a way"):
        package.portable(replace(pipeline, template=template))


def test_parameters_of_a_stacks_own_stay(pipeline: Stack) -> None:
    own = {"Type": "String", "Default": "kept"}
    template = {**pipeline.template, "Parameters": {**pipeline.template["Parameters"], "Own": own}}

    assert set(package.portable(replace(pipeline, template=template))["Parameters"]) == {
        "Own",
        "ArtifactBucket",
        "ArtifactPrefix",
    }


def test_the_readme_deploys_each_stack_after_those_it_needs(packaged: Path) -> None:
    text = (packaged / "README.md").read_text("utf-8")
    commands = text.split("aws cloudformation deploy ")[1:]
    order = [command.split("--stack-name ")[1].split()[0] for command in commands]

    assert sorted(order) == sorted(templates(packaged))
    assert order.index("tocsin-prod-network") < order.index("tocsin-prod-data")
    for name, command in zip(order, commands, strict=True):
        template = templates(packaged)[name]
        assert ("ArtifactBucket=" in command) == ("ArtifactBucket" in template.get("Parameters", {})), name
        assert ("CAPABILITY_AUTO_EXPAND" in command) == ("Transform" in template), name
    assert "AWS_REGION=ap-northeast-2" in text


def test_the_readme_names_every_parameter_that_a_deploy_would_be_refused_without(packaged: Path) -> None:
    text = (packaged / "README.md").read_text("utf-8")
    commands = {command.split("--stack-name ")[1].split()[0]: command for command in text.split("aws cloudformation deploy ")[1:]}

    asked = {
        (stack, name)
        for stack, template in templates(packaged).items()
        for name, parameter in template.get("Parameters", {}).items()
        if "Default" not in parameter
    }
    assert ("tocsin-prod-services", "ApiImage") in asked
    for stack, name in asked:
        assert f'"{name}=$' in commands[stack], (stack, name)
        if name != "ArtifactBucket":
            assert f"export {name}=" in text


def test_each_stack_is_deployed_to_its_own_region() -> None:
    """A hub's ears stand in other regions than the hub, and a spoke's template anywhere."""
    ear, spoke = Part("ear", False, False, "eu-west-1"), Part("spoke", False, False)

    text = readme([ear, Part("hub", True, False, "ap-northeast-2")])
    assert "--region eu-west-1 --stack-name ear " in text
    assert "--region ap-northeast-2 --stack-name hub " in text
    assert "AWS_REGION=ap-northeast-2" in text
    alone = readme([spoke])
    assert '--region "$AWS_REGION" --stack-name spoke ' in alone
    assert "unknown-region" not in alone


def test_an_earlier_package_is_replaced_and_other_files_stay(assembly: Path, tmp_path: Path) -> None:
    (tmp_path / "Gone-123.zip").write_bytes(b"old")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    package.write(assembly, tmp_path)

    assert not (tmp_path / "Gone-123.zip").exists()
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"


def test_without_a_synth_it_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert package.main(["--assembly", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"tocsin: {tmp_path}/manifest.json: there is no such file; run `make synth` first\n"


def test_the_templates_are_clean_for_cfn_lint(packaged: Path) -> None:
    files = sorted(str(path) for path in packaged.glob("*.template.json"))
    done = subprocess.run([Path(sys.executable).with_name("cfn-lint"), *files], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")
