"""What keeps the lake small and quick beside the running job: compaction, manifests, expiry, orphan files.

Nothing that a tag, a branch or a snapshot that stays can see is touched. The newest snapshot that Flink committed stays
too, with all behind it: from it Flink knows after a restart what it has committed already.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import boto3
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot
from pyiceberg.table.update.snapshot import _OverwriteFiles

from jobs.config import Config
from jobs.lake import Lake, TableState
from jobs.lake_compaction import compact, plan_groups

_T = TypeVar("_T")
_RETRIES: Final = 8
_GROUPS_A_COMMIT: Final = 50
_KEYS_A_REQUEST: Final = 1000
_ENTRIES_A_MANIFEST: Final = 10_000
_COMMITTED_BY_FLINK: Final = "flink.job-id"


class Policy(NamedTuple):
    """What is kept and what is worth the work."""

    min_files: int = 5
    """Small files that a partition must have to be compacted."""

    keep_snapshots: timedelta = timedelta(days=5)
    retain_last: int = 5
    orphans_after: timedelta = timedelta(hours=72)
    """Longer than a file may lie between its writing and its commit; a restore from an old savepoint commits late."""

    max_manifests: int = 20
    """More are merged."""


class Maintained(NamedTuple):
    """A table before and after; in a dry run what would be done, and `after` is `before`."""

    before: TableState
    after: TableState
    compacted: int
    rewritten: int
    merged_manifests: int
    expired: int
    removed: int
    removed_bytes: int


Progress = Callable[[str], None]


def maintain(lake: Lake, table: str, policy: Policy, *, dry_run: bool, progress: Progress) -> Maintained:
    """All of it for one table; `progress` hears what is done. Safe to repeat, and to break off at any point.

    `compacted` files became `rewritten` ones; `removed` counts files of expired snapshots and orphans.
    """
    before = lake.state(table)
    compacted, rewritten = _compact(lake, table, policy, dry_run, progress)
    merged = _merge_manifests(lake, table, policy, dry_run)
    progress("snapshots")
    expired, freed = _expire(lake, table, policy, dry_run)
    progress("orphans")
    store = _Files(lake.config)
    orphans = orphan_files(lake.load(table), store, datetime.now(UTC) - policy.orphans_after)
    unneeded = {path: size for path, size in store.listed(lake.load(table).location()) if path in freed}
    removed = {file.path: file.num_bytes for file in orphans} | unneeded
    if not dry_run:
        store.remove([*removed])
    return Maintained(
        before, lake.state(table), compacted, rewritten, merged, expired, len(removed), sum(removed.values())
    )


def tag(lake: Lake, table: str, name: str) -> int | None:
    """Names the table's newest snapshot for good, which keeps it; its id, None for a table without one."""

    def create() -> int | None:
        loaded = lake.load(table)
        snapshot = loaded.current_snapshot()
        if snapshot is None:
            return None
        loaded.manage_snapshots().create_tag(snapshot.snapshot_id, name).commit()
        return snapshot.snapshot_id

    return _retried(create)


class StoredFile(NamedTuple):
    path: str
    num_bytes: int


class _Files:
    """The files under a table's location."""

    def __init__(self, config: Config) -> None:
        self._s3 = boto3.client("s3", endpoint_url=config.aws.endpoint or None, region_name=config.aws.region)

    def listed(self, location: str, before: datetime | None = None) -> Iterator[StoredFile]:
        bucket, prefix = _place(location.rstrip("/") + "/")
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", []):
                if before is None or each["LastModified"] < before:
                    yield StoredFile(f"s3://{bucket}/{each['Key']}", each["Size"])

    def remove(self, paths: Sequence[str]) -> None:
        for first in range(0, len(paths), _KEYS_A_REQUEST):
            places = [_place(path) for path in paths[first : first + _KEYS_A_REQUEST]]
            keys = [{"Key": key} for _, key in places]
            self._s3.delete_objects(Bucket=places[0][0], Delete={"Objects": keys, "Quiet": True})


def _compact(lake: Lake, table: str, policy: Policy, dry_run: bool, progress: Progress) -> tuple[int, int]:
    loaded = lake.load(table)
    groups = plan_groups(loaded, policy.min_files)
    for first in range(0, 0 if dry_run else len(groups), _GROUPS_A_COMMIT):
        batch = groups[first : first + _GROUPS_A_COMMIT]
        for number, _ in enumerate(compact(lake.duckdb, lake.load(table), batch), first + 1):
            progress(f"compaction {number}/{len(groups)}")
    return sum(len(group.files) for group in groups), len(groups)


def expirable(table: Table, policy: Policy, now: datetime) -> list[Snapshot]:
    """The snapshots that nothing holds: no tag or branch, neither young nor among the last, and not Flink's."""
    metadata = table.metadata
    held = {ref.snapshot_id for ref in metadata.refs.values()} | set(_back_to_flinks(table))
    newest_first = sorted(metadata.snapshots, key=lambda each: each.timestamp_ms, reverse=True)
    held |= {each.snapshot_id for each in newest_first[: policy.retain_last]}
    since = (now - policy.keep_snapshots).timestamp() * 1000
    return [each for each in newest_first if each.timestamp_ms < since and each.snapshot_id not in held]


