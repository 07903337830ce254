"""A template tells the device from the end of a path."""

import pytest

from gateways.files.errors import BadFile
from gateways.files.naming import NameTemplate


@pytest.mark.parametrize(
    ("template", "path", "device"),
    [
        ("{device}.csv", "logger-7.csv", "logger-7"),
        ("{device}.csv", "/data/in/logger-7.csv", "logger-7"),
        ("{device}/{date}.csv", "s3://bucket/in/logger-7/2026-01-05.csv", "logger-7"),
        ("export_{device}_{date}.txt", "in/export_00:1A:7d_0501.txt", "00:1A:7d"),
    ],
)
def test_the_device_stands_in_its_place(template: str, path: str, device: str) -> None:
    assert NameTemplate(template).device(path) == device


@pytest.mark.parametrize("path", ["logger-7.txt", "logger-7/x/2026.csv.bak", "2026.csv", "logger-7/2026xcsv"])
def test_another_name_is_a_bad_file(path: str) -> None:
    with pytest.raises(BadFile, match=r"does not fit `\{device\}/\{date\}.csv`") as caught:
        NameTemplate("{device}/{date}.csv").device(path)
    assert caught.value.reason == "name"


def test_an_archive_or_its_members_tell_the_device() -> None:
    assert NameTemplate("{device}.zip").device("in/logger-7.zip", "in/logger-7/2026.csv") == "logger-7"
    assert NameTemplate("{device}/{date}.csv").device("in/all.zip", "in/all/logger-7/2026.csv") == "logger-7"
    with pytest.raises(
        BadFile, match=r"`in/all/x.csv` is of all or in by `\{device\}/\{file\}`: end it in .zip, or in .csv"
    ):
        NameTemplate("{device}/{file}").device("in/all.zip", "in/all/x.csv")


@pytest.mark.parametrize("template", ["{date}.csv", "{device}/{device}.csv", "device.csv"])
def test_a_template_names_the_device_once(template: str) -> None:
    with pytest.raises(ValueError, match=r"must have \{device\} once"):
        NameTemplate(template)
