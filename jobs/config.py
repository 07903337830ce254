"""Property groups of the job: read once at start, every value checked, secrets only by reference.

The file has the shape that Managed Flink mounts at /etc/flink/application_properties.json: a list of groups, each
with a `PropertyGroupId` and a `PropertyMap` of texts. A value may be a reference: `env:NAME` is read from the
environment, `secretsmanager:ID` or `secretsmanager:ID#KEY` (a key of a JSON secret) from AWS Secrets Manager.
"""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta
from psycopg.conninfo import make_conninfo

from udfs.errors import SluiceError

PROPERTIES: Final = Path("/etc/flink/application_properties.json")
"""Where Managed Flink mounts the properties; SLUICE_PROPERTIES names another file."""

FLINK_GROUPS: Final = "kinesis.analytics."
"""Groups of this prefix belong to the service itself (entry point, jar) and are left to it."""

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.\-]+$")]
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Positive = Annotated[int, Meta(ge=1)]


class Secret(str):
    """A text that never shows itself in a log or a traceback's repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(***)"


class ConfigError(SluiceError):
    """A property that cannot be used: which group and key, what was expected, and what was found."""

    def __init__(self, file: str, group: str, key: str, expected: str, got: str) -> None:
        self.file, self.group, self.key, self.expected, self.got = file, group, key, expected, got
        super().__init__(f"{file}: group `{group}`, key `{key}`: expected {expected}, got {got}")


class ConfigErrors(ConfigError):
    """All faults of a property file; as one ConfigError it stands for the first."""

    def __init__(self, errors: list[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.file, first.group, first.key, first.expected, first.got)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(error.args[0] for error in self.errors)


class Aws(msgspec.Struct, frozen=True, kw_only=True):
    """Where the AWS APIs are. `endpoint` empty: the region's public endpoints; locally the embedded server's URL."""

    region: Name
    endpoint: str = ""
    path_style: bool = msgspec.field(default=False, name="s3.path.style")


class Kinesis(msgspec.Struct, frozen=True, kw_only=True):
    """The two streams the job reads, and where it begins when it starts without a checkpoint."""

    devices: Name = msgspec.field(default="device-data", name="stream.devices")
    masters: Name = msgspec.field(default="master-cdc", name="stream.masters")
    initial_position: Literal["TRIM_HORIZON", "LATEST"] = msgspec.field(default="TRIM_HORIZON", name="initial.position")


class DocumentDb(msgspec.Struct, frozen=True, kw_only=True):
    """Hot and warm documents. `uri` holds credentials, so it is a reference."""

    uri: Secret
    database: Identifier = "sluice"
    ttl_days: Positive = msgspec.field(default=10, name="ttl.days")


class Aurora(msgspec.Struct, frozen=True, kw_only=True):
    """Master data and alarms: writes go to `write.host`, the bootstrap reads from `read.host`."""

    write_host: Name = msgspec.field(name="write.host")
    read_host: Name = msgspec.field(name="read.host")
    port: Annotated[int, Meta(ge=1, le=65535)] = 5432
    database: Identifier = "sluice"
    user: Name
    password: Secret
    sslmode: Literal["disable", "prefer", "require", "verify-full"] = "require"

    def conninfo(self, host: str) -> str:
        """How libpq reaches `host`, one of the two endpoints. It holds the password: never log it."""
        login = {"dbname": self.database, "user": self.user, "password": self.password, "sslmode": self.sslmode}
        return make_conninfo(host=host, port=self.port, **login)


class Lake(msgspec.Struct, frozen=True, kw_only=True):
    """Iceberg tables on S3 in the Glue catalog."""

    warehouse: Annotated[str, Meta(pattern=r"^s3://[A-Za-z0-9.\-]+(/[A-Za-z0-9._/\-]*)?$")]
    database: Identifier = "sluice"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Event time, duplicates, enrichment, rules. A message older than the watermark is stored, but judged by no rule.

    Every subtask holds all devices; with `enrich.mode` keyed, for large fleets, only those whose messages it gets.
    A rule file with a fault is logged and left out; with `rules.strict` the job does not start. An alarm waits
    `notify.wait.seconds` for others of its rule and site, or for what explains it, before operators are notified.
    """

    watermark_delay: Positive = msgspec.field(default=5, name="watermark.delay.seconds")
    idle_timeout: Positive = msgspec.field(default=10, name="idle.timeout.seconds")
    dedupe_hours: Positive = msgspec.field(default=48, name="dedupe.hours")
    strict_rules: bool = msgspec.field(default=False, name="rules.strict")
    enrich_mode: Literal["broadcast", "keyed"] = msgspec.field(default="broadcast", name="enrich.mode")
    notify_wait: Positive = msgspec.field(default=30, name="notify.wait.seconds")
    notify_every: Positive = msgspec.field(default=300, name="notify.update.seconds")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All groups; the group `sluice.kinesis` is the field `kinesis`."""

    aws: Aws
    kinesis: Kinesis
    documentdb: DocumentDb
    aurora: Aurora
    lake: Lake
    job: Job

    def placeholders(self) -> dict[str, str]:
        """Every property as `group.key`, for the SQL files; with it the endpoints and URLs that follow from several."""
        values = {
            f"{group.name}.{field.encode_name}": _text(getattr(getattr(self, group.name), field.name))
            for group in msgspec.structs.fields(Config)
            for field in msgspec.structs.fields(group.type)
        }
        for service in ("kinesis", "s3", "glue"):
            values[f"aws.{service}.endpoint"] = (
                self.aws.endpoint or f"https://{service}.{self.aws.region}.amazonaws.com"
            )
        aurora = self.aurora
        address = f"{aurora.write_host}:{aurora.port}/{aurora.database}"
        # One INSERT of many rows instead of many of one: a flush of Flink's holds no key twice, which it would refuse.
        options = f"sslmode={aurora.sslmode}&reWriteBatchedInserts=true"
        return values | {"aurora.write.url": f"jdbc:postgresql://{address}?{options}"}


def properties_file() -> Path:
    return Path(os.environ.get("SLUICE_PROPERTIES", PROPERTIES))


def load_config(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The checked configuration in `path`; raises ConfigErrors, which names every fault at once."""
    groups = _read_groups(path)
    errors: list[ConfigError] = [*_unknown_groups(str(path), groups)]
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Config):
        group = f"sluice.{field.name}"
        reader = _GroupReader(str(path), group, groups.get(group, {}), environment, values.get("aws"))
        values[field.name] = reader.read(field.type)
        errors += reader.errors
    if errors:
        raise ConfigErrors(errors)
    return Config(**values)


