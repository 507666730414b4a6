"""What S3 tells the queue: parsed strictly, whatever comes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.workload.image_rules import key_of, thumbnail_key, upload_of
from infra.aws.workload.s3_events import Created, Poison, created
from infra.aws.workload.settings import ImageRules, Store

STORE = Store("ap-northeast-2", "image-uploads", "uploads/", "thumbnails/", "", ImageRules())
ETAG = "827ccb0eea8a706c4c34a16891f84e7b"


def record(key: str, **more: Any) -> dict[str, Any]:
    """One record as S3 writes it."""
    thing = {"key": quote_plus(key), "size": 5, "eTag": ETAG, "sequencer": "0055AED6DCD90281E5", **more.pop("object", {})}
    told = {"s3SchemaVersion": "1.0", "bucket": {"name": "image-uploads", "arn": "arn:aws:s3:::image-uploads"}, "object": thing}
    return {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": told, **more}


def body(*records: Any) -> str:
    return json.dumps({"Records": list(records)})


@given(uploads=st.lists(st.uuids(), min_size=1, max_size=4))
def test_every_record_of_a_message_is_read_with_the_key_as_it_stands_in_the_bucket(uploads: list[UUID]) -> None:
    found = created(body(*(record(key_of("uploads/", upload)) for upload in uploads)), STORE)

    assert found == [Created(upload, f"uploads/{upload}", ETAG, "", "0055AED6DCD90281E5") for upload in uploads]


def test_s3s_test_event_is_no_image_and_no_poison() -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-10-31T14:00:00Z", "Bucket": "image-uploads"}
    assert created(json.dumps(event), STORE) == []
    with pytest.raises(Poison):
        created(json.dumps({**event, "Bucket": "somebody-elses"}), STORE)


UPLOAD = f"uploads/{UUID(int=7)}"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (record(UPLOAD, eventName="ObjectRemoved:Delete"), "not of S3's ObjectCreated"),
        (record(UPLOAD, eventSource="aws:sns"), "not of S3's ObjectCreated"),
        (record("thumbnails/" + UPLOAD), "not one of an upload"),
        (record(UPLOAD.upper()), "not one of an upload"),
        (record(UPLOAD + "/../x"), "not one of an upload"),
        (record("uploads/holiday picture.jpg"), "not one of an upload"),
        (record(UPLOAD, object={"key": "%FF%FE"}), "cannot be read"),
        (record(UPLOAD, object={"key": 5}), "cannot be read"),
        (record(UPLOAD, object={"eTag": "x"}), "no readable eTag"),
        (record(UPLOAD, object={"sequencer": "zz"}), "no readable eTag"),
        (record(UPLOAD, object={"versionId": "a b"}), "no readable eTag"),
        ({**record(UPLOAD), "s3": {"bucket": {"name": "other"}, "object": {"key": UPLOAD}}}, "another bucket"),
        (5, "no s3"),
    ],
)
def test_what_is_not_one_of_our_uploads_is_refused_by_name(changed: Any, said: str) -> None:
    with pytest.raises(Poison, match=said):
        created(body(record(UPLOAD), changed), STORE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Records", "s3", "object", "key", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(document=JSON)
def test_whatever_a_message_holds_it_is_read_or_poison(document: Any) -> None:
    for text in (json.dumps(document), body(document), body({**record(UPLOAD), "s3": document}), str(document)):
        try:
            found = created(text, STORE)
        except Poison:
            continue
        assert all(upload_of("uploads/", each.key) == each.upload for each in found)


@given(text=st.text(max_size=60), upload=st.uuids())
def test_a_key_is_the_servers_own_and_nothing_else_is_taken_for_one(text: str, upload: UUID) -> None:
    assert upload_of("uploads/", key_of("uploads/", upload)) == upload
    assert upload_of("uploads/", thumbnail_key("thumbnails/", upload, 64, "jpg")) is None
    for other in (text, f"uploads/{text}", f"uploads/{upload}{text or 'x'}", f"{text or 'x'}uploads/{upload}"):
        found = upload_of("uploads/", other)
        assert found is None or key_of("uploads/", found) == other
