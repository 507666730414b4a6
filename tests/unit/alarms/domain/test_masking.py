"""What is kept or shown holds neither personal data nor secrets nor a query's values: planted values never come through."""

from __future__ import annotations

import json
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alarms.domain.masking import masked, masked_document, normalised

WORDS = st.text("abz 가나.,:;/=?&'\"(){}[]<>\n-_09", max_size=40)
DIGIT = st.sampled_from("0123456789")
SEPARATORS = st.sampled_from(["-", " ", "", "."])


def digits(count: int) -> st.SearchStrategy[str]:
    return st.lists(DIGIT, min_size=count, max_size=count).map("".join)


def luhn(body: str) -> str:
    """Return ``body`` with its check digit."""
    total = sum(digit * 2 - 9 * (digit > 4) if place % 2 == 0 else digit for place, digit in enumerate(map(int, reversed(body))))
    return body + str(-total % 10)


@st.composite
def mobiles(draw: Any) -> str:
    gap = draw(SEPARATORS)
    head = draw(st.sampled_from(["010", "011", "+82 10", "+82-10", "+8210", "+82(0)10", "0082-10"]))
    return f"{head}{gap}{draw(digits(4))}{gap}{draw(digits(4))}"


@st.composite
def landlines(draw: Any) -> str:
    area, gap = draw(st.sampled_from(["02", "031", "064", "070", "(02)"])), draw(st.sampled_from(["-", " ", ""]))
    return f"{area}{gap}{draw(st.sampled_from(['3', '4']).flatmap(lambda n: digits(int(n))))}{gap}{draw(digits(4))}"


@st.composite
def residents(draw: Any) -> str:
    day = draw(st.dates(min_value=date(1920, 1, 1), max_value=date(2025, 12, 31)))
    sex = draw(st.sampled_from("1256" if day.year < 2000 else "3478"))
    return f"{day:%y%m%d}{draw(st.sampled_from(['-', '', ' ', ' - ']))}{sex}{draw(digits(6))}"


@st.composite
def cards(draw: Any) -> str:
    number = luhn(draw(st.sampled_from(["4", "51", "35", "62", "94"])) + draw(digits(13)))[:16]
    number = luhn(number[:15])
    gap = draw(st.sampled_from(["", " ", "-"]))
    return gap.join(number[at : at + 4] for at in range(0, 16, 4))


LETTERS = st.text("abcdefghijkXYZ0123456789", min_size=6, max_size=20)
TAGS, DOMAINS = st.sampled_from(["", ".kim", "+tag", "_1"]), st.sampled_from(["com", "co.kr", "한국"])
EMAILS = st.builds("{}{}@{}.{}".format, LETTERS, TAGS, LETTERS, DOMAINS)
PASSWORDS = st.text("abcXYZ019!#$%^*+~.,:/@|", min_size=8, max_size=24).filter(lambda text: "://" not in text)
JWTS = st.builds("eyJ{}.eyJ{}.{}".format, LETTERS, LETTERS, LETTERS)
KEYS = st.builds("AKIA{}".format, st.text("ABCDEFGH234567", min_size=16, max_size=16))
PLANTED = st.one_of(mobiles(), landlines(), residents(), cards(), EMAILS, JWTS, KEYS)
OPENINGS = st.sampled_from(["password=", "token: ", "://", "bearer ", "Cookie: ", "eyJ", "+82"])
SQL = [
    *("select ", "1", "'a'", "'", '"', ",", "(", ")", "$$", "$1", "--", "/*", "*/", "\n", " ", "x2", "-", "?", ".5", "e+1"),
    *("E'\\'", "a@b.co"),
]


@settings(deadline=None, max_examples=400)
@given(WORDS, PLANTED, WORDS)
def test_a_planted_value_never_comes_through(before: str, planted: str, after: str) -> None:
    """In whatever text it stands, as long as its own characters do not run on into that text."""
    assert planted not in masked(f"{before} {planted} {after}")


@settings(deadline=None, max_examples=300)
@given(WORDS, PASSWORDS, WORDS)
@pytest.mark.parametrize(
    "form",
    [
        "password={}",
        "PGPASSWORD={}",
        "secret_key: {}",
        'user password="{}"',
        "password='{}'",
        "ALTER ROLE app PASSWORD '{}'",
        '{{"password": "{}", "x": 1}}',
        '{{\\"dbPassword\\":\\"{}\\"}}',
        "postgres://app:{}@db.example.com:5432/app",
        "redis://:{}@cache:6379",
        "Authorization: Bearer {}",
        "--db-password {} --host x",
    ],
)
def test_a_password_never_comes_through(form: str, before: str, password: str, after: str) -> None:
    hidden = masked(f"{before}\n{form.format(password)} {after}")

    assert password not in hidden.replace(before, "").replace(after, "") or password in before + after


