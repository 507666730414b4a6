"""The data's stack: what outlives every task. Uploaded images, the queue before their processing, the database, its secrets."""

from __future__ import annotations

import string
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.aws.platform.network import ACCESS, NetworkStack
from infra.aws.platform.settings import Platform
from infra.aws.platform.traffic import POSTGRES

REPOSITORIES = ("image-api", "image-consumer")


class DataStack(cdk.Stack):
    """What services read and write. Everything is encrypted with ``key`` and stays when the stack goes."""

    def __init__(self, scope: Construct, ident: str, *, platform: Platform, network: NetworkStack, **kwargs: Any) -> None:
        super().__init__(scope, ident, **kwargs)
        self.database_name, self.database_port = platform.database.name, POSTGRES
        self.key = kms.Key(
            self, "Key", enable_key_rotation=True, description="Images, their queue, their database and its secrets"
        )
        self.dead = sqs.Queue(
            self,
            "Dead",
            queue_name="image-jobs-dead",
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self.jobs = sqs.Queue(
            self,
            "Jobs",
            queue_name="image-jobs",
            encryption_master_key=self.key,
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.seconds(platform.queue.visibility_s),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=platform.queue.attempts),
        )
        self.bucket = self._uploads(platform, network)
        self.cluster = rds.DatabaseCluster(
            self,
            "Database",
            engine=rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_17_7),
            cluster_identifier="image-db",
            default_database_name=self.database_name,
            manage_master_user_password=True,
            writer=rds.ClusterInstance.serverless_v2("Writer", instance_identifier="image-db-1"),
            readers=[rds.ClusterInstance.serverless_v2("Reader", instance_identifier="image-db-2", scale_with_writer=True)],
            serverless_v2_min_capacity=platform.database.min_acu,
            serverless_v2_max_capacity=platform.database.max_acu,
            vpc=network.vpc,
            vpc_subnets=network.isolated,
            security_groups=[network.groups.database],
            storage_encrypted=True,
            storage_encryption_key=self.key,
            enable_data_api=True,
            iam_authentication=True,
            deletion_protection=True,
        )
        # One role of the database each. `image_api` and `image_consumer` serve; tocsin ends sessions with its own, and with the
        # reserved one when no connection is left.
        self._network = network
        self.database_secret = self._secret("image/database", "image_api")
        self.consumer_secret = self._secret("image/database-consumer", "image_consumer")
        self.tocsin_secret = self._secret("image/tocsin", "tocsin")
        self.reserved_secret = self._secret("image/tocsin-admin", "tocsin_admin")
        self.settings = ssm.StringParameter(self, "Settings", parameter_name="/image/settings", string_value="{}")
        self.repositories = {
            name: ecr.Repository(
                self,
                name,
                repository_name=name,
                image_scan_on_push=True,
                image_tag_mutability=ecr.TagMutability.IMMUTABLE,
                encryption=ecr.RepositoryEncryption.KMS,
                encryption_key=self.key,
            )
            for name in REPOSITORIES
        }

    def _secret(self, name: str, role: str) -> secrets.ISecret:
        generated = secrets.SecretStringGenerator(
            secret_string_template=self.to_json_string({"username": role}),
            generate_string_key="password",
            exclude_punctuation=True,
            password_length=40,
        )
        secret = secrets.Secret(self, name, secret_name=name, encryption_key=self.key, generate_secret_string=generated)
        attached = secret.attach(self.cluster)
        attached.add_rotation_schedule(
            "Rotation",
            automatically_after=cdk.Duration.days(30),
            rotate_immediately_on_update=False,  # the role has to exist first
            hosted_rotation=secrets.HostedRotation.postgre_sql_single_user(
                function_name=f"rotate-{name.replace('/', '-')}",
                vpc=self._network.vpc,
                vpc_subnets=self._network.tasks,
                security_groups=[self._network.groups.rotation],
                exclude_characters="".join(sorted(string.punctuation)),
            ),
        )
        return attached

    def _uploads(self, platform: Platform, network: NetworkStack) -> s3.Bucket:
        """Return the bucket. It is named, so that the queue's and the key's policies can name it before it is there."""
        name = f"image-uploads-{self.account}-{self.region}"
        bucket = s3.Bucket(
            self,
            "Uploads",
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            server_access_logs_bucket=s3.Bucket.from_bucket_name(self, "Logs", network.logs.bucket_name),
            server_access_logs_prefix=f"{ACCESS}/uploads/",
        )
        notifier = iam.ServicePrincipal(
            "s3.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": self.account},
                "ArnEquals": {"aws:SourceArn": f"arn:{self.partition}:s3:::{name}"},
            },
        )
        allowed = self.jobs.grant_send_messages(notifier)
        self.key.grant(notifier, "kms:Decrypt", "kms:GenerateDataKey*")
        resource = bucket.node.default_child
        resource.notification_configuration = {
            "queueConfigurations": [
                {
                    "event": "s3:ObjectCreated:*",
                    "queue": self.jobs.queue_arn,
                    "filter": {"s3Key": {"rules": [{"name": "prefix", "value": platform.uploads.prefix}]}},
                }
            ]
        }
        allowed.apply_before(bucket)  # S3 sends a test message when the configuration is put
        return bucket
