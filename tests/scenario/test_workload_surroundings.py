"""How the workload meets what it stands on: TLS, the schema, a real S3's addresses, SIGTERM."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PASSWORD, Server
from workload_stage import ROOT, Stage, stage, until

from infra.aws.workload import migrate, settings
from infra.aws.workload.aws_clients import clients
from infra.aws.workload.database import DatabaseFailed, Pool
from infra.aws.workload.image_rules import Wish
from infra.aws.workload.presigning import Signer
from infra.local.postgres import connect, free_port, serving
from infra.local.uploading import NotUploaded, fetch


@pytest.fixture
def world(postgres_server: Server) -> Iterator[Stage]:
    with stage(postgres_server, "surroundings_story") as made:
        yield made


def test_a_database_is_reached_over_tls_that_is_verified_and_not_otherwise(postgres_server: Server, tmp_path: Path) -> None:
    sure = settings.Database(
        "127.0.0.1", postgres_server.tls_port, "postgres", "postgres", PASSWORD, tls=True, authorities=postgres_server.authorities
    )
    pool = Pool(sure, "image-tls")
    assert pool.run("SELECT :x AS x", x="'; DROP TABLE images; --") == [{"x": "'; DROP TABLE images; --"}]
    pool.close()

    for wrong in (dataclasses.replace(sure, authorities=""), dataclasses.replace(sure, host="localhost")):
        with pytest.raises(DatabaseFailed, match="tls"):
            Pool(wrong, "image-tls").run("SELECT 1")
    with pytest.raises(DatabaseFailed, match="28P01") as caught:
        Pool(dataclasses.replace(sure, password="wrong"), "image-tls").run("SELECT 1")
    assert "wrong" not in str(caught.value)


def test_a_pool_holds_no_more_sessions_than_it_may(world: Stage) -> None:
    pool = Pool(dataclasses.replace(world.given.database, connections=2), "image-pool", wait_s=0.05)
    slow = [threading.Thread(target=pool.run, args=("SELECT pg_sleep(1.5)",)) for _ in range(2)]
    for thread in slow:
        thread.start()
    counted = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'image-pool' AND state = 'active'"
    until(lambda: world.server.run(counted) == [[2]], "both sessions are busy")
    with pytest.raises(DatabaseFailed, match="busy"):
        pool.run("SELECT 1")
    for thread in slow:
        thread.join()
    assert pool.run("SELECT 1 AS x") == [{"x": 1}]
    pool.close()


def test_migrations_that_start_at_once_are_applied_once(postgres_server: Server) -> None:
    postgres_server.run("CREATE DATABASE migration_story")
    try:
        database = settings.Database(
            "127.0.0.1", postgres_server.port, "migration_story", "postgres", PASSWORD, tls=False, authorities=""
        )
        applied: list[list[str]] = []
        threads = [threading.Thread(target=lambda: applied.append(migrate.migrate(database))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(applied) == [[], [], ["0001_images.sql"]]
    finally:
        postgres_server.run("DROP DATABASE migration_story WITH (FORCE)")


def test_each_service_may_do_what_it_does_and_no_more() -> None:
    with serving(PASSWORD, {}) as port:  # a server of its own: roles belong to a whole server, and others have these names too
        session = connect(port, "postgres", PASSWORD, database="postgres")
        for role in ROLES:
            session.run(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        session.close()
        database = settings.Database("127.0.0.1", port, "postgres", "postgres", PASSWORD, tls=False, authorities="")
        migrate.migrate(database)
        pools = {role: Pool(dataclasses.replace(database, user=role), role) for role in ROLES}
        for role, statement in FORBIDDEN:
            with pytest.raises(DatabaseFailed, match="42501"):
                pools[role].run(statement)
        assert pools["image_api"].run("SELECT * FROM images") == pools["image_consumer"].run("SELECT * FROM images") == []
        for pool in pools.values():
            pool.close()


ROLES = ("image_api", "image_consumer")
FORBIDDEN = (
    ("image_api", "DELETE FROM uploads"),
    ("image_api", "UPDATE images SET state = 'done'"),
    ("image_api", "CREATE TABLE mine (x int)"),
    ("image_consumer", "SELECT * FROM uploads"),
    ("image_consumer", "DELETE FROM images"),
)


def test_forms_and_links_name_the_buckets_own_host_in_its_region(world: Stage) -> None:
    """The global name would redirect a browser for a new bucket outside us-east-1, and a form's body would be lost."""
    store = dataclasses.replace(world.given.store, endpoint="")
    signer = Signer(clients(store)[0], store)

    assert signer.form("uploads/x", Wish("image/png", 5))["url"] == "https://image-uploads.s3.ap-northeast-2.amazonaws.com/"
    assert signer.link("thumbnails/x").startswith("https://image-uploads.s3.ap-northeast-2.amazonaws.com/thumbnails/x?")


def test_on_sigterm_the_api_is_no_longer_ready_serves_on_and_ends_with_nothing_to_say(world: Stage) -> None:
    port = free_port()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **world.environ(LISTEN_PORT=str(port), DRAIN_S="2")}
    command = [sys.executable, "-m", "infra.aws.workload.presign_api"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as api:

        def said(path: str) -> str:
            try:
                return fetch(f"http://127.0.0.1:{port}{path}").decode()
            except NotUploaded as refused:
                return str(refused)

        until(lambda: '"ready"' in said("/readyz") or api.poll() is not None, "it is ready")
        api.send_signal(signal.SIGTERM)
        until(lambda: said("/readyz").startswith("503"), "it says that it is not ready")
        assert "ok" in said("/healthz"), "it still serves"
        _, errors = api.communicate(timeout=60)

    assert (api.returncode, errors) == (0, b"")
