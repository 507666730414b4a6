"""What the pipeline's template promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def test_the_alarms_topic_is_encrypted_with_a_key_of_ours(templates: Mapping[str, Any]) -> None:
    """CloudWatch cannot publish through a topic with AWS's own key."""
    topics = [item for item in templates["pipeline"]["Resources"].values() if item["Type"] == "AWS::SNS::Topic"]

    assert [topic["Properties"]["TopicName"] for topic in topics] == ["tocsin-alarms"]
    assert all("Fn::GetAtt" in topic["Properties"]["KmsMasterKeyId"] for topic in topics)