@settings(deadline=None, max_examples=500)
@given(st.lists(st.one_of(WORDS, PLANTED, PASSWORDS, OPENINGS)).map("".join))
@example('"token":null,"m":"ok"')
@example("password=[secret],x")
def test_masking_twice_is_masking_once(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(SQL)).map("".join))
@example("a@b.co$$")
def test_a_query_normalised_twice_is_normalised_once(query: str) -> None:
    assert normalised(normalised(query)) == normalised(query)


SECRETS = st.text("QZJ가", min_size=4, max_size=12)


@settings(deadline=None, max_examples=200)
@given(SECRETS)
@pytest.mark.parametrize(
    "query",
    [
        "select * from users where name = '{}'",
        "select * from users where name = E'it\\'s {}'",
        "select * from users where name = $tag$ {} $tag$ and x = 1",
        "select 1 -- {}\nfrom t",
        "select 1 /* a /* {} */ b */ from t",
        "select * from users where name = 'cut off {}",
        "insert into users values ('{}'), ('x')",
    ],
)
def test_no_value_of_a_query_comes_through(query: str, value: str) -> None:
    assert value not in normalised(query.format(value))


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        ("SELECT  *\n FROM t WHERE a = 'x''y' AND b IN (1, 2,\n3)", "SELECT * FROM t WHERE a = ? AND b IN (?)"),
        ("insert into t values (1,'a'), (2,'b') , (-3, 'c')", "insert into t values (?)"),
        ('select a1, "Col1" from t2 where c = $1 and d = 1.5e-3', 'select a1, "Col1" from t2 where c = ? and d = ?'),
        ("select 0x1F, .5, b::int from t", "select ?, b::int from t"),
    ],
)
def test_a_query_keeps_its_shape(query: str, shape: str) -> None:
    assert normalised(query) == shape


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-31T15:00:00.000Z GET /orders/42 200 10.0.0.1 0.125",
        "arn:aws:ecs:ap-northeast-2:123456789012:service/image/image-api",
        "image@sha256:0a1b2c commit aa004d2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f",
        "not authorized to perform: secretsmanager:GetSecretValue on 5f1c2b3a-1111-2222-3333-444455556666",
        "1793458800000 20261031150000 123456-1234567 991332-1234567",
        "4111 1111 1111 1112 prompt_tokens=500 82.5 91.2 77.0",
    ],
)
def test_what_an_engineer_needs_stays(text: str) -> None:
    assert masked(text) == text


def test_a_document_is_masked_through_and_through() -> None:
    document = {
        "sessions": [{"query": "select 1 where phone = 010-1234-5678", "application": "api", "pid": 17, "db_password": "x1"}],
        "min@example.com": {"idle": True, "password": None},
    }

    assert masked_document(document) == {
        "sessions": [{"query": "select 1 where phone = [phone]", "application": "api", "pid": 17, "db_password": "[secret]"}],
        "[email]": {"idle": True, "password": None},
    }


def test_a_document_without_end_is_cut() -> None:
    document: list[Any] = []
    for _ in range(5000):
        document = [document]

    assert len(json.dumps(masked_document(document))) < 200


HOSTILE = [
    *(
        "a",
        "1",
        "a@",
        "eyJ",
        "eyJ.",
        "password",
        "password=",
        'password="',
        "://",
        "://a:",
        "-",
        "bearer ",
        "1234 ",
        "+1",
        "(",
        "\\",
    ),
    *(
        'token\\"',
        "%40",
        "-----BEGIN PRIVATE KEY-----",
        ".",
        "a.b",
        "cookie: ",
        "token \n",
        "token        ",
        "--token",
        "'",
        "$a$",
    ),
    *("/*", "--", "e'", "?,", "(?),", '"\\'),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_is_slow_to_mask(piece: str) -> None:
    """Twice the text takes about twice the time: a quadratic pattern would take minutes here."""
    text = piece * (100_000 // len(piece))
    started = time.perf_counter()
    masked(text)
    normalised(text)

    assert time.perf_counter() - started < 5
