"""Where an alarm lives: Region code, partition and account from ARNs, codes and display names.

An SNS message names its Region for people ("US East (N. Virginia)"), in the spellings of the day; the code stands in the
ARN. What is not plausible (a placeholder, a masked sample) is empty, never a guess: it would become part of a key and of links.
"""

from __future__ import annotations

from typing import NamedTuple

# The place in brackets (or after the dash of the oldest messages) names the Region; these need the whole name.
_BY_NAME = {
    "canada (central)": "ca-central-1",
    "mexico (central)": "mx-central-1",
    "aws govcloud (us)": "us-gov-west-1",
    "aws govcloud (us-west)": "us-gov-west-1",
    "aws govcloud (us-east)": "us-gov-east-1",
}
_BY_PLACE = {
    "n. virginia": "us-east-1",
    "northern virginia": "us-east-1",
    "virginia": "us-east-1",
    "ohio": "us-east-2",
    "n. california": "us-west-1",
    "northern california": "us-west-1",
    "oregon": "us-west-2",
    "cape town": "af-south-1",
    "hong kong": "ap-east-1",
    "taipei": "ap-east-2",
    "tokyo": "ap-northeast-1",
    "seoul": "ap-northeast-2",
    "osaka": "ap-northeast-3",
    "osaka-local": "ap-northeast-3",
    "mumbai": "ap-south-1",
    "hyderabad": "ap-south-2",
    "singapore": "ap-southeast-1",
    "sydney": "ap-southeast-2",
    "jakarta": "ap-southeast-3",
    "melbourne": "ap-southeast-4",
    "malaysia": "ap-southeast-5",
    "new zealand": "ap-southeast-6",
    "thailand": "ap-southeast-7",
    "calgary": "ca-west-1",
    "frankfurt": "eu-central-1",
    "zurich": "eu-central-2",
    "stockholm": "eu-north-1",
    "milan": "eu-south-1",
    "spain": "eu-south-2",
    "ireland": "eu-west-1",
    "london": "eu-west-2",
    "paris": "eu-west-3",
    "germany": "eusc-de-east-1",
    "tel aviv": "il-central-1",
    "uae": "me-central-1",
    "bahrain": "me-south-1",
    "sao paulo": "sa-east-1",
    "são paulo": "sa-east-1",
    "beijing": "cn-north-1",
    "ningxia": "cn-northwest-1",
}
# Longest first: the first prefix that fits decides.
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-iso-", "aws-iso"),
    ("eusc-", "aws-eusc"),
)
_ACCOUNT_DIGITS = 12


class Arn(NamedTuple):
    """The parts of an ARN that a message gives; each is empty where it is not plausible."""

    partition: str = ""
    region: str = ""
    account: str = ""
    resource: str = ""


def arn(value: object, service: str) -> Arn:
    """Read the ARN of ``service``; an empty Arn when ``value`` is none. The resource may itself contain colons."""
    parts = value.split(":", 5) if isinstance(value, str) else []
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != service:
        return Arn()
    partition = parts[1] if parts[1] == "aws" or parts[1].startswith("aws-") else ""
    return Arn(partition, code(parts[3]), account(parts[4]), parts[5])


def alarm_name(value: object) -> str:
    """Return the name in an alarm's ARN (it may contain colons), empty when ``value`` is no such ARN."""
    kind, _, name = arn(value, "cloudwatch").resource.partition(":")
    return name if kind == "alarm" else ""


def code(value: object) -> str:
    """Return ``value`` when it looks like a Region's code (``ap-northeast-2``, ``us-gov-west-1``), else empty."""
    if not isinstance(value, str) or not 9 <= len(value) <= 24 or not value.isascii():
        return ""
    *words, last = value.split("-")
    fits = 2 <= len(words) <= 3 and last.isdigit() and all(word.isalpha() and word.islower() for word in words)
    return value if fits else ""


def from_display_name(value: object) -> str:
    """Return the code for a Region's name as people read it, in today's or an old spelling; a code is itself. Else empty."""
    if not isinstance(value, str) or len(value) > 64:
        return ""
    name = value.strip().casefold()
    if known := code(name) or _BY_NAME.get(name):
        return known
    area, _, place = name.rstrip(")").partition("(") if "(" in name else name.partition(" - ")
    return "" if "iso" in area else _BY_PLACE.get(place.strip(), "")


def account(value: object) -> str:
    """Return the twelve digits of an account number, empty for anything else."""
    digits = str(value) if isinstance(value, int) else value
    if not isinstance(digits, str) or len(digits) != _ACCOUNT_DIGITS or not digits.isascii():
        return ""
    return digits if digits.isdigit() else ""


def partition_of(region: str) -> str:
    """Return the partition a Region belongs to; ``aws`` for the public ones and where the Region is not known."""
    for prefix, partition in _PARTITIONS:
        if region.startswith(prefix):
            return partition
    return "aws"
