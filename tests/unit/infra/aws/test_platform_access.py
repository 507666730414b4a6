"""Who may read what, over all stacks of a stage: images and the database's secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cloud_templates import listed, statements, text


def _allowed(templates: Mapping[str, Any], service: str) -> Iterator[tuple[str, str, str]]:
    """Yield (role or policy, action, resource) of everything of ``service`` that any role may do."""
    for stack, template in templates.items():
        for key, item in template["Resources"].items():
            given = item.get("Properties", {})
            documents = [given["PolicyDocument"]] if item["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy") else []
            documents += (
                [each["PolicyDocument"] for each in given.get("Policies", ())] if item["Type"] == "AWS::IAM::Role" else []
            )
            for statement in (each for document in documents for each in statements(document) if each["Effect"] == "Allow"):
                for action in statement["Action"]:
                    if action.startswith(f"{service}:") or action == "*":
                        yield from ((f"{stack}/{key}", action, text(resource)) for resource in listed(statement["Resource"]))


def test_s1_one_role_signs_uploads_another_reads_them_and_nobody_lists_or_deletes(templates: Mapping[str, Any]) -> None:
    found = {(action, resource.rsplit("/", 2)[-2], role) for role, action, resource in _allowed(templates, "s3")}
    uploads = {(action, role) for action, folder, role in found if folder == "uploads"}
    thumbnails = {(action, role) for action, folder, role in found if folder == "thumbnails"}

    assert {action for action, _ in uploads} == {"s3:PutObject", "s3:GetObject", "s3:GetObjectVersion"}
    assert {action for action, _ in thumbnails} == {"s3:PutObject", "s3:GetObject"}
    assert len(found) == len(uploads) + len(thumbnails)  # and nothing of any other bucket or folder
    signs = {role for action, role in uploads if action == "s3:PutObject"}
    reads = {role for action, role in uploads if action != "s3:PutObject"}
    assert (len(signs), len(reads), signs & reads) == (1, 1, set())
    assert {role for action, role in thumbnails if action == "s3:GetObject"} == signs


def test_s4_each_secret_of_the_database_is_read_by_one_role(templates: Mapping[str, Any]) -> None:
    readers: dict[str, set[str]] = {}
    for role, action, resource in _allowed(templates, "secretsmanager"):
        if action == "secretsmanager:GetSecretValue":
            named = re.search(r"Roles(\w+?)Attachment|secret:(image/[a-z-]+?)-", resource)
            readers.setdefault(next(part for part in named.groups() if part) if named else resource, set()).add(role)
    shared = {name: roles for name, roles in readers.items() if len(roles) > 1 and "slack" not in name}
    assert shared == {}
    assert {"imageapi", "imageconsumer"} <= set(readers)
    assert not [resource for resource in readers if resource == "*"]