def _read_groups(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {group["PropertyGroupId"]: dict(group["PropertyMap"]) for group in document}
    except FileNotFoundError as error:
        raise ConfigError(str(path), "*", "*", "a property file", "none; set SLUICE_PROPERTIES to its path") from error
    except (ValueError, TypeError, KeyError) as error:
        expected = 'a JSON list of {"PropertyGroupId": ..., "PropertyMap": {...}}'
        raise ConfigError(str(path), "*", "*", expected, f"{type(error).__name__}: {error}") from error


def _unknown_groups(file: str, groups: Mapping[str, object]) -> Iterator[ConfigError]:
    known = [f"sluice.{field.name}" for field in msgspec.structs.fields(Config)]
    for group in groups:
        if group not in known and not group.startswith(FLINK_GROUPS):
            yield ConfigError(file, group, "*", f"one of the groups {', '.join(known)}", f"`{group}`")


class _GroupReader:
    """Reads one group into its struct and keeps what is wrong with it; `aws` says where Secrets Manager is."""

    def __init__(
        self, file: str, group: str, given: Mapping[str, Any], environment: Mapping[str, str], aws: Aws | None
    ) -> None:
        self.file, self.group, self.given, self.environment, self.aws = file, group, given, environment, aws
        self.errors: list[ConfigError] = []

    def read(self, struct: type[msgspec.Struct]) -> Any:
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        self._refuse_unknown_keys(list(fields))
        values = {field.name: self._value(key, field) for key, field in fields.items()}
        return None if self.errors else struct(**{name: v for name, v in values.items() if v is not msgspec.UNSET})

    def _refuse_unknown_keys(self, known: list[str]) -> None:
        for key in sorted(self.given.keys() - set(known)):
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"it knows {', '.join(known)}"
            self._fault(key, "a key of this group", f"an unknown key; {hint}")

    def _value(self, key: str, field: Any) -> Any:
        if key not in self.given:
            if field.required:
                self._fault(key, _describe(field.type), "nothing; the key is required")
            return msgspec.UNSET
        text = self.given[key]
        if not isinstance(text, str):
            expected = "a text in quotes, as the service gives every value"
            self._fault(key, expected, f"JSON of type {type(text).__name__}")
            return msgspec.UNSET
        if field.type is Secret and not text.startswith(("env:", "secretsmanager:")):
            self._fault(key, _describe(Secret), "a literal; never put a secret in a file")
            return msgspec.UNSET
        resolved = self._resolve(key, text)
        if resolved is None:
            return msgspec.UNSET
        if field.type is Secret:
            return Secret(resolved)
        try:
            return msgspec.convert(resolved, field.type, strict=False)
        except msgspec.ValidationError:
            self._fault(key, _describe(field.type), repr(resolved))
            return msgspec.UNSET

    def _resolve(self, key: str, text: str) -> str | None:
        kind, _, reference = text.partition(":")
        if kind == "env":
            if reference not in self.environment:
                self._fault(key, f"the environment variable {reference}", "none; set it")
                return None
            return self.environment[reference]
        return self._secret(key, reference) if kind == "secretsmanager" else text

    def _secret(self, key: str, reference: str) -> str | None:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError

        # An ARN has colons of its own; only `#` parts the key of a JSON secret from its id.
        secret_id, _, json_key = reference.partition("#")
        # boto3 reads no region from AWS_REGION, the name that the service sets; the property file has it.
        region, endpoint = (self.aws.region, self.aws.endpoint or None) if self.aws else (None, None)
        try:
            client = boto3.client("secretsmanager", region_name=region, endpoint_url=endpoint)
            text = client.get_secret_value(SecretId=secret_id)["SecretString"]
            return str(json.loads(text)[json_key]) if json_key else text
        except (BotoCoreError, ClientError) as error:
            self._fault(key, f"the secret `{secret_id}` in Secrets Manager", f"{type(error).__name__}: {error}")
        except (ValueError, KeyError, TypeError):
            self._fault(key, f"a JSON secret `{secret_id}` with the key `{json_key}`", "a secret without it")
        return None

    def _fault(self, key: str, expected: str, got: str) -> None:
        self.errors.append(ConfigError(self.file, self.group, key, expected, got))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _describe(kind: Any) -> str:
    """The expected form of a value, in words: `a whole number (ge 1)`."""
    names = {
        str: "a text",
        int: "a whole number",
        bool: "true or false",
        Secret: "a reference `env:NAME` or `secretsmanager:ID`",
    }
    if kind in names:
        return names[kind]
    base, *rest = get_args(kind) or (str,)
    if not isinstance(base, type):
        return "one of " + ", ".join(get_args(kind))
    bounds = ((name, getattr(meta, name)) for meta in rest for name in ("ge", "le", "pattern"))
    return names[base] + "".join(f" ({name} {bound})" for name, bound in bounds if bound is not None)
