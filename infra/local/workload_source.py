"""The real workload as a source of metrics: images through presigned forms, consumers as processes, counts from what really is.

ECS says how many consumers there are; each is a process of this machine. In every virtual minute people upload, then the
processes work for a slice of real time while the virtual clock stands still, then everything is measured: the queue where it
lies, connections in PostgreSQL, processes in the process table, CPU from their own clocks. Nothing is made up.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from infra.local import postgres, real_time
from infra.local.aws import Embedded
from infra.local.clock import METERS
from infra.local.loopback_aws import LoopbackAws
from infra.local.metric_sources import MINUTE, publish
from infra.local.metrics_feed import API_SERVICE, CLUSTER, CONSUMER_SERVICE, DATABASE, DEAD_LETTERS, LOAD_BALANCER, QUEUE, Reading
from infra.local.recorder import Recorder
from infra.local.task_processes import Process, Program, TaskProcesses
from infra.local.uploading import NotUploaded, Uploading, broken, fetch, pictures
from infra.local.workload_plan import WorkloadPlan
from infra.local.workload_queue import WorkloadQueue, gauge
from infra.local.workload_world import BUCKET, World

RECEIVES = 5  # before a message is a dead letter, as in the platform's stack
LOOK_S = 0.01
MOST_OF, LONGEST_SLICES = 0.6, 10
DIFFERENT = 24  # pictures; people upload the same ones again and again
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'image-%'"
ROWS = "SELECT state, count(*) FROM images GROUP BY state"


class WorkloadSource:
    """Plays a plan on a standing world. ``counts`` are known when the last minute is over."""

    def __init__(self, plan: WorkloadPlan, world: World) -> None:
        self._plan, self._world = plan, world
        self.title, self.timezone, self.start, self.seed = plan.title, plan.timezone, plan.start, plan.seed
        self.about = "Images, thumbnails, rows and consumers are real; only the clock is virtual."
        self.lasts_s = plan.minutes * 60
        self.deliveries, self.clicks = plan.deliveries, plan.clicks
        self.counts: dict[str, Any] = {}
        self._minute = 0
        self._files, self._broken = pictures(DIFFERENT, plan.seed), broken(plan.seed)
        self._uploading = Uploading()
        self._dead = 0
        self._consumers: list[tuple[int, int]] = []
        self._closing = contextlib.ExitStack()

    def close(self) -> None:
        """End every process; harmless when that has been done."""
        self._closing.close()

    def open(self, aws: Embedded, recorder: Recorder) -> None:
        """Create bucket, queues, cluster and services; from then on ECS's tasks are processes."""
        self._aws, self._recorder, self._cloudwatch = aws, recorder, aws.client("cloudwatch")
        ratio = 60 / self._plan.slice_s
        self._door = LoopbackAws(aws.place.region, aws.seam.lock, real_time.moment, virtual_per_real=ratio)
        self._closing.enter_context(self._door.serving())
        self._door.close()
        self._queue = WorkloadQueue(aws.place, self._door)
        programs = {
            API_SERVICE: Program("infra.aws.workload.presign_api", self._api_environ, self._api_is_ready),
            CONSUMER_SERVICE: Program(
                "infra.aws.workload.image_consumer", self._consumer_environ, lambda process: process.started
            ),
        }
        self._processes = TaskProcesses(programs, self._world.folder, self._ended)
        self._closing.callback(self._processes.stop)
        with recorder.acting_as("platform"):
            self._store()
            aws.ecs.on_change(self._processes.follow)
            self._services()
        self._door.waiting = lambda: self._queue.waiting > 0
        aws.clock.every(60, self._play, first=self.start + MINUTE, order=METERS, label="workload")

    def _store(self) -> None:
        """Create the bucket that tells the queue of each upload, and the queue with its dead letters."""
        s3, sqs = self._aws.client("s3"), self._aws.client("sqs")
        dead = sqs.create_queue(QueueName=DEAD_LETTERS)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})
        sqs.create_queue(QueueName=QUEUE, Attributes={"RedrivePolicy": redrive})
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": self._aws.place.region})
        told = {"QueueArn": arn.replace(DEAD_LETTERS, QUEUE), "Events": ["s3:ObjectCreated:*"]}
        only = {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "uploads/"}]}}}
        s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [{**told, **only}]}
        )
        self._queue.sent += 1  # S3's test event

    def _services(self) -> None:
        """Create the cluster and its two services; target tracking takes consumers back once their floor is down again."""
        aws, ecs, scaling = self._aws, self._aws.client("ecs"), self._aws.client("application-autoscaling")
        aws.rds.preload(DATABASE, {f"{DATABASE}-1": "db.r6g.large", f"{DATABASE}-2": "db.r6g.large"})
        for group in (f"/ecs/{API_SERVICE}", f"/ecs/{CONSUMER_SERVICE}", f"/aws/apigateway/{API_SERVICE}"):
            aws.logs.preload(group, ())
        aws.client("secretsmanager").create_secret(Name="image/database", SecretString="{}")
        aws.client("ssm").put_parameter(Name="/image/settings", Value="{}", Type="String")
        ecs.create_cluster(clusterName=CLUSTER)
        for name, tasks, most in ((API_SERVICE, 1, 2), (CONSUMER_SERVICE, self._plan.tasks, self._plan.max_tasks)):
            container = {"name": name, "image": f"{name}:1", "essential": True}
            definition = ecs.register_task_definition(family=name, containerDefinitions=[container])["taskDefinition"]
            ecs.create_service(
                cluster=CLUSTER, serviceName=name, taskDefinition=definition["taskDefinitionArn"], desiredCount=tasks
            )
            target = {"ServiceNamespace": "ecs", "ResourceId": f"service/{CLUSTER}/{name}"}
            dimension = {**target, "ScalableDimension": "ecs:service:DesiredCount"}
            scaling.register_scalable_target(**dimension, MinCapacity=tasks, MaxCapacity=most)
        scaling.put_scaling_policy(
            PolicyName="image-consumer-cpu",
            **dimension,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 75.0,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
        )

    def _api_environ(self) -> dict[str, str]:
        port = str(postgres.free_port())
        return self._world.environ(API_SERVICE, self._door, LISTEN_PORT=port, DRAIN_S="0", DATABASE_CONNECTIONS="4")

    def _consumer_environ(self) -> dict[str, str]:
        queue = f"{self._door.address}/{self._aws.place.account}/{QUEUE}"
        pace = {"SIMULATED_COST_S": str(self._plan.image_s), "DATABASE_CONNECTIONS": "1"}
        return self._world.environ(CONSUMER_SERVICE, self._door, QUEUE_URL=queue, HEALTH_PORT="0", **pace)

    def _api_is_ready(self, process: Process) -> bool:
        address = f"http://127.0.0.1:{process.environ['LISTEN_PORT']}"
        with contextlib.suppress(NotUploaded):
            fetch(f"{address}/readyz")
            self._uploading.address = address
            return True
        return False

    def _ended(self, service: str, task: str, code: int) -> None:
        """Let the task of a process that ended unasked end too: ECS replaces it."""
        with self._aws.seam.lock:
            found = self._aws.ecs.service(CLUSTER, service)
            why = "Essential container in task exited"
            self._aws.ecs.fleet.stop(found, found.tasks[task], "EssentialContainerExited", why, code)
            self._aws.ecs.fleet.reconcile(found)

    def _play(self) -> None:
        """Play the minute that ends now."""
        now, minute = self._aws.clock.now, self._minute
        self._minute += 1
        self._processes.settle()
        with self._recorder.acting_as("platform"):
            files = [self._files[(len(self._uploading.ids) + n) % DIFFERENT] for n in range(self._plan.uploads(minute))]
            for file in [*files, *(self._broken if minute == self._plan.broken_at else ())]:
                self._uploading.upload(file)
                self._queue.sent += 1
            self._work()
            found = list(self._readings(now))
            publish(self._cloudwatch, self._recorder, found, now=now, period_start=now - MINUTE, period_s=60)
        if minute == self._plan.discarded_at:
            self._discard()
        if now >= self._plan.ends:
            self._finish()

    def _work(self) -> None:
        """Let the processes work for a slice of real time, no longer than there is something to do.

        On a busy machine the slice lasts until they have done most of what their pace allows: there a minute takes longer,
        instead of a process becoming slower.
        """
        plan, began, done = self._plan, real_time.seconds(), self._door.deleted
        enough = len(self._processes.of(CONSUMER_SERVICE)) * plan.slice_s / plan.image_s * MOST_OF
        self._door.open()
        while self._queue.waiting or self._queue.in_flight:
            passed = real_time.seconds() - began
            if passed >= plan.slice_s and (self._door.deleted - done >= enough or passed >= LONGEST_SLICES * plan.slice_s):
                break
            time.sleep(LOOK_S)
        self._door.close()

    def _readings(self, now: datetime) -> Iterator[Reading]:
        """Return what AWS would publish of this minute, from what is really there."""
        yield from self._queue.readings(now)
        yield from self._tasks()
        yield from self._api()
        connections = float(str(self._world.ask(CONNECTIONS)[0][0]))
        yield gauge("AWS/RDS", "DatabaseConnections", {"DBInstanceIdentifier": f"{DATABASE}-1"}, "Count", connections)

    def _tasks(self) -> Iterator[Reading]:
        """Return how many processes there are of each service, and how busy the consumers were with one CPU each."""
        for service in (API_SERVICE, CONSUMER_SERVICE):
            dimensions = {"ClusterName": CLUSTER, "ServiceName": service}
            alive = len(self._processes.of(service))
            desired = self._aws.ecs.service(CLUSTER, service).desired
            yield gauge("ECS/ContainerInsights", "RunningTaskCount", dimensions, "Count", alive)
            yield gauge("ECS/ContainerInsights", "DesiredTaskCount", dimensions, "Count", desired)
            if service == CONSUMER_SERVICE and alive:
                busy = sum(line.get("cpu_s", 0.0) for line in self._processes.heard(service))
                share = min(100.0, 100 * busy / (alive * self._plan.slice_s))
                yield Reading("AWS/ECS", "CPUUtilization", dimensions, "Percent", "Average", (round(share, 4),), (float(alive),))
                self._note(alive)

    def _note(self, alive: int) -> None:
        """Keep how many consumers there were from which minute on."""
        if not self._consumers or self._consumers[-1][1] != alive:
            self._consumers.append((self._minute - 1, alive))

    def _api(self) -> Iterator[Reading]:
        """Return how fast the API answered, and the business figure that it writes into its own log."""
        ordered = sum(line.get("ImagesOrdered", 0) for line in self._processes.heard(API_SERVICE))
        if ordered:
            yield gauge("Shop", "ImagesOrdered", {}, "Count", ordered, "Sum")
        latencies, self._uploading.latencies = tuple(round(each, 4) for each in self._uploading.latencies), []
        balancer = {"LoadBalancer": LOAD_BALANCER}
        yield gauge("AWS/ApplicationELB", "RequestCount", balancer, "Count", len(latencies), "Sum")
        if latencies:
            ones = (1.0,) * len(latencies)
            yield Reading("AWS/ApplicationELB", "TargetResponseTime", balancer, "Seconds", "p90", latencies, ones)

    def _discard(self) -> None:
        """Empty the dead letters, as a person does who has looked at them."""
        self._dead += self._queue.dead
        sqs = self._aws.client("sqs")
        with self._recorder.acting_as("demo"):
            sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=DEAD_LETTERS)["QueueUrl"])

    def _finish(self) -> None:
        """Count what is there, look at one thumbnail as a client does, and end every process."""
        status = self._uploading.status(self._uploading.ids[-1])
        seen = fetch(status["thumbnails"][0]["url"]) if status["status"] == "done" else b""
        states = {str(state): int(str(count)) for state, count in self._world.ask(ROWS)}
        alive = len(self._processes.of(CONSUMER_SERVICE))
        self.counts = {
            "uploaded": self._objects("uploads/"),
            "thumbnails": self._objects("thumbnails/"),
            "rows": states,
            "left_in_queue": self._queue.waiting + self._queue.in_flight,
            "dead_letters": self._dead + self._queue.dead,
            "consumers": [list(each) for each in self._consumers],
            "consumers_at_the_end": alive,
            "processes": self._processes.count,
            "shown": {"upload": status["status"], "bytes": len(seen)},
        }
        self.close()

    def _objects(self, prefix: str) -> int:
        """Return how many objects stand in the bucket under a prefix."""
        with self._aws.seam.internal():
            pages = self._aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
            return sum(len(page.get("Contents", ())) for page in pages)
