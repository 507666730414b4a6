"""CloudWatch's dashboards: bodies by name, checked as AWS does for what a body cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.paging import page
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
Answer = dict[str, Any]

MOST_WIDGETS = 500
LISTED = 1000  # on one page of ListDashboards [botocore cloudwatch ListDashboards]
DELETED = 100  # in one DeleteDashboards [botocore cloudwatch DeleteDashboards]


@dataclass(frozen=True, slots=True)
class _Dashboard:
    body: str
    at: datetime


class Dashboards:
    """The dashboards of the embedded account."""

    def __init__(self, place: Place) -> None:
        self._account = place.account
        self._held: dict[str, _Dashboard] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {
            "PutDashboard": self.put_dashboard,
            "GetDashboard": self.get_dashboard,
            "ListDashboards": self.list_dashboards,
            "DeleteDashboards": self.delete_dashboards,
        }

    def put_dashboard(self, params: Params, request: Request) -> Answer:
        """Store a body; one that CloudWatch could not show is refused whole."""
        name = params["DashboardName"]
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
            raise AwsError("InvalidParameterValue", f"The value {name!r} for the field DashboardName is invalid.")
        if wrong := _wrong(params["DashboardBody"]):
            raise AwsError("InvalidParameterInput", f"The dashboard body is invalid, there is 1 validation error: {wrong}")
        self._held[name] = _Dashboard(params["DashboardBody"], request.at)
        return {"DashboardValidationMessages": []}

    def get_dashboard(self, params: Params, _: Request) -> Answer:
        """Return one body."""
        held = self._held.get(params["DashboardName"])
        if held is None:
            raise AwsError("ResourceNotFound", f"Dashboard {params['DashboardName']} does not exist", 404)
        return {**self._named(params["DashboardName"]), "DashboardBody": held.body}

    def list_dashboards(self, params: Params, _: Request) -> Answer:
        """List names under a prefix, in their order."""
        names = [name for name in sorted(self._held) if name.startswith(params.get("DashboardNamePrefix", ""))]
        shown, token = page(names, LISTED, params.get("NextToken"), error="InvalidParameterValue")
        held = [(name, self._held[name]) for name in shown]
        entries = [{**self._named(name), "LastModified": one.at, "Size": len(one.body.encode())} for name, one in held]
        return {"DashboardEntries": entries, **({"NextToken": token} if token else {})}

    def delete_dashboards(self, params: Params, _: Request) -> Answer:
        """Delete names; one that does not exist is an error."""
        names = params["DashboardNames"]
        if len(names) > DELETED:
            raise AwsError("InvalidParameterValue", f"The collection DashboardNames must not have a size greater than {DELETED}.")
        if missing := [name for name in names if name not in self._held]:
            raise AwsError("ResourceNotFound", f"Dashboard {missing[0]} does not exist", 404)
        for name in names:
            del self._held[name]
        return {}

    def _named(self, name: str) -> Answer:
        return {"DashboardName": name, "DashboardArn": f"arn:aws:cloudwatch::{self._account}:dashboard/{name}"}


def _wrong(text: str) -> str:
    """Return what is wrong with a body, empty when nothing is."""
    try:
        body = json.loads(text)
    except ValueError:
        return "The body is no valid JSON"
    widgets = body.get("widgets") if isinstance(body, dict) else None
    if not isinstance(widgets, list):
        return "Should have required property 'widgets'"
    if len(widgets) > MOST_WIDGETS:
        return f"Should NOT have more than {MOST_WIDGETS} widgets"
    return ""
