"""set-idle-timeouts: a role's limit on a real PostgreSQL, lent and given back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import databases
from postgres_server import PASSWORD, shared
from remediation_world import World, api_alarm, policy

from action_stories import ActionStory, often
from infra.local.seam import Call

API, KEEPER = "story_api", "story_keeper"


def prepare(told: World) -> None:
    """Make the roles once, attach the server, keep the secret under the ARN that the row names."""
    server = shared()
    known = {row[0] for row in server.run("select rolname from pg_roles")}
    if KEEPER not in known:
        server.run(
            f"create role {API} login password '{PASSWORD}'",
            f"create role {KEEPER} login createrole password '{PASSWORD}'",
            f"grant {API} to {KEEPER} with admin option",
        )
    databases.attach(told.aws, server)
    databases.secret_of(told.aws, server, KEEPER, "image/story")


def again(_: World) -> None:
    shared().run(f"alter role {API} set idle_session_timeout = '2h'")


def limits(_: World) -> Any:
    return shared().run("select rolconfig from pg_roles where rolname = :name", name=API)


def alters(params: Mapping[str, Any]) -> bool:
    """Tell the statement that the server itself wrote: the one that alters a role."""
    return str(params["sql"]).startswith("do ")


def is_change(call: Call) -> bool:
    return call.operation == "ExecuteStatement" and alters(call.params)


STORIES = (
    ActionStory(
        "a limit that was there before",
        replace(
            api_alarm(
                often(
                    policy(
                        "set-idle-timeouts",
                        {
                            "cluster": databases.CLUSTER,
                            "database": "postgres",
                            "secret": databases.STORY_SECRET,
                            "roles": [API],
                            "idle_session": 900,
                        },
                    )
                )
            ),
            name="tocsin/dev/image-processing/aurora/connections-near-max/image-db-1",
            row="image-processing/aurora/connections-near-max",
            target={"DBInstanceIdentifier": "image-db-1"},
        ),
        state=limits,
        prepare=prepare,
        again=again,
        is_change=is_change,
        changes_by=alters,
    ),
)
