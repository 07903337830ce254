"""A folder as a place of files: which of what lies there are files of the source, and what they are called."""

import os
from pathlib import Path

import pytest

from gateways.files.config import FilesConfig
from gateways.files.errors import BadFile
from gateways.files.places import Folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def folder(inbox: Path) -> Folder:
    return Folder(FilesConfig(source=str(inbox), product="coldroom-logger", device="one", quarantine="bad"))


def test_a_link_that_leads_out_of_the_source_is_no_file_of_it(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not for the platform")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.csv").write_text("1\n")
    (inbox / "day.csv").write_text("1\n")
    (inbox / "again.csv").symlink_to("day.csv")
    (inbox / "out.csv").symlink_to(tmp_path / "secret")
    (inbox / "over.csv").symlink_to(inbox / "out.csv")
    (inbox / "round.csv").symlink_to("round.csv")
    (inbox / "dir").symlink_to(tmp_path / "elsewhere")
    assert [found.name for found in folder(inbox).list()] == ["again.csv", "day.csv"]


def test_a_name_that_is_no_text_is_a_bad_file_and_put_aside_under_one_that_is(inbox: Path) -> None:
    path = os.fsencode(inbox) + b"/K\xfchlraum.csv"
    with open(path, "wb") as file:
        file.write(b"1\n")
    place = folder(inbox)
    [found] = place.list()
    assert (found.name, found.location) == ("K\\xfchlraum.csv", f"{inbox}/K\\xfchlraum.csv")
    with pytest.raises(BadFile, match="its name is no UTF-8: rename it") as caught, place.open(found):
        pass
    place.put_aside(found, caught.value)
    assert sorted(os.listdir(inbox / "bad")) == ["K\\xfchlraum.csv", "K\\xfchlraum.csv.reason.json"]
    assert list(place.list()) == []
