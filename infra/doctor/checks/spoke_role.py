"""spoke-role: the role that a spoke lends can be taken by its hub, and by nobody who does not know the external id."""

from __future__ import annotations

import json
from collections.abc import Iterator

from infra.aws.permissions import role_of, trust
from infra.doctor.check import SPOKE, Absent, Check, Finding, judged, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.policies import allows


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the trust policy of the role."""
    name, meant = role_of(deployment.settings), trust(deployment.settings)
    hub = deployment.settings.hub
    if hub is None or meant is None:
        return
    try:
        document = deployment.aws.ask("iam", "GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    except Absent:
        yield wrong(name, "does not exist: the hub can do nothing here")
        return
    text = document if isinstance(document, str) else json.dumps(document)
    (statement,) = meant["Statement"]
    function = statement["Principal"]["AWS"]
    faults = []
    if allows(text, function, "sts:AssumeRole", "*", {"sts:externalid": hub.external_id}) is not True:
        faults.append(f"{function} may not take it with the external id of tocsin.yaml")
    if allows(text, function, "sts:AssumeRole", "*", {"sts:externalid": f"not {hub.external_id}"}) is not False:
        faults.append("it asks for no external id: whoever can speak for the hub's account can be tricked into it")
    yield judged(wrong, name, faults, f"lent to {function}")


CHECK = Check(
    asks="May the hub's remediators, and they alone, take the role that this spoke lends?",
    why="Without it the spoke's alarms are told and nothing is done; without the external id any request looks like the hub's.",
    fix="deploy the spoke's stack again, with the external id of tocsin.yaml",
    reads=("iam:GetRole",),
    look=look,
    asked_of=(SPOKE,),
)
