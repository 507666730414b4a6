"""The registry of functions says what the code needs: no service, distribution or file too few, and none too many."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from infra.aws.bundle import builder, imports, trim, wheels
from infra.aws.bundle.functions import FUNCTIONS, Function
from infra.aws.bundle.target import here
from remediators.registry import registry

# What makes or hands out a client by its name; `clients("ecs")` is the actions' way.
MAKERS = {"client", "clients", "_clients", "boto", "create_client"}
NO_SERVICE = {"postgres"}  # connections of our own, by a driver
NO_CALL = {"iam"}  # iam:PassRole is a right without a call
# Within a function that serialises pydantic's models, and no zip holds pydantic.
DEAD_END = {("aws_lambda_powertools.shared.functions", "aws_lambda_powertools.event_handler.openapi.compat._model_dump")}


@pytest.fixture(params=sorted(FUNCTIONS))
def function(request: pytest.FixtureRequest) -> Function:
    return FUNCTIONS[request.param]


def asked_for(path: Path) -> Iterator[str]:
    """Every client that a file asks for by its name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in MAKERS and isinstance(node.args[0].value, str):
                yield node.args[0].value


def folders(function: Function) -> Iterable[Path]:
    """Return the distributions of a function as pip unpacks them, nothing cut."""
    return wheels.fetched(wheels.pinned(function.requires), here(), builder.OUT / "wheels").values()


def reached(function: Function, find: imports.Find) -> Mapping[str, Path]:
    """Every module that the function's own modules reach by any import, late ones too."""
    own = builder.ours(function)
    roots = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in own]
    return imports.closure(roots, find)


def test_the_data_of_exactly_the_services_used_comes_along(function: Function) -> None:
    """Code that asks for a new client needs an entry in the registry: without its data there is no client."""
    used = {name for path in builder.ours(function).values() for name in asked_for(path)} - NO_SERVICE

    assert set(function.services) == used


def test_every_right_of_the_remediators_is_for_a_service_that_they_call() -> None:
    """Rights speak IAM's names and clients botocore's: a right for a service without data would be one that no code can use."""
    iam_names = {"elbv2": "elasticloadbalancing", "apigatewayv2": "apigateway"}
    known = {iam_names.get(name, name) for name in FUNCTIONS["remediators"].services}
    rights = {permission.action for spec in registry().specs().values() for permission in spec.permissions}

    assert {right.partition(":")[0] for right in rights} - NO_CALL <= known


def test_what_is_left_out_of_the_wheels_is_reached_by_no_import(function: Function) -> None:
    whole = imports.finder(builder.ROOT, *folders(function))

    def left_out(module: str) -> bool:
        return f"{module.replace('.', '/')}/".startswith(trim.LEFT_OUT)

    modules = reached(function, lambda name: None if left_out(name) else whole(name))
    asked = {(name, wanted) for name, path in modules.items() for wanted in imports.imported_by(name, path)}

    assert {(name, wanted) for name, wanted in asked if left_out(wanted)} <= DEAD_END


def test_every_distribution_is_reached(function: Function) -> None:
    unpacked = list(folders(function))
    files = [str(path) for path in reached(function, imports.finder(builder.ROOT, *unpacked)).values()]

    assert {folder.name for folder in unpacked if not any(path.startswith(f"{folder}/") for path in files)} == set()


def test_every_import_of_ours_is_in_the_zip_or_in_python(function: Function) -> None:
    """Late imports count too: they would fail in the middle of an incident, not at start."""
    own = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for name, path in builder.ours(function).items()
    }
    find = imports.finder(builder.ROOT, *folders(function))
    wanted = {(name, part) for name, path in own.items() for part in imports.imported_by(name, path)}
    tops = {top for _, part in wanted if find(top := part.partition(".")[0]) is None}

    assert tops <= set(sys.stdlib_module_names)
    assert {part for _, part in wanted if part.startswith(builder.ROOMS) and find(part) and part not in own} == set()
