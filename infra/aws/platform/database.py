"""Aurora PostgreSQL Serverless v2 over three zones: a writer, and a reader that is ready to be the writer."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.agreement import READER, WRITER
from infra.aws.platform.network import NetworkStack
from infra.aws.platform.settings import Database
from infra.aws.platform.traffic import POSTGRES

CLUSTER = "image-db"
LOG_GROUP = f"/aws/rds/cluster/{CLUSTER}/postgresql"


def parameters(connections: int) -> dict[str, str]:
    """Return what differs from AWS's defaults, each for a reason. Values as the parameter group takes them."""
    return {
        "rds.force_ssl": "1",  # a client without TLS is refused
        "rds.accepted_password_auth_method": "scram",  # no MD5
        "max_connections": str(connections),  # static; else it follows the capacity, and alarms and ceilings would not know it
        "idle_in_transaction_session_timeout": "300000",  # ms: what holds locks and does nothing ends after five minutes
        "shared_preload_libraries": "pg_stat_statements",  # query shapes and their times, for Database Insights and diagnoses
        "track_io_timing": "1",
        "log_min_duration_statement": "1000",  # ms: slow queries by name, without logging each one
        "log_lock_waits": "1",
        "log_temp_files": "10240",  # KiB: sorts that spill
    }


class Aurora(Construct):
    """The cluster (``cluster``): its names are those that the catalogue watches."""

    def __init__(self, scope: Construct, ident: str, *, database: Database, network: NetworkStack, key: kms.IKey) -> None:
        super().__init__(scope, ident)
        engine = rds.DatabaseClusterEngine.aurora_postgres(version=rds.AuroraPostgresEngineVersion.VER_17_7)
        # RDS would create the group by itself, without a retention and without our key.
        log = logs.LogGroup(
            self, "Log", log_group_name=LOG_GROUP, retention=logs.RetentionDays.ONE_MONTH, encryption_key=key,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )  # fmt: skip
        shared = {
            "publicly_accessible": False,
            "auto_minor_version_upgrade": True,
            "enable_performance_insights": True,
            "performance_insight_encryption_key": key,
            "performance_insight_retention": rds.PerformanceInsightRetention.DEFAULT,  # seven days cost nothing
        }
        self.cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            engine=engine,
            cluster_identifier=CLUSTER,
            default_database_name=database.name,
            port=POSTGRES,
            credentials=rds.Credentials.from_username("postgres"),
            manage_master_user_password=True,  # RDS keeps it, turns it every week, and nothing of ours uses it
            # Failover goes to the lowest tier; a reader of tier 0 or 1 always has the writer's capacity.
            writer=rds.ClusterInstance.serverless_v2("Writer", instance_identifier=WRITER, **shared),
            readers=[rds.ClusterInstance.serverless_v2("Reader", instance_identifier=READER, scale_with_writer=True, **shared)],
            serverless_v2_min_capacity=database.min_acu,
            serverless_v2_max_capacity=database.max_acu,
            parameter_group=rds.ParameterGroup(
                self, "Parameters", engine=engine, description="What differs from the defaults of Aurora",
                parameters=parameters(database.connections),
            ),
            vpc=network.vpc,
            vpc_subnets=network.isolated,
            security_groups=[network.groups.database],
            storage_encrypted=True,
            storage_encryption_key=key,
            enable_data_api=True,
            iam_authentication=True,
            backup=rds.BackupProps(retention=cdk.Duration.days(database.backup_days), preferred_window="17:00-17:30"),
            preferred_maintenance_window="tue:18:00-tue:18:30",  # UTC: three at night in Seoul
            copy_tags_to_snapshot=True,
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            cloudwatch_logs_exports=["postgresql"],
            monitoring_interval=cdk.Duration.seconds(60),
        )  # fmt: skip
        self.cluster.node.add_dependency(log)
        self._accept()

    def _accept(self) -> None:
        for child in self.cluster.node.find_all():
            if child.node.id == "MonitoringRole":
                why = "AWS's policy for this one purpose: it writes to the one log group RDSOSMetrics."
                policy = "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole]"
                accept(child, nag={policy: why})
