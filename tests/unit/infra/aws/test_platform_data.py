"""The data: uploads, the queue before their processing, the database, its secrets, the images of the containers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cloud_templates import listed, only, properties, refers, statements, text

from infra.aws.workload import settings as workload


@pytest.fixture
def data(templates: Mapping[str, Any]) -> Any:
    return templates["data"]


def test_s1_nothing_in_the_bucket_is_public_and_no_policy_of_its_own_lets_anybody_in(data: Any) -> None:
    bucket = only(data, "AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]  # no ACL counts
    said = statements(only(data, "AWS::S3::BucketPolicy")["PolicyDocument"])
    assert {item["Effect"] for item in said} == {"Deny"}  # roles read it by their own policies


def test_s1_uploads_are_refused_without_tls_and_by_links_older_than_an_hour(data: Any) -> None:
    denied = [item["Condition"] for item in statements(only(data, "AWS::S3::BucketPolicy")["PolicyDocument"])]
    assert {"Bool": {"aws:SecureTransport": "false"}} in denied
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied
    assert {"NumericGreaterThan": {"s3:signatureAge": "3600000"}} in denied


def test_s1_what_is_uploaded_is_encrypted_kept_by_version_logged_and_tidied(data: Any) -> None:
    bucket = only(data, "AWS::S3::Bucket")
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == "access/uploads/"  # where the log bucket lets S3 write
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert [item["AbortIncompleteMultipartUpload"] for item in rules if "AbortIncompleteMultipartUpload" in item] == [
        {"DaysAfterInitiation": 1}
    ]
    assert not [item for item in rules if "ExpirationInDays" in item]  # originals stay unless the stage's file says otherwise


def test_s2_each_upload_is_told_to_the_queue_and_a_thumbnail_is_not(data: Any) -> None:
    bucket = only(data, "AWS::S3::Bucket")
    (told,) = bucket["NotificationConfiguration"]["QueueConfigurations"]
    jobs = next(key for key, item in properties(data, "AWS::SQS::Queue").items() if item["QueueName"] == "image-jobs")
    defaults = {variable.name: variable.default for variable in workload.CONSUMER}
    assert told["Event"] == "s3:ObjectCreated:*"
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": defaults["UPLOAD_PREFIX"]}]
    assert refers(told["Queue"]) == {jobs}


def test_s2_only_that_bucket_of_this_account_may_send_and_it_may_before_it_is_told_to(data: Any) -> None:
    key, policy = next(item for item in properties(data, "AWS::SQS::QueuePolicy").items() if "s3.amazonaws.com" in str(item[1]))
    (sender,) = [item for item in statements(policy["PolicyDocument"]) if item["Effect"] == "Allow"]
    assert sender["Principal"] == {"Service": "s3.amazonaws.com"}
    assert text(sender["Condition"]["ArnEquals"]["aws:SourceArn"]) == (
        "arn:{AWS::Partition}:s3:::" + text(only(data, "AWS::S3::Bucket")["BucketName"])
    )
    assert sender["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    bucket = next(item for item in data["Resources"].values() if item["Type"] == "AWS::S3::Bucket")
    assert key in listed(bucket["DependsOn"])


def test_s2_the_queues_are_encrypted_without_a_key_that_s3_and_a_redrive_would_need_rights_on(data: Any) -> None:
    assert [item["SqsManagedSseEnabled"] for item in properties(data, "AWS::SQS::Queue").values()] == [True, True]


def test_s2_what_cannot_be_processed_outlives_its_queue_and_comes_from_that_queue_only(data: Any) -> None:
    jobs, dead = (only(data, "AWS::SQS::Queue", QueueName=name) for name in ("image-jobs", "image-jobs-dead"))
    assert jobs["RedrivePolicy"]["maxReceiveCount"] == 5
    assert dead["MessageRetentionPeriod"] > jobs["MessageRetentionPeriod"] >= 4 * 86_400
    assert [text(arn).split(":")[-1] for arn in dead["RedriveAllowPolicy"]["sourceQueueArns"]] == ["image-jobs"]
    assert dead["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"


def test_s2_a_message_is_hidden_for_as_long_as_the_consumer_believes(data: Any) -> None:
    defaults = {variable.name: variable.default for variable in workload.CONSUMER}
    assert str(only(data, "AWS::SQS::Queue", QueueName="image-jobs")["VisibilityTimeout"]) == defaults["VISIBILITY_S"]


def test_s4_and_s5_the_database_fails_over_within_seconds_to_a_reader_of_the_writer_s_size(data: Any) -> None:
    writer, reader = (only(data, "AWS::RDS::DBInstance", DBInstanceIdentifier=f"image-db-{n}") for n in (1, 2))
    assert (writer["PromotionTier"], reader["PromotionTier"]) == (0, 1)  # tiers 0 and 1 follow the writer's capacity
    assert len(only(data, "AWS::RDS::DBSubnetGroup")["SubnetIds"]) == 3
    assert {writer["PubliclyAccessible"], reader["PubliclyAccessible"]} == {False}


def test_s7_the_database_s_capacity_follows_its_use(data: Any) -> None:
    cluster = only(data, "AWS::RDS::DBCluster")
    assert cluster["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 16}
    assert {item["DBInstanceClass"] for item in properties(data, "AWS::RDS::DBInstance").values()} == {"db.serverless"}


def test_s4_the_database_is_backed_up_encrypted_protected_and_speaks_tls_only(data: Any) -> None:
    cluster = only(data, "AWS::RDS::DBCluster")
    parameters = only(data, "AWS::RDS::DBClusterParameterGroup")["Parameters"]
    assert cluster["BackupRetentionPeriod"] == 14
    assert cluster["StorageEncrypted"] is True
    assert cluster["DeletionProtection"] is True
    assert (parameters["rds.force_ssl"], parameters["rds.accepted_password_auth_method"]) == ("1", "scram")


def test_s4_the_master_s_password_is_rds_s_own_and_stands_in_no_template(data: Any) -> None:
    cluster = only(data, "AWS::RDS::DBCluster")
    assert cluster["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in cluster


def test_remediation_can_reach_the_database_and_read_what_it_logs(data: Any) -> None:
    cluster = only(data, "AWS::RDS::DBCluster")
    assert cluster["EnableHttpEndpoint"] is True
    assert cluster["EnableCloudwatchLogsExports"] == ["postgresql"]
    group = only(data, "AWS::Logs::LogGroup", LogGroupName="/aws/rds/cluster/image-db/postgresql")
    assert group["RetentionInDays"] == 30
    assert all(item["EnablePerformanceInsights"] for item in properties(data, "AWS::RDS::DBInstance").values())


def test_s4_what_goes_wrong_with_the_stack_does_not_take_the_data_with_it(data: Any) -> None:
    kept = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::RDS::DBCluster", "AWS::KMS::Key", "AWS::ECR::Repository")
    items = [item for item in data["Resources"].values() if item["Type"] in kept]
    assert len(items) == 7
    assert {item["DeletionPolicy"] for item in items} <= {"Retain", "RetainExceptOnCreate"}
    assert {item["UpdateReplacePolicy"] for item in items} == {"Retain"}


def test_s4_each_role_of_the_database_has_a_secret_of_its_own_that_nobody_typed(data: Any) -> None:
    secrets = {item["Name"]: item["GenerateSecretString"] for item in properties(data, "AWS::SecretsManager::Secret").values()}
    roles = {name: json.loads(item["SecretStringTemplate"])["username"] for name, item in secrets.items()}
    assert roles == {
        "image/database-owner": "image_owner",
        "image/database": "image_api",
        "image/database-consumer": "image_consumer",
        "image/tocsin": "tocsin",
        "image/tocsin-admin": "tocsin_admin",
    }
    assert {item["GenerateStringKey"] for item in secrets.values()} == {"password"}
    assert all("KmsKeyId" in item for item in properties(data, "AWS::SecretsManager::Secret").values())


def test_s4_tocsin_s_secrets_are_turned_every_month_and_not_before_their_roles_are_there(data: Any) -> None:
    schedules = list(properties(data, "AWS::SecretsManager::RotationSchedule").values())
    assert {item["HostedRotationLambda"]["RotationLambdaName"] for item in schedules} == {
        "rotate-image-tocsin",
        "rotate-image-tocsin-admin",
    }
    assert {item["RotationRules"]["ScheduleExpression"] for item in schedules} == {"rate(30 days)"}
    assert {item["RotateImmediatelyOnUpdate"] for item in schedules} == {False}


def test_whoever_may_read_tocsin_s_secrets_may_decrypt_them_and_nothing_else(data: Any) -> None:
    """The policy that `tocsin iam` derives names secrets, no keys."""
    said = statements(only(data, "AWS::KMS::Key")["KeyPolicy"])
    (readers,) = [item for item in said if item["Principal"] == {"AWS": "*"}]
    assert readers["Action"] == ["kms:Decrypt"]
    assert readers["Condition"]["StringEquals"] == {
        "kms:CallerAccount": {"Ref": "AWS::AccountId"},
        "kms:ViaService": "secretsmanager.ap-northeast-2.amazonaws.com",
    }
    names = readers["Condition"]["StringLike"]["kms:EncryptionContext:SecretARN"]
    assert [text(name).split(":")[-1] for name in names] == ["image/tocsin-??????", "image/tocsin-admin-??????"]


def test_s4_plain_settings_are_a_parameter_that_the_containers_understand(data: Any) -> None:
    parameter = only(data, "AWS::SSM::Parameter", Name="/image/settings")
    environ = {
        "AWS_REGION": "ap-northeast-2",
        "UPLOAD_BUCKET": "image-uploads",
        "DATABASE_HOST": "db.example.com",
        "DATABASE_NAME": "image",
        "DATABASE_SECRET": '{"username": "image_api", "password": "x"}',
        "IMAGE_SETTINGS": parameter["Value"],
    }
    assert workload.api(environ).store.rules == workload.ImageRules()


def test_s4_images_of_containers_are_scanned_immutable_and_few(data: Any) -> None:
    repositories = properties(data, "AWS::ECR::Repository").values()
    assert {item["RepositoryName"] for item in repositories} == {"image-api", "image-consumer"}
    assert {item["ImageTagMutability"] for item in repositories} == {"IMMUTABLE"}
    assert all(item["ImageScanningConfiguration"] == {"ScanOnPush": True} for item in repositories)
    rules = [json.loads(item["LifecyclePolicy"]["LifecyclePolicyText"])["rules"] for item in repositories]
    assert all({rule["selection"]["countType"] for rule in each} == {"sinceImagePushed", "imageCountMoreThan"} for each in rules)