def _back_to_flinks(table: Table) -> Iterator[int]:
    """From the current snapshot back to the newest that Flink committed: Flink walks this way after a restart."""
    snapshot = table.current_snapshot()
    while snapshot is not None:
        yield snapshot.snapshot_id
        if snapshot.summary and snapshot.summary[_COMMITTED_BY_FLINK]:
            return
        parent = snapshot.parent_snapshot_id
        snapshot = table.snapshot_by_id(parent) if parent is not None else None


def _expire(lake: Lake, table: str, policy: Policy, dry_run: bool) -> tuple[int, set[str]]:
    """How many snapshots went, and the files that only they could see."""
    loaded = lake.load(table)
    expired = expirable(loaded, policy, datetime.now(UTC))
    if not expired:
        return 0, set()
    ids = [each.snapshot_id for each in expired]
    theirs = _seen_by(loaded, expired)
    if dry_run:
        return len(ids), theirs - _seen_by(loaded, [s for s in loaded.metadata.snapshots if s.snapshot_id not in ids])

    def remove() -> None:
        lake.load(table).maintenance.expire_snapshots().by_ids(ids).commit()

    _retried(remove)
    left = lake.load(table)
    return len(ids), theirs - _seen_by(left, left.metadata.snapshots)


def orphan_files(table: Table, files: _Files, before: datetime) -> list[StoredFile]:
    """What lies under the table's location since `before` and neither a snapshot nor the metadata names."""
    # Listed first: what is committed in between is then among the referenced.
    old = list(files.listed(table.location(), before))
    table.refresh()
    metadata = table.metadata
    named = _seen_by(table, metadata.snapshots) | {table.metadata_location}
    named |= {entry.metadata_file for entry in metadata.metadata_log}
    named |= {each.statistics_path for each in [*metadata.statistics, *metadata.partition_statistics]}
    return [file for file in old if file.path not in named]


def _seen_by(table: Table, snapshots: Sequence[Snapshot]) -> set[str]:
    """Every file that these snapshots need: manifest lists, manifests, data."""
    lists = {snapshot.manifest_list for snapshot in snapshots}
    manifests = {each.manifest_path: each for snapshot in snapshots for each in snapshot.manifests(table.io)}
    data = {
        entry.data_file.file_path
        for manifest in manifests.values()
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
    }
    return lists | manifests.keys() | data


class _MergedManifests(_OverwriteFiles):
    """A snapshot of the same files in fewer manifests."""

    def _deleted_entries(self) -> list[ManifestEntry]:
        return []

    def _existing_manifests(self) -> list[ManifestFile]:
        snapshot = self._transaction.table_metadata.current_snapshot()
        by_spec: dict[int, list[ManifestEntry]] = {}
        for manifest in snapshot.manifests(self._io) if snapshot else ():
            living = manifest.fetch_manifest_entry(self._io, discard_deleted=True)
            by_spec.setdefault(manifest.partition_spec_id, []).extend(living)
        return [
            self._merged(spec_id, entries[first : first + _ENTRIES_A_MANIFEST])
            for spec_id, entries in by_spec.items()
            for first in range(0, len(entries), _ENTRIES_A_MANIFEST)
        ]

    def _merged(self, spec_id: int, entries: Sequence[ManifestEntry]) -> ManifestFile:
        with self.new_manifest_writer(self.spec(spec_id)) as writer:
            for entry in entries:
                writer.add_entry(
                    ManifestEntry.from_args(
                        status=ManifestEntryStatus.EXISTING,
                        snapshot_id=entry.snapshot_id,
                        sequence_number=entry.sequence_number,
                        file_sequence_number=entry.file_sequence_number,
                        data_file=entry.data_file,
                    )
                )
        return writer.to_manifest_file()


def _merge_manifests(lake: Lake, table: str, policy: Policy, dry_run: bool) -> int:
    """How many manifests became few."""
    loaded = lake.load(table)
    snapshot = loaded.current_snapshot()
    number = len(snapshot.manifests(loaded.io)) if snapshot else 0
    if number <= policy.max_manifests:
        return 0
    if not dry_run:
        with loaded.transaction() as transaction, _MergedManifests(Operation.OVERWRITE, transaction, loaded.io):
            pass
    return number


def _retried(change: Callable[[], _T]) -> _T:
    """A change of metadata again from the newest, where the job has committed meanwhile."""
    for attempt in range(_RETRIES):
        try:
            return change()
        except CommitFailedException:
            time.sleep(0.1 * 2**attempt)
    return change()


def _place(path: str) -> tuple[str, str]:
    parts = urlsplit(path)
    return parts.netloc, parts.path.lstrip("/")
