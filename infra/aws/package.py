"""`make package`: the stacks for those without Node. Plain templates and zips, which `aws cloudformation deploy` takes.

``python -m infra.aws.package [--assembly build/cdk.out] [--out build/package]``. CDK's own templates name a bucket that `cdk
bootstrap` makes; here two parameters say where the zips were uploaded to. Keys hold a digest, so new code is a new template.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alarms.domain.errors import CannotRun, TocsinError
from infra.aws.bundle.builder import archive
from infra.aws.package_readme import Part, readme

ASSEMBLY = Path("build/cdk.out")
OUT = Path("build/package")
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "ArtifactBucket": {
        "Type": "String",
        "Description": "The bucket, in this stack's region, that the zips were uploaded to",
        "AllowedPattern": "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    },
    "ArtifactPrefix": {
        "Type": "String",
        "Description": "What their keys begin with, with its / at the end; may be empty",
        "Default": "tocsin/",
        "AllowedPattern": "([^/].*/)?",
    },
}
ANYWHERE = "unknown-region"  # how CDK writes the place of a template that names none
_OF_BOOTSTRAP = ("BootstrapVersion", "CheckBootstrapVersion")
_OURS = ("*.zip", "*.template.json", "README.md")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file or folder of the assembly that a template names by ``key``; ``name`` is its name in the package."""

    key: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack of an assembly, with the assets that its template may name. ``region`` is "" where it may stand anywhere."""

    name: str
    region: str
    template: Mapping[str, Any]
    assets: tuple[Asset, ...]


def stacks(assembly: Path) -> tuple[Stack, ...]:
    """Return the stacks of what `make synth` wrote, each after those that it needs. CannotRun where there is no assembly."""
    manifest = _json(assembly / "manifest.json")["artifacts"]
    found: dict[str, Stack] = {}

    def visit(name: str) -> None:
        artifact = manifest[name]
        for needed in artifact.get("dependencies", ()):
            visit(needed)
        if artifact["type"] == "aws:cloudformation:stack" and name not in found:
            assets = tuple(_assets(assembly, _json(assembly / f"{name}.assets.json")))
            region = artifact["environment"].rsplit("/", 1)[-1]  # aws://account/region
            region = "" if region == ANYWHERE else region
            found[name] = Stack(name, region, _json(assembly / artifact["properties"]["templateFile"]), assets)

    for name in sorted(manifest):
        visit(name)
    if not found:
        raise CannotRun(f"{assembly}: there is no stack in it; run `make synth` first")
    return tuple(found.values())


def portable(stack: Stack) -> dict[str, Any]:
    """Return the stack's template with its zips under two parameters, and without CDK's bootstrap. Pure.

    CannotRun when something of the bootstrap would be left: such a template could not be deployed without it.
    """
    template: dict[str, Any] = _rewritten(copy.deepcopy(dict(stack.template)), {asset.key: asset.name for asset in stack.assets})
    for section in ("Parameters", "Rules"):
        kept = {name: value for name, value in template.pop(section, {}).items() if name not in _OF_BOOTSTRAP}
        template |= {section: kept} if kept else {}
    if "${ArtifactPrefix}" in json.dumps(template):
        template["Parameters"] = {**template.get("Parameters", {}), **PARAMETERS}
    if left := re.search(r"cdk-hnb659fds[^\"]*", json.dumps(template)):
        raise CannotRun(f"{stack.name}: it needs CDK's bootstrap in a way that the package does not know: {left[0][:80]}")
    return template


def write(assembly: Path, out: Path) -> tuple[Part, ...]:
    """Write templates, zips and README.md to ``out``, replacing what an earlier run wrote there; return the parts in order."""
    made = stacks(assembly)
    out.mkdir(parents=True, exist_ok=True)
    for pattern in _OURS:
        for old in out.glob(pattern):
            old.unlink()
    parts = []
    for stack in made:
        template = portable(stack)
        text = json.dumps(template, ensure_ascii=False, indent=1) + "\n"
        (out / f"{stack.name}.template.json").write_text(text, encoding="utf-8")
        for asset in stack.assets:
            _put(asset, out / asset.name)
        parts.append(_part(stack, template))
    (out / "README.md").write_text(readme(parts), encoding="utf-8")
    return tuple(parts)


def _part(stack: Stack, template: Mapping[str, Any]) -> Part:
    parameters = template.get("Parameters", {})
    asked = {
        name: str(one.get("Description", ""))
        for name, one in parameters.items()
        if "Default" not in one and name not in PARAMETERS
    }
    return Part(stack.name, "ArtifactBucket" in parameters, "Transform" in template, stack.region, asked)


def main(argv: list[str] | None = None) -> int:
    """Write the package; return the exit code. A known failure is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m infra.aws.package", description="Package the stacks for use without Node.")
    parser.add_argument("--assembly", type=Path, default=ASSEMBLY, help=f"what `make synth` wrote; default: {ASSEMBLY}")
    parser.add_argument("--out", type=Path, default=OUT, help=f"default: {OUT}")
    said = parser.parse_args(argv)
    try:
        parts = write(said.assembly, said.out)
    except TocsinError as error:
        print(f"tocsin: {error}", file=sys.stderr)  # noqa: T201 - the one place where a failure becomes a line
        return 1
    print(f"{said.out}: {len(parts)} templates; README.md says how to deploy them")  # noqa: T201 - what the caller asked for
    return 0


def _assets(assembly: Path, written: Mapping[str, Any]) -> Iterator[Asset]:
    """Yield the files and folders that are uploaded for a stack; its own template is one of them, and is left out."""
    for digest, asset in written.get("files", {}).items():
        if asset["source"]["path"].endswith(".template.json"):
            continue
        key = next(iter(asset["destinations"].values()))["objectKey"]
        title = re.sub(r"[^A-Za-z0-9]+", "-", asset.get("displayName", "asset").removesuffix("/Code")).strip("-")
        yield Asset(key, f"{title}-{digest[:20]}.zip", assembly / asset["source"]["path"])


def _rewritten(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_rewritten(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(key := value.get("S3Key"), str) and key in names:
        return {**value, "S3Bucket": {"Ref": "ArtifactBucket"}, "S3Key": {"Fn::Sub": "${ArtifactPrefix}" + names[key]}}
    return {name: _rewritten(item, names) for name, item in value.items()}


def _put(asset: Asset, path: Path) -> None:
    if asset.path.is_dir():
        archive(asset.path, path)
    else:
        shutil.copyfile(asset.path, path)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CannotRun(f"{path}: there is no such file; run `make synth` first") from None


if __name__ == "__main__":
    sys.exit(main())
