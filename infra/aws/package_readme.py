"""What the package's README says: the commands in their order, for exactly the stacks that are in the folder. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_TEXT = """# Deploying without Node

This folder holds plain CloudFormation templates and the functions' zips. Needed are the AWS CLI, and credentials that may deploy
the stacks. Run everything in this folder.

1. Choose a bucket of yours in the stacks' region, and upload the zips. Their names hold a digest of what is in them: older ones
   may stay, and have to while a deploy could still be rolled back.

   ```
   export AWS_REGION={region} AWS_DEFAULT_REGION={region}
   export BUCKET=your-bucket PREFIX=tocsin/
   aws s3 cp . "s3://$BUCKET/$PREFIX" --recursive --exclude "*" --include "*.zip"
   ```

2. Deploy the stacks, in this order. tocsin itself is the one that ends in `-pipeline`; the others are the reference platform that
   it watches. Each command may be repeated; without a change it does nothing.

   ```
{commands}
   ```

3. Fill in Slack's secret and apply the catalogue, as for any deployment: docs/deploying.md in tocsin's repository.
"""
_DEPLOY = "aws cloudformation deploy --stack-name {name} --template-file {name}.template.json"
# Above 51,200 bytes CloudFormation takes a template from a bucket only; --s3-bucket lets the AWS CLI put it there.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_FROM_BUCKET = '--s3-bucket "$BUCKET" --s3-prefix "${PREFIX}templates"'


@dataclass(frozen=True, slots=True)
class Part:
    """One stack of the package: whether it names zips, and whether CloudFormation has to expand a transform in it."""

    name: str
    has_zips: bool
    has_transform: bool


def readme(parts: Sequence[Part], region: str) -> str:
    """Return the README's text for stacks of ``region``."""
    return _TEXT.format(region=region, commands="\n".join(line for part in parts for line in _commands(part)))


def _commands(part: Part) -> list[str]:
    lines = [_DEPLOY.format(name=part.name), f"  {_FROM_BUCKET}"]
    if part.has_zips:
        lines.append('  --parameter-overrides "ArtifactBucket=$BUCKET" "ArtifactPrefix=$PREFIX"')
    lines.append("  --capabilities CAPABILITY_NAMED_IAM" + (" CAPABILITY_AUTO_EXPAND" if part.has_transform else ""))
    lines.append("  --no-fail-on-empty-changeset")
    return [f"   {line}" + (" \\" if line != lines[-1] else "") for line in lines]
