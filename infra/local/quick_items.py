"""Writes items of DynamoDB faster than moto does: a fifth of the time that a long run takes.

moto looks for each of the eleven members of an AttributeValue under several names, for every attribute of every item.
"""

from __future__ import annotations

from typing import Any

from moto.core.model import StructureShape
from moto.core.serialize import BaseJSONSerializer

# The kinds of value whose form in moto's store is their form on the wire.
PLAIN = frozenset({"S", "N", "BOOL", "NULL"})

_slowly = BaseJSONSerializer._serialize_type_structure


def attribute_value_first(self: Any, serialized: Any, value: Any, shape: StructureShape, key: str) -> None:
    """Stand in for moto's method of a structure: a plain AttributeValue is taken as it is, all else goes moto's way."""
    if key and shape.name == "AttributeValue" and type(value) is dict and value.keys() <= PLAIN:
        self._default_serialize(serialized, value, shape, key)
    else:
        _slowly(self, serialized, value, shape, key)
