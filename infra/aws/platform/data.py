"""The data's stack: what outlives every task. Uploaded images, the queue before their processing, the database, its secrets."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.database import Aurora
from infra.aws.platform.database_secrets import DatabaseSecrets
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.settings import Platform, Queue
from infra.aws.platform.traffic import POSTGRES
from infra.aws.platform.uploads import UploadBucket
from infra.aws.workload.settings import ImageRules

JOBS, DEAD = "image-jobs", "image-jobs-dead"
SETTINGS = "/image/settings"
REPOSITORIES = ("image-api", "image-consumer")
KEPT_IMAGES = 50  # of each service: far more than a roll-back reaches back


class DataStack(cdk.Stack):
    """What services read and write. All but the queues is encrypted with ``key``; it stays when the stack goes.

    ``database_secret`` is of the API's role, ``consumer_secret`` of the consumer's, ``owner_secret`` of the one that migrates.
    """

    def __init__(self, scope: Construct, ident: str, *, platform: Platform, network: NetworkStack, **kwargs: Any) -> None:
        super().__init__(scope, ident, **kwargs)
        self.database_name, self.database_port = platform.database.name, POSTGRES
        self.key = self._key()
        self.jobs, self.dead = self._queues(platform.queue)
        uploads = UploadBucket(self, "Uploads", uploads=platform.uploads, key=self.key, jobs=self.jobs, logs=network.logs)
        self.bucket = uploads.bucket
        self.cluster = Aurora(self, "Database", database=platform.database, network=network, key=self.key).cluster
        roles = DatabaseSecrets(self, "Roles", cluster=self.cluster, key=self.key, network=network).by_role
        self.owner_secret, self.database_secret = roles["image_owner"], roles["image_api"]
        self.consumer_secret, self.tocsin_secret = roles["image_consumer"], roles["tocsin"]
        self.reserved_secret = roles["tocsin_admin"]
        # Plain settings, no secret: what an upload may be. Text is what a parameter holds; the containers read it strictly.
        self.settings = ssm.StringParameter(
            self,
            "Settings",
            parameter_name=SETTINGS,
            description="What an upload may be; read by tasks at their start",
            string_value=json.dumps(dataclasses.asdict(ImageRules())),
        )
        self.repositories = {name: self._repository(name) for name in REPOSITORIES}
        for name, value in {
            "UploadBucket": self.bucket.bucket_name,
            "TocsinSecret": self.tocsin_secret.secret_arn,
            "ReservedSecret": self.reserved_secret.secret_arn,
            "DatabaseEndpoint": self.cluster.cluster_endpoint.hostname,
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias="image-platform",
            enable_key_rotation=True,
            description="Images, their queue, database, secrets and logs",
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        groups = f"arn:{self.partition}:logs:{self.region}:{self.account}:log-group:*"
        logs = iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                principals=[logs],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )
        return key

    def _queues(self, queue: Queue) -> tuple[sqs.Queue, sqs.Queue]:
        """Return the queue and its dead letters. A dead letter keeps its first age, so these are kept longer than the others."""
        shared = {
            # A message names a key of the bucket, no more. With SQS's own key neither S3 nor a redrive needs rights on ours.
            "encryption": sqs.QueueEncryption.SQS_MANAGED,
            "enforce_ssl": True,
            "removal_policy": cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        }
        jobs_arn = f"arn:{self.partition}:sqs:{self.region}:{self.account}:{JOBS}"  # by name: each names the other
        dead = sqs.Queue(
            self,
            "Dead",
            queue_name=DEAD,
            retention_period=cdk.Duration.days(14),
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[sqs.Queue.from_queue_arn(self, "JobsByName", jobs_arn)],
            ),
            **shared,
        )
        jobs = sqs.Queue(
            self,
            "Jobs",
            queue_name=JOBS,
            retention_period=cdk.Duration.days(4),
            visibility_timeout=cdk.Duration.seconds(queue.hidden_s),
            receive_message_wait_time=cdk.Duration.seconds(20),  # an empty queue costs three calls a minute
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=queue.attempts),
            **shared,
        )
        for each in (jobs, dead):
            accept(each, checkov={"CKV_AWS_27": "Encrypted with SQS's own key, of which the rule knows nothing."})
        return jobs, dead

    def _repository(self, name: str) -> ecr.Repository:
        return ecr.Repository(
            self,
            name,
            repository_name=name,
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=self.key,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=1,
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=cdk.Duration.days(7),
                    description="leftovers",
                ),
                ecr.LifecycleRule(rule_priority=2, max_image_count=KEPT_IMAGES, description="the newest of what was deployed"),
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
