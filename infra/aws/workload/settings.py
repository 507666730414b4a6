"""What each container reads from its environment, once, at its start.

``API``, ``CONSUMER`` and ``MIGRATION`` list the variables of the three containers: a task definition is built from them, and what
is not listed there is not read. Three of them are ECS's to inject: ``DATABASE_SECRET`` (the secret's JSON text, as RDS writes it:
``{"username", "password", …}``), ``IMAGE_SETTINGS`` (the text of the parameter ``/image/settings``) and, on Fargate,
``AWS_REGION``. Whatever is wrong is said in one line, with all of its reasons, before anything is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

Environ = Mapping[str, str]

MIB = 2**20
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# What every RDS certificate is signed by; the container definitions put it there.
AUTHORITIES = "/etc/ssl/certs/rds-global-bundle.pem"
TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{0,30}/")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?", re.ASCII)
# [Amazon S3 user guide, General purpose bucket naming rules]
BUCKET = re.compile(r"(?!xn--)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]")


class CannotStart(Exception):
    """The environment is not one that the container can run in; ``str(error)`` is one line with every reason."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: ``default`` is None where it must be set; ``injected`` is what ECS takes from a secret or a parameter."""

    name: str
    means: str
    default: str | None = None
    injected: bool = False

    @property
    def required(self) -> bool:
        """Whether the container refuses to start without it."""
        return self.default is None


DATABASE = (
    Variable("DATABASE_HOST", "host name of the cluster's writer endpoint"),
    Variable("DATABASE_NAME", "name of the database"),
    Variable("DATABASE_SECRET", 'JSON text of the secret, {"username": …, "password": …}', injected=True),
    Variable("DATABASE_PORT", "its port", "5432"),
    Variable("DATABASE_TLS", "verify, or off (on loopback only)", "verify"),
    Variable("DATABASE_AUTHORITIES", "file of certificates to trust; empty for the machine's own", AUTHORITIES),
)
STORE = (
    Variable("AWS_REGION", "region of the bucket and the queue"),
    Variable("UPLOAD_BUCKET", "name of the bucket"),
    Variable("UPLOAD_PREFIX", "where uploads stand in it", "uploads/"),
    Variable("THUMBNAIL_PREFIX", "where thumbnails stand in it", "thumbnails/"),
    Variable("AWS_ENDPOINT_URL", "another address than AWS's own; http on loopback only", ""),
    Variable("IMAGE_SETTINGS", "JSON text of the settings' parameter", "{}", injected=True),
    Variable("STOP_WITHIN_S", "seconds from SIGTERM to SIGKILL (stopTimeout of the container)", "30"),
)
API = (
    *STORE,
    *DATABASE,
    Variable("DATABASE_CONNECTIONS", "connections that one task may hold (connections_per_task of image-api)", "10"),
    Variable("LISTEN_HOST", "address to listen at; 0.0.0.0 in a container", "127.0.0.1"),
    Variable("LISTEN_PORT", "port to listen at", "8080"),
    Variable("ALLOWED_ORIGINS", "origins of pages that may call from a browser, with commas between", ""),
    Variable("DRAIN_S", "seconds to serve on after SIGTERM, until the load balancer has looked away", "5"),
)
CONSUMER = (
    *STORE,
    *DATABASE,
    Variable(
        "DATABASE_CONNECTIONS", "images worked on at once, each with a connection (connections_per_task of image-consumer)", "8"
    ),
    Variable("QUEUE_URL", "address of the queue that the bucket notifies"),
    Variable("VISIBILITY_S", "seconds for which a message is hidden at a time; renewed while its image is worked on", "60"),
    Variable("HEALTH_PORT", "port on loopback at which the container's health check asks; 0 for none", "8081"),
    Variable("SIMULATED_COST_S", "seconds that each image takes at least: for demonstrations", "0"),
)
MIGRATION = DATABASE


