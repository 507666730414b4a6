"""Takes personal data and secrets out of text, and the values out of a query: what is kept or shown never holds either.

``masked`` finds what has a form of its own: e-mail addresses, phone numbers (Korean, North American, any with ``+``), Korean
resident registration numbers, payment cards, passwords in URLs and settings, cookies, bearer tokens, JWTs, AWS, Slack and GitHub
keys, private keys. Names and postal addresses have no form: whoever keeps free text must know that. IP addresses stay, because
they are what an attack is told by; numbers of a document that are no text stay too.

Both take time linear in the text: what may be long is possessive and starts only where a run begins, all else is bounded. A
pattern is compiled when a text first holds what it could match: all of them would cost a tenth of a function's cold start.
Sources of the forms: Resident Registration Act, Enforcement Rules art. 2 (YYMMDD, then century and sex; the rest is random
since October 2020, so no check digit can be asked for); ISO/IEC 7812 (Luhn); IAM User Guide, "Unique identifiers";
PostgreSQL manual 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

SECRET, EMAIL, PHONE, RESIDENT, CARD = "[secret]", "[email]", "[phone]", "[resident-number]", "[card]"
DEEPEST = 30  # levels of a document; what is deeper is left out
PASSES = 6  # a mask may lay bare another one's form; one pass more than ever seen

Step = Callable[[str], str]


def masked(text: str) -> str:
    """Return ``text`` with personal data and secrets replaced by their kind in brackets; masking twice is masking once."""
    for _ in range(PASSES):
        before = text
        text = _pass(text)
        if text == before:
            break
    return text


def masked_document(value: Any, depth: int = 0) -> Any:
    """Return a JSON document with every text in it masked, keys too; what a secret's name stands before is masked whole."""
    if depth > DEEPEST:
        return None
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {masked(str(key)): _under(str(key), content, depth) for key, content in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked_document(item, depth + 1) for item in value]
    return value


def normalised(query: str) -> str:
    """Return a query's shape: literals as ``?``, comments dropped, white space folded, lists of literals collapsed, masked.

    Read as PostgreSQL reads it (dollar quotes, nested comments). A literal that was cut off reaches to the end.
    """
    for _ in range(PASSES):
        before = query
        shape = " ".join("".join(_tokens(query)).split())
        query = masked(re.sub(_ROWS, "(?)", re.sub(_LIST, "?", shape)))
        if query == before:
            break
    return query


# --- secrets --------------------------------------------------------------------------------------------------------------

_KEYS = (
    r"passw(?:or)?d|passphrase|\bpwd|pwd\b|(?<!\d:)secret(?!smanager)|token(?!s)|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|account[_-]?key|credentials?\b|signature|authorization"
)
_KEYED = (
    rf"(?P<key>(?:{_KEYS})[\w.-]{{0,32}}(?:\\{{0,8}}[\"'])?(?:\s*+(?::|=>?)\s*+|\s++(?='))|(?<![\w-])--[\w-]{{0,32}}(?:{_KEYS})[\w-]{{0,32}}\s++)"
    r"(?:(?P<escaped>\\{1,8}\")(?:(?!(?P=escaped)).)*+(?:(?P=escaped))?"
    r"|(?P<double>\")(?:[^\"\\]|\\.)*+\"?"
    r"|(?P<single>')(?:[^'\\]|''|\\.)*+'?"
    r"|(?:null|true|false|-?\d+(?:\.\d+)?|\[secret\])(?=\s*[,}\]])"
    r"|(?:bearer|basic|digest|negotiate)\s++\S++"
    r"|\S++)"
)
_COOKIES = r"(\bcookie\"?\s*+:\s*+\"?)[^\r\n\"]++"
_IN_URL = r"(://[^\s:/?#@\"'<>]{0,256}:)(?:(?!://)[^\s\"'<>]){1,1024}(?=@)"
_BEARER = r"(\bbearer\s++)[\w.~+/=-]{8,}+"
_DOTTED = r"(?<![\w-])[\w-]++(?:\.[\w-]*+)++"
_FORMS = (
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:(?!-----END).)*+(?:-----END [A-Z ]{0,40}-----)?"
    r"|(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])"
    r"|(?<![A-Za-z0-9+/=])(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{64,}+"
    r"|\bxox[a-z]-[\w-]{8,}+|\bxapp-[\w-]{8,}+|\bgh[pousr]_\w{20,}+|\bgithub_pat_\w{20,}+"
    r"|(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]++"
)
_FORTY = r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"


