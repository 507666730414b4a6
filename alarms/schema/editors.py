"""The JSON Schema of a catalogue's files, for editors: completion and checks while typing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from alarms.domain.action import Actions, Parameter, ParameterKind
from alarms.kinds import DEFAULT, kinds
from alarms.schema.files import OverrideModel, RowsFile, ServiceFile, StandModel, TocsinFile
from alarms.schema.rows import row_model

_WRITTEN: Mapping[ParameterKind, dict[str, Any]] = {
    ParameterKind.COUNT: {"type": "integer", "minimum": 1},
    ParameterKind.NUMBER: {"type": "number", "exclusiveMinimum": 0},
    ParameterKind.FLAG: {"type": "boolean"},
    ParameterKind.TEXTS: {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
    ParameterKind.DURATION: {"type": "string", "examples": ["10 m"]},
    ParameterKind.PERCENT: {"type": "string", "examples": ["25 %"]},
    ParameterKind.TEXT: {"type": "string", "minLength": 1},
}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FILES: dict[str, type[Any]] = {"rows": RowsFile, "service": ServiceFile, "tocsin": TocsinFile}

Schema = dict[str, Any]


def json_schema(file: str, actions: Actions) -> Schema:
    """Return the JSON Schema of ``rows``, ``service``, ``tocsin`` files, or of ``any`` of them."""
    definitions = _definitions(actions)
    names = [model.__name__ for model in _FILES.values()] if file == "any" else [_FILES[file].__name__]
    wanted = [{"$ref": f"#/$defs/{name}"} for name in names]
    body: Schema = wanted[0] if len(wanted) == 1 else {"anyOf": wanted}
    return {"$schema": DIALECT, "title": "tocsin", **body, "$defs": definitions}


def _definitions(actions: Actions) -> Schema:
    row_models = {kind: row_model(kind) for kind in kinds()}
    models: list[type[Any]] = [*_FILES.values(), OverrideModel, StandModel, *row_models.values()]
    found = models_json_schema([(model, "validation") for model in models])[1]["$defs"]
    definitions: Schema = copy.deepcopy(found)
    stand = definitions.pop("StandModel")["properties"]
    rows = {kind: definitions.pop(model.__name__) for kind, model in row_models.items()}
    definitions["Row"] = _any_row(rows, stand)
    definitions["Override"] = _override(rows, definitions.pop("OverrideModel")["properties"])
    definitions["RowsFile"]["properties"]["alarms"]["items"] = {"$ref": "#/$defs/Row"}
    definitions["RowsFile"]["properties"]["defaults"] = {"$ref": "#/$defs/Override"}
    definitions["UseModel"]["properties"]["overrides"]["additionalProperties"] = {"$ref": "#/$defs/Override"}
    by_row = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Override"}}
    definitions["ServiceStageModel"]["properties"]["overrides"]["additionalProperties"] = by_row
    definitions["StepModel"]["properties"]["action"]["enum"] = sorted(actions.specs())
    definitions["StepModel"]["properties"]["with"]["properties"] = _parameters(actions)
    return definitions


def _any_row(rows: Mapping[str, Schema], stand: Schema) -> Schema:
    """Return one schema per kind, told apart by ``kind``. What a file's defaults may say is not required here."""
    shapes = []
    for kind, schema in rows.items():
        properties = {**schema["properties"], **stand, "kind": {"const": kind, "description": schema.get("description", "")}}
        required = ["id", *(["kind"] if kind != DEFAULT else [])]
        shapes.append({"type": "object", "properties": properties, "required": required, "additionalProperties": False})
    return {"anyOf": shapes}


def _override(rows: Mapping[str, Schema], own: Schema) -> Schema:
    properties: Schema = {}
    for schema in rows.values():
        properties |= schema["properties"]
    properties["remediate"] = {
        "description": "a list that replaces the row's, or a map by action that changes single steps",
        "anyOf": [
            {"type": "array", "items": {"$ref": "#/$defs/StepModel"}},
            {"type": "object", "additionalProperties": {"type": "object"}},
        ],
    }
    return {"type": "object", "properties": {**properties, **own}, "additionalProperties": False}


def _parameters(actions: Actions) -> Schema:
    """Return every action's parameters by name; one that several actions have may be any of theirs."""
    found: dict[str, list[Schema]] = {}
    for spec in actions.specs().values():
        for parameter in spec.parameters:
            described = {"description": f"{spec.name}: {parameter.summary}", **_value(parameter)}
            found.setdefault(parameter.name, []).append(described)
    return {name: shapes[0] if len(shapes) == 1 else {"anyOf": shapes} for name, shapes in found.items()}


def _value(parameter: Parameter) -> Schema:
    """Return the schema of what is written for ``parameter``."""
    return {**_WRITTEN[parameter.kind], **({} if parameter.maximum is None else {"maximum": parameter.maximum})}
