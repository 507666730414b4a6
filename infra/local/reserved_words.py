"""Refuses a DynamoDB expression that names an attribute by a reserved word, as AWS does; moto looks at update expressions only.

Source: docs.aws.amazon.com, "Reserved words in DynamoDB"; the list is moto's copy of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from infra.local.aws_error import AwsError

# Words that belong to the language itself. Functions are told by their bracket.
SYNTAX = frozenset({"ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"})
_NAME = re.compile(r"(?<![:#\w.])([A-Za-z_]\w*)\b(?!\s*\()")


def refusal(params: Mapping[str, Any]) -> AwsError | None:
    """Return AWS's refusal of a call with these parameters; None when no expression in them holds a reserved word."""
    for kind, expression in _expressions(params):
        word = reserved(expression)
        if word:
            message = f"Invalid {kind}: Attribute name is a reserved keyword; reserved keyword: {word}"
            return AwsError("ValidationException", message)
    return None


@cache
def reserved(expression: str) -> str:
    """Return the first reserved word that stands as a name in ``expression``, "" when there is none."""
    known = {word.upper() for word in ReservedKeywords.get_reserved_keywords()}
    names = (found.group(1) for found in _NAME.finditer(expression))
    return next((name for name in names if name.upper() in known and name.upper() not in SYNTAX), "")


def _expressions(value: object) -> Iterator[tuple[str, str]]:
    """Find the expressions of a request, also those inside a transaction; attribute values hold none."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if isinstance(member, str) and str(name).endswith("Expression"):
                yield str(name), member
            elif name in ("TransactItems", "RequestItems", "Put", "Update", "Delete", "ConditionCheck"):
                yield from _expressions(member)
    elif isinstance(value, list):
        for member in value:
            yield from _expressions(member)
