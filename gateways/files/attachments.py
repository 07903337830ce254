"""Images and logs: kept whole in S3, and told by a message of the product `attachment`."""

import asyncio
import hashlib
import mimetypes
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from gateways.errors import Refused
from gateways.files.config import ATTACHMENT_PRODUCT, FilesConfig
from gateways.files.errors import BadFile
from gateways.files.load import Advanced, new_load, quarantined
from gateways.files.naming import NameTemplate
from gateways.files.places import Found, s3_client
from gateways.files.progress import FileLoad, Progress
from gateways.files.reading import PROTOCOL
from gateways.intake import Intake
from gateways.metrics import Metrics
from jobs.config import Config
from udfs.message import Envelope

MAX_ATTACHMENT: Final = 64 << 20
"""Bytes."""

_IMAGES: Final = {
    "image/jpeg": (0, b"\xff\xd8\xff"),
    "image/png": (0, b"\x89PNG\r\n\x1a\n"),
    "image/gif": (0, b"GIF8"),
    "image/webp": (8, b"WEBP"),
    "image/bmp": (0, b"BM"),
    "image/tiff": (0, b"II*\0"),
    "image/heic": (4, b"ftypheic"),
}
_OTHER_TIFF: Final = b"MM\0*"


class AttachmentLoader:
    """Loads files whose bytes are for people, not for the job; they lie in the bucket of the lake."""

    def __init__(
        self, config: FilesConfig, deployment: Config, intake: Intake, progress: Progress, metrics: Metrics
    ) -> None:
        self._config, self._intake, self._progress, self._metrics = config, intake, progress, metrics
        self._template = None if config.device_from is None else NameTemplate(config.device_from)
        self._bucket = deployment.lake.warehouse.removeprefix("s3://").partition("/")[0]
        self._s3 = s3_client(deployment.aws)

    async def load(self, path: Path, found: Found, is_again: bool, stop: asyncio.Event, advanced: Advanced) -> FileLoad:
        """The load as it ends: loaded or quarantined. First the bytes are in S3, then the message is sent."""
        clock = asyncio.get_running_loop().time
        began = clock()
        load = new_load(self._config, found, await asyncio.to_thread(_sha256, path), rows_per_payload=1)
        before = await asyncio.to_thread(self._progress.find, load.product, load.content, load.devices)
        if before is not None and before.is_finished and not is_again:
            return before
        try:
            await self._keep(path, found, load)
        except BadFile as error:
            return quarantined(load, error)
        except Refused as error:
            return quarantined(load, BadFile("refused", error.message))
        load.state, load.payloads, load.rows, load.messages = "loaded", 1, 1, 1
        load.seconds = clock() - began
        advanced(load, found.bytes)
        return load

    async def _keep(self, path: Path, found: Found, load: FileLoad) -> None:
        if found.bytes > MAX_ATTACHMENT:
            raise BadFile("too_large", f"{found.name}: has {found.bytes} bytes, an attachment at most {MAX_ATTACHMENT}")
        device = self._config.device if self._template is None else self._template.device(found.location)
        content_type = self._content_type(path, found)
        taken_at = datetime.fromtimestamp(found.modified_at / 1000, UTC)
        key = f"attachments/{device}/{taken_at:%Y/%m/%d}/{load.content}{_suffix(found.name)}"
        self._intake.admit(device or "", PROTOCOL)
        await asyncio.to_thread(self._put, path, key, content_type)
        payload: dict[str, Any] = {
            "kind": self._config.attachment,
            "url": f"s3://{self._bucket}/{key}",
            "sha256": load.content,
            "bytes": found.bytes,
            "content_type": content_type,
            "name": PurePosixPath(found.name).name,
            "taken_at": taken_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "device": device,
        }
        envelope = Envelope(
            product=ATTACHMENT_PRODUCT,
            device=device or "",
            protocol=PROTOCOL,
            received_at=round(datetime.now(UTC).timestamp() * 1000),
            payload=msgspec.json.encode(payload).decode(),
            key=load.content,
        )
        durable = await self._intake.accept(envelope)
        await durable
        self._metrics.acknowledged.labels(PROTOCOL).inc()

    def _content_type(self, path: Path, found: Found) -> str:
        if self._config.attachment == "image":
            with path.open("rb") as file:
                return _image_type(file.read(16), found)
        return mimetypes.guess_type(found.name)[0] or "text/plain"

    def _put(self, path: Path, key: str, content_type: str) -> None:
        with path.open("rb") as file:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=file, ContentType=content_type)


def _image_type(head: bytes, found: Found) -> str:
    for content_type, (at, magic) in _IMAGES.items():
        if head[at : at + len(magic)] == magic:
            return content_type
    if head.startswith(_OTHER_TIFF):
        return "image/tiff"
    known = ", ".join(name.removeprefix("image/") for name in _IMAGES)
    raise BadFile("not_image", f"{found.name}: begins with {head[:8].hex()}, which is none of {known}", 0)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 9 else ""
