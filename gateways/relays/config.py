"""What a relay captures: a YAML file, its connection by reference."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateways.relays.errors import RelayError

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Table = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.\-]{1,255}$")]
Reference = Annotated[str, Meta(pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")]


class RelayConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One relay. `connection` names the environment variable with the source's connection string; DynamoDB has none."""

    name: Name
    kind: Literal["postgresql", "mariadb", "mongodb", "dynamodb"]
    tables: Annotated[list[Table], Meta(min_length=1)]
    connection: Reference | None = None

    def conninfo(self, environment: Mapping[str, str] = os.environ) -> str:
        """The connection string: never log it."""
        if self.connection is None:
            raise RelayError(self.name, "it needs a `connection`, such as env:CRM_DSN")
        name = self.connection.removeprefix("env:")
        if name not in environment:
            raise RelayError(self.name, f"the environment has no {name}: set it to the source's connection string")
        return environment[name]


def read_config(file: Path) -> RelayConfig:
    """Raises RelayError with the file and what is wrong in it."""
    try:
        return msgspec.yaml.decode(file.read_bytes(), type=RelayConfig)
    except FileNotFoundError as error:
        raise RelayError(str(file), "there is no such file") from error
    except msgspec.DecodeError as error:
        raise RelayError(str(file), str(error)) from error
