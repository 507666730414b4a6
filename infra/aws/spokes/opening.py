"""Opens a pipeline to its spokes: the list of them, the topic, the keys, the catalogue's table."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from alarms.domain.errors import CannotRun
from alarms.settings import Settings
from infra.aws.findings import accept
from infra.aws.pipeline.keys import Keys
from infra.aws.pipeline.place import Place
from infra.aws.spokes import access
from infra.aws.spokes.settings import HubSettings
from remediators.spokes import Spoke, text_of

STANDARD, ADVANCED = 4096, 8192  # characters of a parameter, by tier; the second costs some cents a month


def parameter_name(place: Place) -> str:
    """Return the name of the parameter that holds the allow list."""
    return f"/{place.prefix}/{place.stage}/spokes"


def topics(place: Place, name: str, hub: HubSettings | None) -> tuple[str, ...]:
    """Return the ARNs of the topics in other regions whose messages come to this pipeline's queues."""
    regions = hub.other_regions(place.region) if hub else ()
    return tuple(f"arn:{place.partition}:sns:{region}:{place.account}:{name}" for region in regions)


def list_of(settings: Settings) -> str:
    """Return the allow list's text: each spoke with its role. CannotRun where it is longer than a parameter may be."""
    roles = settings.spoke_roles
    spokes: Mapping[str, Spoke] = {
        one.place: Spoke(one.account, one.region, roles[one.place], one.external_id) for one in settings.spokes
    }
    text = text_of(spokes)
    if len(text) > ADVANCED:
        most = len(spokes) * ADVANCED // len(text)
        raise CannotRun(
            f"{len(spokes)} spokes are more than one parameter holds, about {most}: make a second hub (docs/scale.md)"
        )
    return text


def open_to_spokes(
    scope: Construct,
    place: Place,
    settings: Settings,
    hub: HubSettings,
    *,
    keys: Keys,
    catalogue: dynamodb.CfnTable,
) -> None:
    """Make the list, and let in whom it names; the topic's own statement is ``access.spokes_publish``."""
    text = list_of(settings)
    listed = ssm.CfnParameter(
        scope,
        "Spokes",
        name=parameter_name(place),
        type="String",
        tier="Standard" if len(text) <= STANDARD else "Advanced",
        value=text,
        description="Where else the remediators may act, as which role; from tocsin.yaml",
    )
    accept(listed, checkov={"CKV2_AWS_34": "an external id is no secret, and CloudFormation cannot make a SecureString"})
    if hub.accounts_in(place.region):
        keys.messages.add_to_resource_policy(access.spokes_use_key(place.region, hub, place.partition))
    keys.data.add_to_resource_policy(access.deployers_use_key(place, hub))
    catalogue.resource_policy = dynamodb.CfnTable.ResourcePolicyProperty(policy_document=access.deployers_write_rows(place, hub))
    cdk.CfnOutput(scope, "SpokesParameterName", value=parameter_name(place), description="where else it may act")
