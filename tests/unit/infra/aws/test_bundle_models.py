"""What a zip holds of botocore's data says the same as botocore's own: same clients, same operations, same endpoints."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.config
import botocore.loaders
import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.aws.bundle import models
from infra.aws.bundle.builder import build
from infra.aws.bundle.functions import FUNCTIONS
from infra.aws.bundle.target import here
from infra.local.lambda_process import unpacked

SERVICES = sorted({service for function in FUNCTIONS.values() for service in function.services})
# One Region of each partition, a young one, and where addresses are built in another way.
PLACES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ap-northeast-2", {}),
    ("us-east-1", {}),
    ("ap-southeast-7", {}),
    ("cn-north-1", {}),
    ("us-gov-west-1", {"use_fips_endpoint": True}),
    ("eu-west-1", {"use_dualstack_endpoint": True}),
)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a session that reads the data of a zip for all services that any function uses, and no other data."""
    every = replace(FUNCTIONS["interactive"], name="every", services=tuple(SERVICES))
    task = unpacked(build(every, here(), compiled=False), tmp_path_factory.mktemp("models") / "task")
    return session(task / "botocore" / "data")


@pytest.fixture(scope="module")
def theirs() -> Any:
    """Return a session that reads the data that botocore came with."""
    return session(Path(botocore.loaders.__file__).parent / "data")


def session(data: Path) -> Any:
    made = botocore.session.Session()
    loader = botocore.loaders.Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    made.register_component("data_loader", loader)  # type: ignore[no-untyped-call]  # botocore has no types of its own
    return made


def described(one: Any, service: str, region: str, config: dict[str, Any]) -> Any:
    """Return what a client is: its address, how and for where it signs, and everything that it can be asked."""
    client = one.create_client(
        service,
        region_name=region,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=botocore.config.Config(**config),
    )
    meta = client.meta
    signs = (meta.config.signature_version, client._request_signer.region_name, client._request_signer.signing_name)
    return meta.endpoint_url, meta.partition, signs, dict(meta.method_to_api_mapping)


@pytest.mark.parametrize("service", SERVICES)
def test_clients_of_a_zip_are_botocores(service: str, ours: Any, theirs: Any) -> None:
    for region, config in PLACES:
        assert described(ours, service, region, config) == described(theirs, service, region, config), region


@pytest.mark.parametrize("service", SERVICES)
def test_a_model_lacks_its_texts_and_nothing_else(service: str, ours: Any, theirs: Any) -> None:
    model, whole = (one.get_component("data_loader").load_service_model(service, "service-2") for one in (ours, theirs))

    assert models.undocumented(model) == models.undocumented(whole)  # patches of the model may bring texts of their own
    assert len(json.dumps(model)) < 0.6 * len(json.dumps(whole))
    assert model["shapes"].keys() == whole["shapes"].keys()


def test_a_member_that_is_called_documentation_stays() -> None:
    members = {"documentation": {"shape": "String", "documentation": "a text"}}

    assert models.undocumented({"members": members}) == {"members": {"documentation": {"shape": "String"}}}


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}/[a-z]{1,8}\.(py|pem|json)", fullmatch=True), st.binary(max_size=30), max_size=5)
)
def test_files_that_are_no_data_of_botocores_are_left_alone(files: dict[str, bytes]) -> None:
    assert models.slim(files) == files


def test_a_compressed_model_is_unpacked_and_the_change_is_told() -> None:
    model = {"metadata": {"endpointPrefix": "monitoring"}, "documentation": "long"}
    endpoints = {"version": 3, "partitions": [{"partition": "aws", "services": {"monitoring": {"a": 1}, "ecs": {}, "sts": {}}}]}
    slimmed = models.slim(
        {
            "botocore/data/cloudwatch/2010-08-01/service-2.json.gz": gzip.compress(json.dumps(model).encode()),
            "botocore/data/endpoints.json": json.dumps(endpoints).encode(),
        }
    )

    assert json.loads(slimmed.pop("botocore/data/cloudwatch/2010-08-01/service-2.json")) == {"metadata": model["metadata"]}
    assert json.loads(slimmed.pop("botocore/data/endpoints.json"))["partitions"] == [
        {"partition": "aws", "services": {"monitoring": {"a": 1}, "sts": {}}}
    ]
    assert b"Cut by tocsin" in slimmed.pop(models.NOTE_NAME)
    assert slimmed == {}