@dataclass(frozen=True, slots=True)
class Database:
    """Where the database is and who connects. ``tls`` is False on loopback only; ``connections`` is how many at most."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    tls: bool
    authorities: str
    connections: int = 1


@dataclass(frozen=True, slots=True)
class ImageRules:
    """What an upload may be: the parameter's text, every member optional. Sizes in bytes and pixels, times in seconds.

    ``thumbnails`` are the longest edges to make, in pixels.
    """

    types: tuple[str, ...] = TYPES
    most_bytes: int = 20 * MIB
    most_pixels: int = 24_000_000
    form_expires_s: int = 300
    link_expires_s: int = 300
    thumbnails: tuple[int, ...] = (128, 512, 1024)


@dataclass(frozen=True, slots=True)
class Store:
    """The bucket, its two prefixes, and what may come into it. ``endpoint`` is "" for AWS's own."""

    region: str
    bucket: str
    uploads: str
    thumbnails: str
    endpoint: str
    rules: ImageRules


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """What the API reads. Times in seconds."""

    store: Store
    database: Database
    host: str
    port: int
    drain_s: float
    stop_within_s: float
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    """What the consumer reads. Times in seconds."""

    store: Store
    database: Database
    queue_url: str
    visibility_s: int
    health_port: int
    simulated_cost_s: float
    stop_within_s: float


def api(environ: Environ) -> ApiSettings:
    """Read the API's environment; CannotStart with everything that is wrong with it."""
    given = _Given("image-api", environ, API)
    drain, stop = given.number("DRAIN_S", 0, 60), given.number("STOP_WITHIN_S", 1, 120)
    if drain >= stop:
        given.wrong("DRAIN_S", f"below STOP_WITHIN_S ({stop:g})", drain)
    settings = ApiSettings(
        store=_store(given),
        database=_database(given, connections=given.whole("DATABASE_CONNECTIONS", 1, 100)),
        host=given.text("LISTEN_HOST"),
        port=given.whole("LISTEN_PORT", 0, 65_535),
        drain_s=drain,
        stop_within_s=stop,
        origins=_origins(given),
    )
    given.finish()
    return settings


def consumer(environ: Environ) -> ConsumerSettings:
    """Read the consumer's environment; CannotStart with everything that is wrong with it."""
    given = _Given("image-consumer", environ, CONSUMER)
    settings = ConsumerSettings(
        store=_store(given),
        database=_database(given, connections=given.whole("DATABASE_CONNECTIONS", 1, 100)),
        queue_url=_address(given, "QUEUE_URL"),
        # [SQS API reference, ChangeMessageVisibility: at most 12 hours]
        visibility_s=given.whole("VISIBILITY_S", 2, 43_200),
        health_port=given.whole("HEALTH_PORT", 0, 65_535),
        simulated_cost_s=given.number("SIMULATED_COST_S", 0, 60),
        stop_within_s=given.number("STOP_WITHIN_S", 1, 120),
    )
    given.finish()
    return settings


def migration(environ: Environ) -> Database:
    """Read what a migration of the schema needs; CannotStart with everything that is wrong with it."""
    given = _Given("migration", environ, MIGRATION)
    database = _database(given, connections=1)
    given.finish()
    return database


class _Given:
    """One container's environment, and what was found wrong with it. An empty value is one that is not set."""

    def __init__(self, container: str, environ: Environ, variables: tuple[Variable, ...]) -> None:
        self._container = container
        self._environ = environ
        self._known = {variable.name: variable for variable in variables}
        self._problems: list[str] = []

    def text(self, name: str) -> str:
        """Return the value; "" when it is missing, which is noted."""
        variable = self._known[name]
        # What is set to nothing is not set, but for what may be empty: an empty authorities file means the machine's own.
        value = self._environ.get(name, variable.default or "").strip()
        if not value and variable.required:
            self._problems.append(f"{name} is not set ({variable.means})")
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """Return a whole number; ``least`` when it is none."""
        text = self.text(name)
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            return int(text)
        self.wrong(name, f"a whole number from {least} to {most}", text)
        return least

    def number(self, name: str, least: float, most: float) -> float:
        """Return a number; ``least`` when it is none."""
        text = self.text(name)
        if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII) and least <= float(text) <= most:
            return float(text)
        self.wrong(name, f"a number from {least:g} to {most:g}", text)
        return least

    def wrong(self, name: str, wanted: str, found: object = None) -> None:
        """Note that a value is not what is wanted; ``found`` is not shown where it may be a secret."""
        if self._environ.get(name) or not self._known[name].required:
            shown = "" if found is None else f", not {str(found)[:60]!r}"
            self._problems.append(f"{name} must be {wanted}{shown}")

    def finish(self) -> None:
        """Raise CannotStart when anything was wrong."""
        if self._problems:
            raise CannotStart(f"{self._container} cannot start: {'; '.join(self._problems)}")


