"""A version, once locked, keeps its meaning; what is free to change is free."""

from pathlib import Path

import pytest
from probe import ROOT, compile_probe

from udfs.catalog import compile_catalog, read_specs
from udfs.releases import Release, ReleaseError, Releases, read_releases, release_of, write_releases

LAYOUT = """\
kind: length
fields:
  - {name: temperature, type: i16, scale: 0.1, unit: Cel}
  - {name: mode, type: u8, enum: {0: idle, 1: cooling}}
"""


def release(layout: str = LAYOUT, version: int = 1) -> Release:
    return release_of(compile_probe(layout, version=version))


def test_titles_docs_and_defaults_that_are_written_out_change_no_meaning() -> None:
    written_out = LAYOUT.replace("unit: Cel", "unit: Cel, offset: 0, doc: supply air")
    assert release(written_out).fingerprint == release().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        LAYOUT.replace("0.1", "0.01"),
        LAYOUT.replace("cooling", "cool"),
        LAYOUT.replace("i16", "u16"),
        LAYOUT + "  - {name: humidity, type: u8, unit: '%'}\n",
        LAYOUT + "trailing: warn\n",
    ],
)
def test_any_other_meaning_has_another_fingerprint(other: str) -> None:
    assert release(other).fingerprint != release().fingerprint


def test_a_column_knows_what_fills_it() -> None:
    temperature, mode = release().columns
    assert (temperature.name, temperature.kind, temperature.unit) == ("temperature", "measurement", "Cel")
    assert temperature.stated == [{"name": "temperature", "type": "i16", "scale": 0.1, "unit": "Cel"}]
    assert mode.labels == {"idle", "cooling"}


def test_names_made_of_values_flags_and_statuses_are_found() -> None:
    layout = """\
kind: length
fields:
  - {name: alarms, type: u8, flags: {0: low, 1: high}}
  - {name: level, type: u8, unit: "%", absent: {255: broken}}
  - {repeat: 2, fields: [{name: "spot_{index}", type: u8, unit: Cel}]}
"""
    stated = {column.name: len(column.stated) for column in release(layout).columns}
    assert stated == {"low": 1, "high": 1, "level": 1, "level_status": 1, "spot_0": 1, "spot_1": 1}


class TestLocking:
    def test_a_new_version_is_added_and_the_same_one_is_not_added_twice(self) -> None:
        releases = Releases("probe").with_release(release())
        assert releases.with_release(release()) is releases
        other = release(LAYOUT.replace("0.1", "0.01"), version=2)
        assert [each.version for each in releases.with_release(other).releases] == [1, 2]

    def test_a_changed_meaning_needs_a_higher_version(self) -> None:
        releases = Releases("probe").with_release(release())
        with pytest.raises(ReleaseError, match="changed since version 1 was locked: set `version: 2`"):
            releases.with_release(release(LAYOUT.replace("0.1", "0.01")))

    def test_a_version_does_not_go_back(self) -> None:
        releases = Releases("probe").with_release(release(version=3))
        with pytest.raises(ReleaseError, match="version 2 is behind version 3"):
            releases.with_release(release(version=2))

    def test_what_was_written_is_read_back(self, tmp_path: Path) -> None:
        releases = Releases("probe").with_release(release())
        write_releases(tmp_path, releases)
        assert read_releases(tmp_path, "probe") == releases
        assert read_releases(tmp_path, "other").newest is None

    def test_a_broken_file_is_named(self, tmp_path: Path) -> None:
        write_releases(tmp_path, Releases("probe"))
        (tmp_path / "versions/probe.json").write_text("{")
        with pytest.raises(ReleaseError, match=r"probe: .*probe\.json cannot be read .*: restore it"):
            read_releases(tmp_path, "probe")


def test_every_product_of_the_catalog_is_locked_as_it_stands() -> None:
    specs = compile_catalog(read_specs(ROOT / "specs")).products.values()
    unlocked = [
        spec.product for spec in specs if not read_releases(ROOT / "specs", spec.product).is_locked(release_of(spec))
    ]
    assert unlocked == [], "run `sluice spec lock`"
