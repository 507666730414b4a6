"""What the containers read at their start: strict, complete in one line, silent about secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.workload import settings
from infra.aws.workload.settings import CannotStart

SECRET = "tr0ub4dor-and-3"
API: dict[str, str] = {
    "AWS_REGION": "ap-northeast-2",
    "UPLOAD_BUCKET": "image-uploads",
    "DATABASE_HOST": "image-db.cluster-abc.ap-northeast-2.rds.amazonaws.com",
    "DATABASE_NAME": "image",
    "DATABASE_SECRET": json.dumps({"username": "image_api", "password": SECRET, "engine": "postgres"}),
}
CONSUMER = {**API, "QUEUE_URL": "https://sqs.ap-northeast-2.amazonaws.com/123456789012/image-jobs"}


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(CannotStart) as caught:
        settings.consumer(environ)
    return str(caught.value)


def test_a_container_starts_with_what_has_no_default_and_holds_as_many_connections_as_the_catalogue_supposes() -> None:
    api, consumer = settings.api(API), settings.consumer(CONSUMER)

    assert (api.database.connections, consumer.database.connections) == (10, 8)
    assert (api.host, api.store.uploads, api.database.tls) == ("127.0.0.1", "uploads/", True)
    assert consumer.store.rules.thumbnails == (128, 512, 1024)


def test_pages_that_may_call_are_named_by_their_origins() -> None:
    assert settings.api(API).origins == ()
    assert settings.api({**API, "ALLOWED_ORIGINS": "https://a.example.com, http://localhost:3000"}).origins == (
        "https://a.example.com",
        "http://localhost:3000",
    )
    with pytest.raises(CannotStart, match=r"ALLOWED_ORIGINS must be origins like https://shop\.example\.com, not '\*'"):
        settings.api({**API, "ALLOWED_ORIGINS": "*"})


def test_an_empty_environment_is_one_line_that_names_everything_that_is_missing() -> None:
    line = refused({})

    assert "\n" not in line
    missing = {variable.name for variable in settings.CONSUMER if variable.required}
    assert all(f"{name} is not set" in line for name in missing)
    assert missing == {"AWS_REGION", "UPLOAD_BUCKET", "DATABASE_HOST", "DATABASE_NAME", "DATABASE_SECRET", "QUEUE_URL"}


@pytest.mark.parametrize("name", sorted(variable.name for variable in settings.CONSUMER if variable.required))
def test_each_variable_without_a_default_is_missed_by_its_name(name: str) -> None:
    assert refused({key: value for key, value in CONSUMER.items() if key != name}).count(f"{name} is not set") == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("UPLOAD_BUCKET", "Image_Uploads", "the name of a bucket"),
        ("UPLOAD_PREFIX", "/uploads", "one folder"),
        ("THUMBNAIL_PREFIX", "uploads/", "another folder than UPLOAD_PREFIX"),
        ("DATABASE_PORT", "0", "from 1 to 65535"),
        ("DATABASE_PORT", "٥٤٣٢", "from 1 to 65535"),
        ("DATABASE_TLS", "off", "is not on loopback"),
        ("DATABASE_CONNECTIONS", "-1", "from 1 to 100"),
        ("AWS_ENDPOINT_URL", "http://example.com", "https"),
        ("QUEUE_URL", "http://[::1", "https"),
        ("VISIBILITY_S", "1", "from 2 to 43200"),
        ("SIMULATED_COST_S", "nan", "from 0 to 60"),
        ("IMAGE_SETTINGS", '{"most_byte": 5}', "made of form_expires_s"),
        ("IMAGE_SETTINGS", '{"most_bytes": 0}', "most_bytes from 1"),
        ("IMAGE_SETTINGS", '{"most_bytes": true}', "most_bytes from 1"),
        ("IMAGE_SETTINGS", '{"types": ["image/svg+xml"]}', "types a list"),
        ("IMAGE_SETTINGS", '{"thumbnails": []}', "thumbnails a list"),
        ("IMAGE_SETTINGS", "[]", "a JSON object"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(name: str, value: str, said: str) -> None:
    line = refused({**CONSUMER, name: value})

    assert name in line
    assert said in line


def test_a_local_run_may_leave_tls_off_and_name_an_address_on_loopback() -> None:
    local = {"DATABASE_HOST": "127.0.0.1", "DATABASE_TLS": "off", "AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}
    read = settings.api({**API, **local})

    assert (read.database.tls, read.store.endpoint) == (False, "http://127.0.0.1:5000")


@given(secret=st.text(min_size=6))
def test_nothing_of_a_secret_that_cannot_be_read_is_shown(secret: str) -> None:
    line = refused({**CONSUMER, "DATABASE_SECRET": secret + "\0not json"})

    assert "DATABASE_SECRET must be JSON like" in line
    assert "not json" not in line


def test_a_password_is_not_shown_with_its_settings() -> None:
    assert SECRET not in repr(settings.consumer(CONSUMER))


VALUES = st.none() | st.booleans() | st.integers(-10, 10**9) | st.lists(st.integers(0, 5000), max_size=9) | st.just(["image/png"])
MEMBERS = st.sampled_from(["types", "most_bytes", "most_pixels", "thumbnails", "link_expires_s", "x"])


@given(document=st.dictionaries(MEMBERS, VALUES, max_size=2))
def test_whatever_the_parameter_says_the_rules_are_within_bounds_or_refused_in_one_line(document: dict[str, Any]) -> None:
    environ = {**CONSUMER, "IMAGE_SETTINGS": json.dumps(document)}
    try:
        rules = settings.consumer(environ).store.rules
    except CannotStart:
        assert "\n" not in refused(environ)
        return
    assert 0 < rules.most_bytes <= 100 * 2**20
    assert set(rules.types) <= set(settings.TYPES)
    assert all(16 <= edge <= 4096 for edge in rules.thumbnails)
