"""ECS service revisions: which one to go back to, what going back changes, and whether its images are still the same ones.

A revision's images are fixed by digest while it runs, but a new deployment of its task definition looks its tags up anew: a tag
that has been pushed again since would bring the bad image back. [ecs DescribeServiceRevisions, ContainerImage]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.domain.decision import Reason
from alarms.domain.errors import Permanent
from alarms.domain.text import Text
from remediators.action import Clients, Refusal

# Members of a revision that UpdateService sets without passing a role on, beside the task definition.
RESTORED = ("capacityProviderStrategy", "networkConfiguration", "platformVersion", "serviceRegistries")
# Members that make a revision another one and that no rollback of ours touches.
LEFT = ("launchType", "loadBalancers", "serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
_EMPTY: Mapping[str, Any] = {"capacityProviderStrategy": [], "serviceRegistries": []}
DESCRIBED = 20


@dataclass(frozen=True, slots=True)
class Image:
    """One container's image: as the task definition writes it, and the digest that it stood for when it was deployed."""

    reference: str
    digest: str

    @property
    def pinned(self) -> bool:
        """Whether the reference itself is a digest, so that it can stand for nothing else."""
        return "@sha256:" in self.reference


@dataclass(frozen=True, slots=True)
class Revision:
    """One service revision. ``groups`` are the target groups in which its tasks stand."""

    arn: str
    definition: str
    images: tuple[Image, ...]
    settings: Mapping[str, Any]
    groups: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its task definition as ``family:revision``."""
        return self.definition.rsplit("/", 1)[-1]

    @property
    def content(self) -> tuple[Any, ...]:
        """What makes it differ from another: task definition, digests, settings."""
        return (self.definition, sorted(image.digest for image in self.images), self.settings)


def observe(clients: Clients, arns: Sequence[str]) -> dict[str, Revision]:
    """Return the revisions with these ARNs by ARN; one that ECS does not know any more is left out."""
    wanted = list(dict.fromkeys(arn for arn in arns if arn))[:DESCRIBED]
    if not wanted:
        return {}
    told = clients("ecs").describe_service_revisions(serviceRevisionArns=wanted)["serviceRevisions"]
    return {item["serviceRevisionArn"]: _revision(item) for item in told}


def before(bad: Revision, earlier: Sequence[Revision]) -> Revision | None:
    """Return the newest of ``earlier`` (successful ones, newest first) that is another than ``bad``; None when there is none."""
    return next((item for item in earlier if item.arn != bad.arn and item.content != bad.content), None)


def restored(bad: Revision, good: Revision) -> Mapping[str, Any] | Refusal:
    """Return the members that UpdateService has to be given beside the task definition, or why it cannot go back alone."""
    fixed = [name for name in LEFT if bad.settings.get(name) != good.settings.get(name)]
    changed = [name for name in RESTORED if bad.settings.get(name) != good.settings.get(name)]
    fixed += [name for name in changed if name not in good.settings and name not in _EMPTY]
    if fixed:
        return Refusal(
            Reason.UNSAFE,
            Text(
                f"{', '.join(fixed)} changed with the deployment too: giving that back is a person's work.",
                f"배포에서 {', '.join(fixed)}도 바뀌었습니다. 되돌리기는 사람이 해야 합니다.",
            ),
        )
    return {name: good.settings.get(name, _EMPTY.get(name)) for name in changed}


def deployable(clients: Clients, good: Revision) -> Refusal | None:
    """Return why a new deployment of ``good`` would not run what it ran; None when it would.

    ecs DescribeTaskDefinition (an INACTIVE one is not deployed), ecr DescribeImages for each tag.
    """
    status = clients("ecs").describe_task_definition(taskDefinition=good.definition)["taskDefinition"].get("status")
    if status != "ACTIVE":
        return Refusal(
            Reason.UNSAFE,
            Text(f"{good.name} is {status}: ECS deploys it no more.", f"{good.name}이(가) {status} 상태라 배포할 수 없습니다."),
        )
    if not good.images:
        return _unknown(good, "none listed")
    for image in good.images:
        if image.pinned:
            continue
        now = _digest(clients, image.reference)
        if not now or not image.digest:
            return _unknown(good, image.reference)
        if now != image.digest:
            return Refusal(
                Reason.UNSAFE,
                Text(
                    f"The tag of {image.reference[:200]} has been pushed again since {good.name} ran: it would bring other code.",
                    f"{good.name} 실행 이후 {image.reference[:200]} 태그가 다시 푸시되어 다른 코드가 배포됩니다.",
                ),
            )
    return None


def _digest(clients: Clients, reference: str) -> str:
    """Return what a tag in this account's ECR stands for now; "" when that cannot be known here."""
    host, _, path = reference.partition("/")
    repository, _, tag = path.rpartition(":")
    if ".dkr.ecr." not in host or not repository:
        return ""
    try:
        found = clients("ecr").describe_images(
            registryId=host.split(".", 1)[0], repositoryName=repository, imageIds=[{"imageTag": tag}]
        )["imageDetails"]
    except Permanent:
        return ""
    return str(found[0].get("imageDigest", "")) if found else ""


def _unknown(good: Revision, image: str) -> Refusal:
    return Refusal(
        Reason.UNKNOWN,
        Text(
            f"Whether the images of {good.name} are still those that it ran is not known ({image[:200]}).",
            f"{good.name}의 이미지가 당시와 같은지 알 수 없습니다({image[:200]}).",
        ),
    )


def _revision(item: Mapping[str, Any]) -> Revision:
    resolved = item.get("resolvedConfiguration", {}).get("loadBalancers", ())
    return Revision(
        arn=item["serviceRevisionArn"],
        definition=item.get("taskDefinition", ""),
        images=tuple(Image(image.get("image", ""), image.get("imageDigest", "")) for image in item.get("containerImages", ())),
        settings={name: item[name] for name in (*RESTORED, *LEFT) if name in item},
        groups=tuple(group["targetGroupArn"] for group in resolved if "targetGroupArn" in group),
    )
