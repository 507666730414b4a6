"""One secret for each role of the database, and how each is turned. The roles themselves are made by database_roles.

The Data API reads a secret anew at each call, so tocsin's own are turned every month by a function of AWS's. A task gets its
secret once, at its start: turning that one alone would lock running tasks out of new connections, so it goes with a deployment.
"""

from __future__ import annotations

import string

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.platform.database_roles import NAMES
from infra.aws.platform.network import NetworkStack

TURNED_EVERY = cdk.Duration.days(30)
TURNED = ("tocsin", "tocsin_admin")


class DatabaseSecrets(Construct):
    """Secrets by role (``by_role``): ``image_owner`` migrates, ``image_api`` and ``image_consumer`` serve; two are of tocsin."""

    def __init__(
        self, scope: Construct, ident: str, *, cluster: rds.IDatabaseCluster, key: kms.Key, network: NetworkStack
    ) -> None:
        super().__init__(scope, ident)
        self.by_role = {role: self._secret(role, name, cluster, key) for role, name in NAMES.items()}
        for role in TURNED:
            self.by_role[role].add_rotation_schedule(
                "Rotation",
                automatically_after=TURNED_EVERY,
                rotate_immediately_on_update=False,  # the role has to be there first
                hosted_rotation=secrets.HostedRotation.postgre_sql_single_user(
                    function_name=f"rotate-{NAMES[role].replace('/', '-')}",
                    vpc=network.vpc,
                    vpc_subnets=network.tasks,
                    security_groups=[network.groups.rotation],
                    exclude_characters=string.punctuation,
                ),
            )
        self._let_readers_decrypt(key)

    def _secret(self, role: str, name: str, cluster: rds.IDatabaseCluster, key: kms.Key) -> secrets.ISecret:
        generated = secrets.SecretStringGenerator(
            secret_string_template=cdk.Stack.of(self).to_json_string({"username": role}),
            generate_string_key="password",
            exclude_punctuation=True,
            password_length=40,
        )
        secret = secrets.Secret(
            self,
            role,
            secret_name=name,
            description=f"Role {role} of the database",
            encryption_key=key,
            generate_secret_string=generated,
            removal_policy=cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )
        if role not in TURNED:
            accept(secret, nag={"SMG4": "A task gets it once, at its start: it is turned together with a deployment."})
        return secret.attach(cluster)

    def _let_readers_decrypt(self, key: kms.Key) -> None:
        """Let whoever may read one of tocsin's secrets decrypt it, as AWS's own key would: through Secrets Manager only."""
        stack = cdk.Stack.of(self)
        names = [
            f"arn:{stack.partition}:secretsmanager:{stack.region}:{stack.account}:secret:{NAMES[role]}-??????" for role in TURNED
        ]
        accept(
            key, checkov={"CKV_AWS_33": "Anybody of this account, through Secrets Manager, for tocsin's two secrets: no more."}
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ReadersOfTocsinsSecrets",
                principals=[iam.AnyPrincipal()],
                actions=["kms:Decrypt"],
                resources=["*"],
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": stack.account,
                        "kms:ViaService": f"secretsmanager.{stack.region}.amazonaws.com",
                    },
                    "StringLike": {"kms:EncryptionContext:SecretARN": names},
                },
            )
        )
