"""Application Auto Scaling, which ministack does not have, as far as remediation asks for it, over ministack's own ECS.

Bounds of a service's desired count are kept, and a floor that is above the count moves it, as AWS does. There are no policies,
scheduled actions or activities: the answers are empty lists. Reached by botocore's own setting for one service's address.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

ADDRESS = "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING"
DIMENSION = "ecs:service:DesiredCount"
EMPTY = {
    "DescribeScalingPolicies": "ScalingPolicies",
    "DescribeScalingActivities": "ScalingActivities",
    "DescribeScheduledActions": "ScheduledActions",
}


class AutoScaling:
    """The scalable targets. ``ecs`` is a client, given once the emulator runs; ``floors`` is each floor that was set."""

    def __init__(self) -> None:
        self.ecs: Any = None
        self.floors: list[tuple[str, int]] = []
        self._targets: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def answer(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer one call; KeyError for one that remediation was never seen to make."""
        if operation in EMPTY:
            return {EMPTY[operation]: []}
        with self._lock:
            return {"RegisterScalableTarget": self._register, "DescribeScalableTargets": self._describe}[operation](request)

    def _register(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        resource = str(request["ResourceId"])
        target = {**self._targets.get(resource, {}), **request}
        self._targets[resource] = target
        self.floors.append((resource, int(target["MinCapacity"])))
        _, cluster, service = resource.split("/")
        (found,) = self.ecs.describe_services(cluster=cluster, services=[service])["services"]
        bounded = min(max(found["desiredCount"], target["MinCapacity"]), target["MaxCapacity"])
        if bounded != found["desiredCount"]:
            self.ecs.update_service(cluster=cluster, service=service, desiredCount=bounded)
        return {"ScalableTargetARN": f"arn:aws:application-autoscaling:::scalable-target/{resource}"}

    def _describe(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = request.get("ResourceIds") or list(self._targets)
        suspended = dict.fromkeys(("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False)
        fixed = {"RoleARN": "arn:aws:iam::123456789012:role/x", "CreationTime": 0, "SuspendedState": suspended}
        return {"ScalableTargets": [{**fixed, **self._targets[name]} for name in asked if name in self._targets]}


@contextmanager
def serving(double: AutoScaling) -> Iterator[str]:
    """Serve it on a free port of loopback; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            operation = str(self.headers.get("X-Amz-Target")).rpartition(".")[2]
            try:
                status, body = 200, double.answer(operation, request)
            except KeyError:
                status, body = 400, {"__type": "ValidationException", "message": f"{operation} is not part of this double"}
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("x-amzn-RequestId", str(uuid4()))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's own signature
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
