"""Names of things: the ARNs of the embedded account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """The one account and region of an embedded AWS."""

    account: str
    region: str

    def arn(self, service: str, resource: str) -> str:
        """Return ``arn:aws:<service>:<region>:<account>:<resource>``."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def alarm(self, name: str) -> str:
        """Return an alarm's ARN."""
        return self.arn("cloudwatch", f"alarm:{name}")


# What the SNS message of an alarm shows as "Region": AWS's display names; a region that is not here shows its code.
DISPLAY_NAMES = {
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-west-1": "EU (Ireland)",
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
}
