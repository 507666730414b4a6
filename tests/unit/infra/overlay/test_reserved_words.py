"""What AWS refuses because of a reserved word, the embedded AWS refuses: or a query that works here fails there."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded
from infra.local.reserved_words import reserved

KEY = {"AttributeName": "subject", "KeyType": "HASH"}, {"AttributeName": "item", "KeyType": "RANGE"}
VALUES = {":s": {"S": "x"}, ":i": {"S": "y"}}
BARE, NAMED = "subject = :s AND item < :i", "subject = :s AND #item < :i"


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        (BARE, "item"),
        (NAMED, ""),
        ("attribute_not_exists(pk) OR Version = :status", ""),
        ("SET a = :b REMOVE c ADD d :e", ""),
        ("SET #s = if_not_exists(#s, :zero), status = :status", "status"),
        ("NOT contains(values, :tag) AND size(x) > :n", "values"),
    ],
)
def test_words_of_the_language_names_and_values_are_told_apart(expression: str, word: str) -> None:
    assert reserved(expression) == word


@pytest.fixture
def table(aws: Embedded) -> Any:
    dynamodb = aws.client("dynamodb")
    kinds = [{"AttributeName": key["AttributeName"], "AttributeType": "S"} for key in KEY]
    dynamodb.create_table(TableName="t", KeySchema=list(KEY), AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST")
    return dynamodb


def test_a_query_with_a_reserved_word_is_refused_and_one_with_a_name_for_it_is_answered(table: Any) -> None:
    with pytest.raises(ClientError, match="reserved keyword: item"):
        table.query(TableName="t", KeyConditionExpression=BARE, ExpressionAttributeValues=VALUES)
    named = {"KeyConditionExpression": NAMED, "ExpressionAttributeNames": {"#item": "item"}}
    assert table.query(TableName="t", ExpressionAttributeValues=VALUES, **named)["Items"] == []


def test_a_transaction_is_looked_into(table: Any) -> None:
    item = {"subject": {"S": "a"}, "item": {"S": "b"}}
    put = {"TableName": "t", "Item": item, "ConditionExpression": "attribute_not_exists(subject)"}
    table.transact_write_items(TransactItems=[{"Put": put}])
    with pytest.raises(ClientError, match="reserved keyword: item"):
        table.transact_write_items(TransactItems=[{"Put": {**put, "ConditionExpression": "attribute_not_exists(item)"}}])