def _store(given: _Given) -> Store:
    bucket, uploads, thumbnails = given.text("UPLOAD_BUCKET"), given.text("UPLOAD_PREFIX"), given.text("THUMBNAIL_PREFIX")
    if bucket and not BUCKET.fullmatch(bucket):
        given.wrong("UPLOAD_BUCKET", "the name of a bucket", bucket)
    for name, prefix in (("UPLOAD_PREFIX", uploads), ("THUMBNAIL_PREFIX", thumbnails)):
        if not PREFIX.fullmatch(prefix):
            given.wrong(name, "one folder in small letters, like uploads/", prefix)
    if uploads == thumbnails:
        given.wrong("THUMBNAIL_PREFIX", "another folder than UPLOAD_PREFIX: each thumbnail would be an upload again", thumbnails)
    return Store(given.text("AWS_REGION"), bucket, uploads, thumbnails, _address(given, "AWS_ENDPOINT_URL"), _rules(given))


def _origins(given: _Given) -> tuple[str, ...]:
    text = given.text("ALLOWED_ORIGINS")
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    if not all(ORIGIN.fullmatch(origin) for origin in origins):
        given.wrong("ALLOWED_ORIGINS", "origins like https://shop.example.com", text)
    return origins


def _address(given: _Given, name: str) -> str:
    """Return an address: https, or http on loopback."""
    address = given.text(name)
    if not address:
        return ""
    try:
        parts = urlsplit(address)
        safe = bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
    except ValueError:
        safe = False
    if not safe:
        given.wrong(name, "an https address (http on loopback only)", address)
    return address


def _database(given: _Given, *, connections: int) -> Database:
    host, name, tls = given.text("DATABASE_HOST"), given.text("DATABASE_NAME"), given.text("DATABASE_TLS")
    if tls not in ("verify", "off"):
        given.wrong("DATABASE_TLS", "verify or off", tls)
    if tls == "off" and host and host not in LOOPBACK:
        given.wrong("DATABASE_TLS", f"verify: {host} is not on loopback", tls)
    user, password = _credentials(given)
    return Database(
        host=host,
        port=given.whole("DATABASE_PORT", 1, 65_535),
        name=name,
        user=user,
        password=password,
        tls=tls != "off",
        authorities=given.text("DATABASE_AUTHORITIES"),
        connections=connections,
    )


def _credentials(given: _Given) -> tuple[str, str]:
    """Return who connects and the password. Nothing of a secret is ever shown."""
    text = given.text("DATABASE_SECRET")
    document = _object(text)
    user, password = document.get("username"), document.get("password")
    if not (isinstance(user, str) and user and isinstance(password, str) and password):
        given.wrong("DATABASE_SECRET", 'JSON like {"username": "…", "password": "…"}')
        return "", ""
    return user, password


def _object(text: str) -> dict[str, Any]:
    """Return a JSON object; {} for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


# What each number of the rules may be. A form lives as long as S3 lets one live: the signing credentials of a task last hours.
_BOUNDS = {
    "most_bytes": (1, 100 * MIB),
    "most_pixels": (1, 80_000_000),  # below what Pillow itself warns of
    "form_expires_s": (30, 3600),
    "link_expires_s": (30, 3600),
}


def _rules(given: _Given) -> ImageRules:
    """Read the parameter's text: known members only, each within its bounds."""
    text = given.text("IMAGE_SETTINGS") or "{}"
    document = _object(text)
    if not document and text.replace(" ", "") != "{}":
        given.wrong("IMAGE_SETTINGS", "a JSON object", text)
    known = {each.name for each in fields(ImageRules)}
    if unknown := sorted(document.keys() - known):
        given.wrong("IMAGE_SETTINGS", f"made of {', '.join(sorted(known))}", ", ".join(unknown))
    rules = ImageRules()
    for name, value in document.items():
        if name in _BOUNDS:
            least, most = _BOUNDS[name]
            if not _whole(value, least, most):
                given.wrong("IMAGE_SETTINGS", f"with {name} from {least} to {most}", value)
            else:
                rules = replace(rules, **{name: value})
    types, edges = document.get("types", list(TYPES)), document.get("thumbnails", list(rules.thumbnails))
    if not (isinstance(types, list) and types and set(map(str, types)) <= set(TYPES)):
        given.wrong("IMAGE_SETTINGS", f"with types a list out of {', '.join(TYPES)}", types)
        types = list(TYPES)
    if not (isinstance(edges, list) and 0 < len(edges) <= 8 and all(_whole(edge, 16, 4096) for edge in edges)):
        given.wrong("IMAGE_SETTINGS", "with thumbnails a list of one to eight edges from 16 to 4096", edges)
        edges = list(rules.thumbnails)
    return replace(rules, types=tuple(types), thumbnails=tuple(sorted(set(edges))))


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
