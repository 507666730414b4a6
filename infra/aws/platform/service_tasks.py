"""The two containers of the platform, and what the code of each may do."""

from __future__ import annotations

from constructs import Construct

from infra.aws.platform.containers import Container, Task, allow, through
from infra.aws.platform.data import DataStack
from infra.aws.platform.service_settings import API, CONSUMER, Size
from infra.aws.platform.settings import Platform
from infra.aws.platform.traffic import API_PORT
from infra.aws.workload import settings as workload

MIGRATION = "image-migration"
API_STOP_S = 30
MIGRATION_STOP_S = 90  # a statement of a migration may take a minute
CONSUMER_STOP_S = 120  # Fargate's most; a Spot task is told two minutes ahead as well
HEALTH_PORT = 8081  # where the consumer answers by default, on loopback


def api(scope: Construct, platform: Platform, data: DataStack) -> Task:
    """Make the API's task: it signs forms for uploads and links to thumbnails, and moves no image itself."""
    bucket, uploads = data.bucket, platform.uploads
    container = Container(
        name=API,
        image=API,
        size=platform.services.api.size,
        variables=workload.API,
        environment={
            **_shared(platform, data, platform.services.api.connections),
            "LISTEN_HOST": "0.0.0.0",  # noqa: S104 - inside the task's own network; the security group lets the balancer in only
            "LISTEN_PORT": str(API_PORT),
            **({"ALLOWED_ORIGINS": ",".join(uploads.origins)} if uploads.origins else {}),
        },
        secret=data.database_secret.secret_arn,
        health=_asks(API_PORT),
        stop_s=API_STOP_S,
        port=API_PORT,
    )
    may = [
        # What a form or a link allows is what its signer may do.
        allow(["s3:PutObject"], [bucket.arn_for_objects(f"{uploads.prefix}*")]),
        allow(["s3:GetObject"], [bucket.arn_for_objects(f"{uploads.thumbnails}*")]),
        through(["kms:Decrypt", "kms:GenerateDataKey"], data.key.key_arn, "s3"),
    ]
    return Task(scope, "Api", container=container, data=data, may=may, folders=(uploads.prefix, uploads.thumbnails))


def consumer(scope: Construct, platform: Platform, data: DataStack) -> Task:
    """Make the consumer's task. It ends within the time to stop; what it could not end comes back to the queue by itself."""
    bucket, uploads = data.bucket, platform.uploads
    container = Container(
        name=CONSUMER,
        image=CONSUMER,
        size=platform.services.consumer.size,
        variables=workload.CONSUMER,
        environment={
            **_shared(platform, data, platform.services.consumer.connections),
            "QUEUE_URL": data.jobs.queue_url,
            "VISIBILITY_S": str(platform.queue.hidden_s),
        },
        secret=data.consumer_secret.secret_arn,
        health=_asks(HEALTH_PORT),
        stop_s=CONSUMER_STOP_S,
    )
    may = [
        allow(
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
            [data.jobs.queue_arn],
        ),
        allow(["s3:GetObject", "s3:GetObjectVersion"], [bucket.arn_for_objects(f"{uploads.prefix}*")]),
        allow(["s3:PutObject"], [bucket.arn_for_objects(f"{uploads.thumbnails}*")]),
        through(["kms:Decrypt", "kms:GenerateDataKey"], data.key.key_arn, "s3"),
    ]
    return Task(scope, "Consumer", container=container, data=data, may=may, folders=(uploads.prefix, uploads.thumbnails))


def migration(scope: Construct, data: DataStack) -> Task:
    """Make the task that brings the schema up to date, as its owner, and ends. It calls nothing of AWS's."""
    container = Container(
        name=MIGRATION,
        image=API,
        size=Size(256, 512),
        variables=workload.MIGRATION,
        environment=_database(data),
        secret=data.owner_secret.secret_arn,
        health=(),
        stop_s=MIGRATION_STOP_S,
        command=("python", "-m", "infra.aws.workload.migrate"),
    )
    return Task(scope, "Migration", container=container, data=data, may=(), folders=())


def _shared(platform: Platform, data: DataStack, connections: int) -> dict[str, str]:
    return {
        **_database(data),
        "UPLOAD_BUCKET": data.bucket.bucket_name,
        "UPLOAD_PREFIX": platform.uploads.prefix,
        "THUMBNAIL_PREFIX": platform.uploads.thumbnails,
        "DATABASE_CONNECTIONS": str(connections),
    }


def _database(data: DataStack) -> dict[str, str]:
    return {
        "DATABASE_HOST": data.cluster.cluster_endpoint.hostname,
        "DATABASE_NAME": data.database_name,
        "DATABASE_PORT": str(data.database_port),
    }


def _asks(port: int) -> list[str]:
    """Return a health check with what the image has anyway; anything but an answer of 200 is a failure."""
    ask = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/healthz', timeout=4)"
    return ["python", "-c", ask]
