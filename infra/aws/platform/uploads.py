"""The bucket that clients put images into, by links and forms that our API signed; nothing in it is public.

Encrypted with a key of ours: whoever signs needs the key as well as the bucket, so that a mistake in one policy opens nothing.
The client sends no header for it, since the bucket's default applies; the signer needs kms:GenerateDataKey, which its grant
carries. A bucket key turns a call to KMS for each image into a few a day.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws.platform.network import ACCESS
from infra.aws.platform.settings import Uploads

OLDEST_SIGNATURE = cdk.Duration.hours(1)
OLD_VERSIONS = cdk.Duration.days(30)
RARELY_READ = cdk.Duration.days(30)


class UploadBucket(Construct):
    """The bucket (``bucket``). It is named, so that the queue's and the key's policies can name it before it is there."""

    def __init__(
        self, scope: Construct, ident: str, *, uploads: Uploads, key: kms.IKey, jobs: sqs.Queue, logs: s3.IBucket
    ) -> None:
        super().__init__(scope, ident)
        stack = cdk.Stack.of(self)
        name = f"image-uploads-{stack.account}-{stack.region}"
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
            cors=_cors(uploads),
            lifecycle_rules=_lifecycle(uploads),
            # By name: the log bucket's own policy, in its own stack, says who may write there.
            server_access_logs_bucket=s3.Bucket.from_bucket_name(self, "Logs", logs.bucket_name),
            server_access_logs_prefix=f"{ACCESS}/uploads/",
        )
        self._no_old_links()
        self._notify(jobs, f"arn:{stack.partition}:s3:::{name}", uploads.prefix)

    def _no_old_links(self) -> None:
        """No link outlives an hour, however long its signer said.

        https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html
        """
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NoOldLinks",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[self.bucket.arn_for_objects("*")],
                conditions={"NumericGreaterThan": {"s3:signatureAge": str(OLDEST_SIGNATURE.to_milliseconds())}},
            )
        )

    def _notify(self, jobs: sqs.Queue, arn: str, prefix: str) -> None:
        """Let S3 tell the queue of each upload: CloudFormation's own member, so that no custom resource is deployed for it."""
        notifier = iam.ServicePrincipal(
            "s3.amazonaws.com",
            conditions={
                "StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account},
                "ArnEquals": {"aws:SourceArn": arn},
            },
        )
        allowed = jobs.grant_send_messages(notifier)
        self.bucket.node.default_child.notification_configuration = {
            "queueConfigurations": [
                {
                    "event": "s3:ObjectCreated:*",
                    "queue": jobs.queue_arn,
                    "filter": {"s3Key": {"rules": [{"name": "prefix", "value": prefix}]}},
                }
            ]
        }
        allowed.apply_before(self.bucket)  # S3 sends a test message when the configuration is put


def _cors(uploads: Uploads) -> list[s3.CorsRule]:
    """Return what pages of ``origins`` may do: post a signed form, put to and get from a signed link."""
    if not uploads.origins:
        return []
    methods = [s3.HttpMethods.POST, s3.HttpMethods.PUT, s3.HttpMethods.GET]
    headers = ["content-type", "content-md5", "x-amz-*"]
    return [
        s3.CorsRule(
            allowed_methods=methods,
            allowed_origins=list(uploads.origins),
            allowed_headers=headers,
            exposed_headers=["ETag"],
            max_age=3600,
        )
    ]


def _lifecycle(uploads: Uploads) -> list[s3.LifecycleRule]:
    originals = s3.LifecycleRule(
        id="originals",
        prefix=uploads.prefix,
        transitions=[s3.Transition(storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=RARELY_READ)],
        expiration=cdk.Duration.days(uploads.keep_days) if uploads.keep_days else None,
    )
    leftovers = s3.LifecycleRule(
        id="leftovers",
        abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
        noncurrent_version_expiration=OLD_VERSIONS,
    )
    return [originals, leftovers]