_FORMS_BEGIN = (
    *("private key", "akia", "asia", "abia", "acca", "iqoj", "fwog", "fqog", "xox", "xapp-", "hooks.slack.com"),
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
)
_KEYS_HOLD = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential", "signature", "authorization")


def _keyed(found: re.Match[str]) -> str:
    quote = found["escaped"] or found["double"] or found["single"] or ""
    return f"{found['key']}{quote}{SECRET}{quote}"


def _jwt(found: re.Match[str]) -> str:
    """Mask from the first segment that a JSON object's base64 begins in, where another follows."""
    start = found[0].find("eyJ")
    return found[0][:start] + SECRET if start >= 0 and len(found[0]) - start >= 16 and "." in found[0][start:] else found[0]


def _secret_key(found: re.Match[str]) -> str:
    """Mask forty characters that mix cases and digits: a commit's hash does not."""
    text = found[0]
    mixed = any(c.isdigit() for c in text) and any(c.islower() for c in text) and any(c.isupper() for c in text)
    return SECRET if mixed else text


def _under(key: str, content: Any, depth: int) -> Any:
    if isinstance(content, str) and re.search(_KEYS, key, re.IGNORECASE):
        return SECRET
    return masked_document(content, depth + 1)


# --- people ---------------------------------------------------------------------------------------------------------------

_LOCAL = r"[\w.+!#$^{|}~-]|%(?!40)"
_EMAIL = rf"(?<![\w.+!#$^{{|}}~%-])(?:{_LOCAL})++(?:@|%40)[\w-]++(?:\.[\w-]++)++"
_SEP = r"[-.\s‐-―−·]"
_PHONES = (
    rf"(?<!\d)(?:\(?(?:\+|00)\s?82\)?{_SEP}?(?:\(0\){_SEP}?|0)?\d{{1,2}}{_SEP}?\d{{3,4}}{_SEP}?\d{{4}}"
    rf"|\(?01[016-9]\)?{_SEP}?\d{{3,4}}{_SEP}?\d{{4}}"
    rf"|\(?0(?:2|[3-6]\d|70|80)\)?{_SEP}?\d{{3,4}}{_SEP}?\d{{4}}"
    rf"|\(?050\d\)?{_SEP}\d{{3,4}}{_SEP}\d{{4}}"
    rf"|\+\d(?:{_SEP}?\(?\d\)?){{7,14}}"
    r"|(?:\(\d{3}\)\s?|\d{3}[-.‐-―])\d{3}[-.‐-―]\d{4})(?!\d)"
)
_RESIDENT = rf"(?<!\d)(\d{{6}})(?:{_SEP}{{1,3}})?(\d)\d{{6}}(?!\d)"
_CENTURIES = {1: 1900, 2: 1900, 5: 1900, 6: 1900, 3: 2000, 4: 2000, 7: 2000, 8: 2000, 9: 1800, 0: 1800}
_GAP = r"[-\s‐-―−]"
_CARDS = (
    rf"(?<!\d)(?=(\d{{13,19}}(?!\d)|\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{1,7}}(?!\d)"
    rf"|\d{{4}}{_GAP}\d{{6}}{_GAP}\d{{4,5}}(?!\d)))"
)


def _resident(found: re.Match[str]) -> str:
    """Mask what begins with a day that was, in the century that the seventh digit tells."""
    year, month, day = (int(found[1][at : at + 2]) for at in (0, 2, 4))
    try:
        date(_CENTURIES[int(found[2])] + year, month, day)
    except ValueError:
        return found[0]
    return RESIDENT


