"""Who may open a connection to whom inside the VPC: every security group of the platform, and every rule between them.

The groups live in the network's stack, so that no stack has to change a group of another one.
"""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.aws.platform.settings import Balancer

API_PORT = 8080
POSTGRES = 5432
HTTPS = 443
# What leaves the VPC goes to AWS's services, whose addresses are many and change.
ANYWHERE = ec2.Peer.any_ipv4()


class Groups(Construct):
    """The groups, each named by what carries it. Nothing is open from outside the VPC, and nothing leaves without a rule here."""

    def __init__(self, scope: Construct, ident: str, *, vpc: ec2.IVpc, balancer: Balancer) -> None:
        super().__init__(scope, ident)

        def group(name: str, carries: str) -> ec2.SecurityGroup:
            return ec2.SecurityGroup(self, name, vpc=vpc, description=carries, allow_all_outbound=False)

        self.link = group("Link", "From API Gateway into the VPC")
        self.balancer = group("Balancer", "The load balancer")
        self.hook = group("Hook", "The function that tries green tasks")
        self.api = group("Api", "Tasks of the API")
        self.consumer = group("Consumer", "Tasks of the image consumer")
        self.rotation = group("Rotation", "The functions that rotate secrets")
        self.database = group("Database", "Aurora")

        self._open(self.link, self.balancer, balancer.port, "requests")
        self._open(self.hook, self.balancer, balancer.test_port, "test traffic to green tasks")
        self._open(self.balancer, self.api, API_PORT, "requests and health checks")
        for client in (self.api, self.consumer, self.rotation):
            self._open(client, self.database, POSTGRES, "PostgreSQL")
        for client in (self.api, self.consumer, self.rotation, self.hook):
            client.add_egress_rule(ANYWHERE, ec2.Port.tcp(HTTPS), "Services of AWS")

    @staticmethod
    def _open(client: ec2.SecurityGroup, server: ec2.SecurityGroup, port: int, what: str) -> None:
        server.add_ingress_rule(client, ec2.Port.tcp(port), what)
        client.add_egress_rule(server, ec2.Port.tcp(port), what)
