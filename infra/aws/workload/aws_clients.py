"""The clients of AWS that the containers use."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from infra.aws.workload.settings import Store


def clients(store: Store) -> tuple[Any, Any]:
    """Return clients of S3 and SQS. A call of a consumer may take as long as a long poll and a half."""
    session, where = boto3.Session(region_name=store.region), store.endpoint or None
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=3,
        read_timeout=20,
        s3={"addressing_style": "path" if where else "virtual"},
    )
    return session.client("s3", endpoint_url=where, config=config), session.client("sqs", endpoint_url=where, config=config)
