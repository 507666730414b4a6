"""Which files of a distribution a function needs: no tests, no metadata but licences, of botocore's data the used services."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

# Parts that no function of ours reaches by any import; a test reads the vendors' own imports to hold that.
LEFT_OUT = (
    "aws_lambda_powertools/event_handler/",
    "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz",
    "slack/",
    "slack_sdk/audit_logs/",
    "slack_sdk/oauth/",
    "slack_sdk/rtm/",
    "slack_sdk/rtm_v2/",
    "slack_sdk/scim/",
    "slack_sdk/socket_mode/",
)
_JUNK = re.compile(r"(^|/)(__pycache__|tests?|bin)/|\.(pyc|pyi|pyx|c|h)$|(^|/)py\.typed$")
_LICENCE = re.compile(r"\.dist-info/(licenses/|(LICEN[CS]E|NOTICE|COPYING)[^/]*$)", re.IGNORECASE)
_SERVICE = re.compile(r"^botocore/data/([^/]+)/([^/]+)/(.+)$")


def kept(distribution: Path, services: Collection[str]) -> Mapping[str, Path]:
    """Return the files of an unpacked distribution that go into the zip, by their name there."""
    names = {path.relative_to(distribution).as_posix(): path for path in sorted(distribution.rglob("*")) if path.is_file()}
    newest: dict[str, str] = {}
    for name in names:
        if match := _SERVICE.match(name):
            newest[match[1]] = max(newest.get(match[1], ""), match[2])
    return {name: path for name, path in names.items() if _is_kept(name, services, newest)}


def _is_kept(name: str, services: Collection[str], newest: Mapping[str, str]) -> bool:
    if ".dist-info/" in name:
        return bool(_LICENCE.search(name))
    if _JUNK.search(name) or name.startswith(LEFT_OUT):
        return False
    if match := _SERVICE.match(name):  # botocore loads the newest version of a service's API unless it is told another
        return match[1] in services and match[2] == newest[match[1]] and not match[3].startswith("examples-")
    return True
