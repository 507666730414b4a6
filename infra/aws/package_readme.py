"""What the package's README says: the commands in their order, for exactly the stacks that are in the folder. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
{asked}
   ```
{commands}
   ```

3. Fill in Slack's secret and apply the catalogue, as for any deployment: docs/deploying.md in tocsin's repository.
"""
_ASKED = """
   These the stacks cannot know: set each before the first command that names it. What is done between two stacks (images are
   pushed, roles and tables made) is said in docs/platform.md of tocsin's repository.

   ```
{exports}
   ```
"""
_DEPLOY = "aws cloudformation deploy --region {region} --stack-name {name} --template-file {name}.template.json"
# Above 51,200 bytes CloudFormation takes a template from a bucket only; --s3-bucket lets the AWS CLI put it there.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_FROM_BUCKET = '--s3-bucket "$BUCKET" --s3-prefix "${PREFIX}templates"'


@dataclass(frozen=True, slots=True)
class Part:
    """One stack of the package: whether it names zips, and whether CloudFormation has to expand a transform in it.

    ``region`` is where it stands, "" for a template that may be deployed anywhere. ``asked`` are the parameters without a
    default, with their descriptions: a deploy that does not say them is refused.
    """

    name: str
    has_zips: bool
    has_transform: bool
    region: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)


def readme(parts: Sequence[Part]) -> str:
    """Return the README's text. Zips go to the region of the first stack that names them."""
    region = next((part.region for part in parts if part.has_zips), parts[0].region) or "your-region"
    asked = {name: meaning for part in parts for name, meaning in part.asked.items()}
    exports = "\n".join(f"   export {name}=   # {meaning}" for name, meaning in asked.items())
    return _TEXT.format(
        region=region,
        asked=_ASKED.format(exports=exports) if asked else "",
        commands="\n".join(line for part in parts for line in _commands(part)),
    )


def _commands(part: Part) -> list[str]:
    lines = [_DEPLOY.format(name=part.name, region=part.region or '"$AWS_REGION"'), f"  {_FROM_BUCKET}"]
    said = ['"ArtifactBucket=$BUCKET"', '"ArtifactPrefix=$PREFIX"'] if part.has_zips else []
    said += [f'"{name}=${name}"' for name in part.asked]
    if said:
        lines.append(f"  --parameter-overrides {' '.join(said)}")
    lines.append("  --capabilities CAPABILITY_NAMED_IAM" + (" CAPABILITY_AUTO_EXPAND" if part.has_transform else ""))
    lines.append("  --no-fail-on-empty-changeset")
    return [f"   {line}" + (" \\" if line != lines[-1] else "") for line in lines]
