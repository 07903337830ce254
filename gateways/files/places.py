"""Where files lie: a folder or an S3 prefix. Lists them, opens them as local files, and puts bad ones aside."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Protocol

import boto3
import msgspec
from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from gateways.errors import GatewayConfigError
from gateways.files.config import FilesConfig
from gateways.files.errors import BadFile
from jobs.config import Aws

MAX_FILE: Final = 16 << 30
"""Bytes."""

S3_QUARANTINE: Final = "quarantine"
_REASON: Final = ".reason.json"
_GONE: Final = ("404", "NoSuchKey", "412", "PreconditionFailed")


@dataclass(frozen=True)
class Found:
    """A file in its place: `name` within the source, `version` changes with its bytes, `modified_at` is epoch ms.

    `key` is what its place knows it by; `location` and `name` are texts, in which bytes that are none stand as escapes.
    """

    key: str
    location: str
    name: str
    version: str
    bytes: int
    modified_at: int


class Gone(Exception):
    """The file is not there any more as it was found."""


class Place(Protocol):
    """What a source of files is to the gateway."""

    def list(self) -> Iterator[Found]:
        """The files whose names fit the pattern, in the order of names; not those put aside."""

    def open(self, found: Found) -> AbstractContextManager[Path]:
        """A context with the path of a local file of these bytes; raises Gone, or BadFile where it is too large."""

    def put_aside(self, found: Found, error: BadFile) -> None:
        """To quarantine, with the reason beside it."""

    def finish(self, found: Found) -> None:
        """After it is loaded."""


class Folder:
    """Files under a folder, or one file."""

    def __init__(self, config: FilesConfig) -> None:
        root = Path(config.source).resolve()
        if not root.exists():
            raise GatewayConfigError(config.source, "files.source", "there is no such folder or file")
        self._only = root if root.is_file() else None
        self._root = root.parent if self._only else root
        self._pattern, self._done, self._quarantine = config.pattern, config.done, config.quarantine

    def list(self) -> Iterator[Found]:
        files = [self._only] if self._only else sorted(path for path in self._root.rglob("*") if self._is_ours(path))
        for path in files:
            with suppress(FileNotFoundError):  # moved by someone since
                yield self._found(path)

    @contextmanager
    def open(self, found: Found) -> Iterator[Path]:
        path = Path(found.key)
        if found.key != found.location:
            raise BadFile("name", f"{found.location}: its name is no UTF-8: rename it")
        _check_size(found)
        self._check_same(found, path)
        yield path
        self._check_same(found, path)

    def put_aside(self, found: Found, error: BadFile) -> None:
        if self._quarantine is not None:
            moved = self._move(found, self._quarantine)
            moved.with_name(moved.name + _REASON).write_bytes(_reason(found, error))

    def finish(self, found: Found) -> None:
        if self._done is not None:
            self._move(found, self._done)

    def _is_ours(self, path: Path) -> bool:
        name = path.relative_to(self._root)
        if any(part.startswith(".") for part in name.parts) or name.parts[0] in (self._done, self._quarantine):
            return False
        if not fnmatchcase(name.as_posix(), self._pattern) or not path.is_file():
            return False
        # Who may write here may make links, too, and must not read by them what the gateway may.
        return not path.is_symlink() or path.resolve().is_relative_to(self._root)

    def _found(self, path: Path) -> Found:
        stat = path.stat()
        location, name = _text(path), _text(path.relative_to(self._root))
        version = f"{stat.st_size}-{stat.st_mtime_ns}"
        return Found(str(path), location, name, version, stat.st_size, stat.st_mtime_ns // 1_000_000)

    def _check_same(self, found: Found, path: Path) -> None:
        try:
            if self._found(path) == found:
                return
        except FileNotFoundError:
            pass
        raise Gone(f"{found.location}: has changed or gone while it was looked at: what it is now is another file")

    def _move(self, found: Found, folder: str) -> Path:
        target = self._root / folder / found.name
        if target.exists():
            target = target.with_name(f"{target.name}.{found.version}")
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(found.key).rename(target)


class Prefix:
    """Objects under an S3 prefix. One is opened as a local copy: a body that waits for Kinesis would be cut off."""

    def __init__(self, config: FilesConfig, aws: Aws) -> None:
        self.bucket, _, prefix = config.source.removeprefix("s3://").partition("/")
        self.prefix, self._pattern = prefix, config.pattern
        self._quarantine = f"{prefix.removesuffix('/') + '/' if prefix else ''}{config.quarantine or S3_QUARANTINE}/"
        self._s3 = s3_client(aws)

    def list(self) -> Iterator[Found]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                if self.is_ours(entry["Key"]):
                    yield self._found(entry["Key"], entry["ETag"], entry["Size"], entry["LastModified"])

    def is_ours(self, key: str) -> bool:
        """Whether an object of the bucket is one of the source's files."""
        if not key.startswith(self.prefix) or key.startswith(self._quarantine) or key.endswith("/"):
            return False
        return fnmatchcase(self._name(key), self._pattern)

    def find(self, key: str) -> Found:
        """The object as it is now; raises Gone."""
        try:
            head = self._s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            raise _gone(error, f"s3://{self.bucket}/{key}") from error
        return self._found(key, head["ETag"], head["ContentLength"], head["LastModified"])

    @contextmanager
    def open(self, found: Found) -> Iterator[Path]:
        _check_size(found)
        with tempfile.NamedTemporaryFile(prefix="sluice-") as copy:
            try:
                answer = self._s3.get_object(Bucket=self.bucket, Key=found.key, IfMatch=found.version)
            except ClientError as error:
                raise _gone(error, found.location) from error
            for chunk in answer["Body"].iter_chunks(1 << 20):
                copy.write(chunk)
            copy.flush()
            yield Path(copy.name)

    def put_aside(self, found: Found, error: BadFile) -> None:
        target = self._quarantine + found.name
        source = {"Bucket": self.bucket, "Key": found.key}
        self._s3.copy(source, self.bucket, target)
        self._s3.put_object(Bucket=self.bucket, Key=target + _REASON, Body=_reason(found, error))

    def finish(self, found: Found) -> None:
        """It stays where it is: the table says that it is loaded."""

    def _found(self, key: str, etag: str, size: int, modified: Any) -> Found:
        at = round(modified.timestamp() * 1000)
        return Found(key, f"s3://{self.bucket}/{key}", self._name(key), etag, size, at)

    def _name(self, key: str) -> str:
        return key.removeprefix(self.prefix).lstrip("/") or key.rpartition("/")[2]


def place_of(config: FilesConfig, aws: Aws) -> Folder | Prefix:
    """Raises GatewayConfigError where there is no such folder."""
    return Prefix(config, aws) if config.is_s3 else Folder(config)


def s3_client(aws: Aws) -> Any:
    style: Any = {"addressing_style": "path"} if aws.path_style else {}
    config = BotoConfig(connect_timeout=3, read_timeout=60, s3=style)
    return boto3.client("s3", region_name=aws.region, endpoint_url=aws.endpoint or None, config=config)


def _text(path: Path) -> str:
    return bytes(path).decode("utf-8", "backslashreplace")


def _check_size(found: Found) -> None:
    if found.bytes > MAX_FILE:
        raise BadFile("too_large", f"{found.name}: has {found.bytes} bytes, at most {MAX_FILE} are taken: split it")


def _reason(found: Found, error: BadFile) -> bytes:
    told = {"file": found.location, "reason": error.reason, "message": error.message, "byte_offset": error.offset}
    return msgspec.json.format(msgspec.json.encode(told))


def _gone(error: ClientError, location: str) -> Exception:
    if error.response["Error"].get("Code") in _GONE:
        return Gone(f"{location}: has changed or gone since it was found")
    return error
