"""The source of files: looks at its place again and again, or hears of objects, and loads what is new of each device.

A look does not wait for the one before; the files of a device wait for each other.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

import psycopg
import structlog
from botocore.exceptions import BotoCoreError, ClientError

from gateways.files.attachments import AttachmentLoader
from gateways.files.config import FilesConfig
from gateways.files.errors import BadFile
from gateways.files.load import Advanced, RowsLoader, new_load, quarantined
from gateways.files.notifications import HIDDEN_SECONDS, Notification, Notifications
from gateways.files.places import Found, Gone, Prefix, place_of
from gateways.files.progress import FileLoad, Progress
from gateways.files.readers import Readers
from gateways.files.reporter import Reporter
from gateways.intake import Intake
from gateways.metrics import Metrics
from jobs.config import Config
from udfs.catalog import Catalog

STOP_SECONDS: Final = 5.0
"""How long a load that is stopped waits for what is under way; what is not durable then is sent again."""

FILES_AT_ONCE: Final = 1000
MAX_DEALT_WITH: Final = 100_000
"""Files that need no question at the table at the next look; of more, it is asked again."""

DEVICES_AT_ONCE: Final = 32
"""Small files mostly wait for Kinesis to have them; those of a device follow one another."""
_AWAY: Final = (psycopg.OperationalError, BotoCoreError, ClientError, OSError)

_log = structlog.get_logger(__name__)


class Loader(Protocol):
    """What makes payloads of a file."""

    async def load(
        self, path: Path, found: Found, is_again: bool, stop: asyncio.Event, advanced: Advanced
    ) -> FileLoad: ...


class FilesSource:
    """Loads the files of one place. `is_again` loads those, too, that were loaded before."""

    def __init__(
        self,
        config: FilesConfig,
        deployment: Config,
        catalog: Catalog,
        intake: Intake,
        metrics: Metrics,
        reporter: Reporter,
        is_again: bool = False,
    ) -> None:
        """Raises GatewayConfigError."""
        config.check("files", catalog)
        self._config, self._is_again, self._reporter = config, is_again, reporter
        self._place = place_of(config, deployment.aws)
        self._progress = Progress(deployment.aurora)
        self._readers = Readers(_texts(catalog, config.product_name))
        self._loader = _loader(config, deployment, catalog, intake, metrics, self._progress, self._readers)
        self._dealt_with: set[tuple[str, str]] = set()
        self._under_way: set[tuple[str, str]] = set()
        self._room = asyncio.Semaphore(DEVICES_AT_ONCE)
        self._order: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Whose turn it is among the files of a device."""
        self._queue = None if config.notifications is None else Notifications(deployment.aws, config.notifications)

    async def run(self, stop: asyncio.Event) -> None:
        """Loads what is there, then what comes, until `stop` is set. A large file holds up only those of its device."""
        looks: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                if self._queue is None or not looks:
                    looks.add(asyncio.create_task(self._look_and_hear(stop)))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._config.every_s)
                looks = {look for look in looks if not _has_ended(look)}
            await asyncio.gather(*looks)
        finally:
            for look in looks:
                look.cancel()
            await self.close()

    async def close(self) -> None:
        """Ends the processes that read, and the connections."""
        await self._readers.close()
        await asyncio.to_thread(self._progress.close)

    async def look(self, stop: asyncio.Event, before: int | None = None) -> None:
        """Loads all files that are there now, and were changed last before `before` epoch ms.

        Raises what keeps it from that, such as psycopg.Error, ClientError and OSError.
        """
        files = await asyncio.to_thread(_count, self._place.list())
        self._reporter.expect(*files)
        listing = self._place.list()
        while not stop.is_set() and (some := await asyncio.to_thread(_some, listing)):
            await self._load_all([found for found in some if before is None or found.modified_at < before], stop)

    async def _look_and_hear(self, stop: asyncio.Event) -> None:
        """A look; where there are notifications, what they tell from then on, until something is away."""
        try:
            await self.look(stop, before=int((time.time() - self._config.settle_s) * 1000))
            while self._queue is not None and not stop.is_set():
                await self._hear(self._queue, stop)
        except _AWAY as error:
            _log.warning("files: again later", source=self._config.source, error=str(error).strip())

    async def _load_all(self, files: list[Found], stop: asyncio.Event) -> None:
        """Those that are neither dealt with nor under way by another look."""
        new = {_identity(found): found for found in files}
        for identity in new.keys() & (self._dealt_with | self._under_way):
            del new[identity]
        self._under_way |= new.keys()
        try:
            await self._load_new(list(new.values()), stop)
        finally:
            self._under_way -= new.keys()

    async def _load_new(self, files: list[Found], stop: asyncio.Event) -> None:
        product, locations = self._config.product_name, [found.location for found in files]
        known = await asyncio.to_thread(self._progress.known, product, locations) if files else {}
        of_device: dict[str, list[Found]] = {}
        for found in files:
            of_device.setdefault(self._config.device_of(found.location), []).append(found)

        async def load(device: str, of_one: list[Found]) -> None:
            async with self._order.setdefault(device, asyncio.Lock()), self._room:
                for found in of_one:
                    if not stop.is_set():
                        await _until(stop, self._take(found, known.get(_identity(found)), stop))

        loads = (load(device, of_one) for device, of_one in of_device.items())
        for outcome in await asyncio.gather(*loads, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _take(self, found: Found, before: FileLoad | None, stop: asyncio.Event) -> None:
        self._reporter.begin(found)
        if before is not None and before.is_finished and not self._is_again:
            await self._known_before(found, before)
            return
        try:
            async with self._opened(found) as path:
                advanced = partial(self._reporter.advance, found)
                load = await self._loader.load(path, found, self._is_again, stop, advanced)
        except BadFile as error:  # not even opened: its place and version are all that is known
            load = quarantined(new_load(self._config, found, found.version, self._config.rows), error)
        except Gone as error:
            _log.warning("passed over", file=found.location, why=str(error))
            return
        if (load.location, load.version) != _identity(found):
            await self._known_before(found, load)
        elif load.is_finished:
            await self._put_away(found, load)

    async def _put_away(self, found: Found, load: FileLoad) -> None:
        if load.state == "quarantined":
            fault = BadFile(load.reason, load.message, load.byte_offset)  # type: ignore[arg-type]
            await asyncio.to_thread(self._place.put_aside, found, fault)
        await asyncio.to_thread(self._progress.write, load)
        if load.state == "loaded":
            await asyncio.to_thread(self._place.finish, found)
        self._end(found, load, True)

    async def _known_before(self, found: Found, load: FileLoad) -> None:
        """By its place, or by its bytes, which the table may know of another place."""
        if load.state == "loaded":
            await asyncio.to_thread(self._place.finish, found)
        self._end(found, load, False)

    def _end(self, found: Found, load: FileLoad, is_new: bool) -> None:
        if len(self._dealt_with) >= MAX_DEALT_WITH:
            self._dealt_with.clear()
        self._dealt_with.add(_identity(found))
        self._reporter.end(found, load, is_new)

    @asynccontextmanager
    async def _opened(self, found: Found) -> AsyncIterator[Path]:
        opened = self._place.open(found)
        path = await asyncio.to_thread(opened.__enter__)
        try:
            yield path
        finally:
            await asyncio.to_thread(opened.__exit__, None, None, None)

    async def _hear(self, queue: Notifications, stop: asyncio.Event) -> None:
        """Loads the objects of the next notification; it is deleted when they are dealt with."""
        notification = await asyncio.to_thread(queue.receive)
        if notification is None:
            return
        if notification.objects is None:
            _log.warning("not a notification of S3: left in the queue", queue=queue.url)
            return
        hiding = asyncio.create_task(_keep_hidden(queue, notification))
        try:
            for bucket, key in notification.objects:
                await self._load_object(bucket, key, stop)
            if not stop.is_set():
                await asyncio.to_thread(queue.delete, notification)
        finally:
            hiding.cancel()

    async def _load_object(self, bucket: str, key: str, stop: asyncio.Event) -> None:
        place = self._place
        if not isinstance(place, Prefix) or bucket != place.bucket or not place.is_ours(key):
            return
        try:
            found = await asyncio.to_thread(place.find, key)
        except Gone as error:
            _log.warning("passed over", file=key, why=str(error))
        else:
            await self._load_all([found], stop)


def _loader(
    config: FilesConfig,
    deployment: Config,
    catalog: Catalog,
    intake: Intake,
    metrics: Metrics,
    progress: Progress,
    readers: Readers,
) -> Loader:
    if config.attachment is not None:
        return AttachmentLoader(config, deployment, intake, progress, metrics)
    return RowsLoader(config, catalog.products[config.product_name], intake, progress, readers, metrics)


def _texts(catalog: Catalog, product: str) -> dict[str, str]:
    """The specs that a process needs which knows one product only."""
    return {
        file: text
        for file, text in catalog.texts.items()
        if file.startswith("domains/") or file == f"products/{product}.yaml"
    }


def _identity(found: Found) -> tuple[str, str]:
    return found.location, found.version


def _has_ended(look: "asyncio.Task[None]") -> bool:
    """Raises what ended it, if that was a fault."""
    return look.done() and look.result() is None


def _count(files: Iterable[Found]) -> tuple[int, int]:
    """How many, and of how many bytes."""
    count = size = 0
    for found in files:
        count, size = count + 1, size + found.bytes
    return count, size


def _some(files: Iterator[Found]) -> list[Found]:
    return list(islice(files, FILES_AT_ONCE))


async def _until(stop: asyncio.Event, loading: Coroutine[Any, Any, None]) -> None:
    """Waits for the load; when `stop` is set it has a little time to end by itself."""
    task, stopping = asyncio.create_task(loading), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=STOP_SECONDS)
    finally:
        stopping.cancel()
        if not task.done():
            task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _keep_hidden(queue: Notifications, notification: Notification) -> None:
    while True:
        await asyncio.sleep(HIDDEN_SECONDS / 3)
        try:
            await asyncio.to_thread(queue.hide, notification)
        except (BotoCoreError, ClientError) as error:
            _log.warning("a notification may be seen by others, too", error=str(error))