def _cards(text: str) -> str:
    """Mask every run of digits, bare or in the groups that cards are printed in, that Luhn's sum holds for."""
    kept, at = [], 0
    for found in re.finditer(_CARDS, text):
        if found.start() >= at and _is_card(found[1]):
            kept += [text[at : found.start()], CARD]
            at = found.end(1)
    return "".join([*kept, text[at:]])


def _is_card(text: str) -> bool:
    digits = [int(character) for character in text if character.isdecimal()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    issued = digits[0] in (3, 4, 5, 6, 9) or (len(digits) == 16 and digits[0] == 2)
    return issued and sum(doubled) % 10 == 0


# Each step with what a text must hold, folded, for it to find anything. What holds another one inside comes first.
_MARKS: tuple[tuple[tuple[str, ...], Step], ...] = (
    (_FORMS_BEGIN, lambda text: re.sub(_FORMS, SECRET, text, flags=re.DOTALL)),
    (("cookie",), lambda text: re.sub(_COOKIES, rf"\1{SECRET}", text, flags=re.IGNORECASE)),
    (("://",), lambda text: re.sub(_IN_URL, rf"\1{SECRET}", text)),
    (_KEYS_HOLD, lambda text: re.sub(_KEYED, _keyed, text, flags=re.IGNORECASE | re.DOTALL)),
    (("bearer",), lambda text: re.sub(_BEARER, rf"\1{SECRET}", text, flags=re.IGNORECASE)),
    (("eyj",), lambda text: re.sub(_DOTTED, _jwt, text)),
    (("",), lambda text: re.sub(_FORTY, _secret_key, text) if len(text) >= 40 else text),
    (("@", "%40"), lambda text: re.sub(_EMAIL, EMAIL, text)),
)
_NUMBERS: tuple[Step, ...] = (
    _cards,
    lambda text: re.sub(_RESIDENT, _resident, text),
    lambda text: re.sub(_PHONES, PHONE, text),
)
FEWEST_DIGITS = 9


def _pass(text: str) -> str:
    folded = text.casefold()
    for marks, step in _MARKS:
        if any(mark in folded for mark in marks):
            text = step(text)
    if sum(map(str.isdecimal, text)) >= FEWEST_DIGITS:
        for step in _NUMBERS:
            text = step(text)
    return text


# --- queries --------------------------------------------------------------------------------------------------------------

_LEXEME = (
    r"(?P<space>\s++|--[^\n]*+)"
    r"|(?P<comment>/\*)"
    r"|(?P<dollar>\$(?:[^\W\d]\w{0,62})?\$)"
    r"|(?P<literal>[eE]'(?:[^'\\]|''|\\.)*+'?|(?:[bxnBXN]|[uU]&)?'(?:[^']|'')*+'?|\$\d++|(?:\d|\.\d)(?:[eE][+-]\d|[\w.])*+)"
    r"|(?P<kept>[^\W\d][\w$]*+|\"(?:[^\"]|\"\")*+\"?|.)"
)
_COMMENT_EDGE = r"/\*|\*/"
_LIST = r"[-+]?\?(?: ?, ?[-+]?\?)++"
_ROWS = r"\( ?\? ?\)(?: ?, ?\( ?\? ?\))++"


def _tokens(query: str) -> Iterator[str]:
    at, token = 0, re.compile(_LEXEME, re.DOTALL)
    while found := token.match(query, at):
        at = found.end()
        if found["comment"]:
            at = _after_comment(query, at)
            yield " "
        elif found["dollar"]:
            closed = query.find(found["dollar"], at)
            at = closed + len(found["dollar"]) if closed >= 0 else len(query)
            yield "?"
        else:
            yield " " if found["space"] else "?" if found["literal"] else found[0]


def _after_comment(query: str, at: int) -> int:
    """Return where the comment ends that was opened before ``at``; PostgreSQL's comments nest."""
    depth = 1
    for edge in re.compile(_COMMENT_EDGE).finditer(query, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(query)
