"""`sluice decode` and `sluice spec test` as a person calls them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

ROOT = Path(__file__).parents[3]
DOMAIN = "domain: telemetry\ntitle: Telemetry\n"
PROBE = """\
product: probe
title: Probe
version: 2
domain: telemetry
format: hex
layout: {kind: length, fields: [{name: level, type: u8, scale: 0.5, unit: "%"}]}
examples:
  - {title: half, payload: 64, expect: {level: 50}}
"""


def sluice(*arguments: str, specs: Path | None = ROOT / "specs", stdin: str | None = None) -> Result:
    given = [] if specs is None else ["--specs", str(specs)]
    return CliRunner().invoke(app, [*given, *arguments], input=stdin)


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    for name, text in (("domains/telemetry.yaml", DOMAIN), ("products/probe.yaml", PROBE)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


class TestDecode:
    def test_prints_the_standard_json(self) -> None:
        result = sluice("decode", "milesight-am319", "0367340104686505", "--firmware", "1.3", "--event-time", "7000")
        assert result.exit_code == 0
        message = json.loads(result.stdout)
        assert message["measurements"] == {"temperature": 30.8, "humidity": 50.5}
        assert message["quality"] == [
            "trailing_bytes: 1 byte at offset 7 (05)",
            "timestamp_old: 1970-01-01T00:00:07Z is more than 2592000 s before received_at",
        ]
        assert (message["firmware"], message["event_time"]) == ("1.3", 7000)

    def test_takes_hex_with_spaces_and_text_from_standard_input(self) -> None:
        assert sluice("decode", "milesight-am319", "03 67 34 01").exit_code == 0
        rows = "Time;Temperature;Humidity;Door;Battery;Note\n2026-01-05T08:00:00Z;4,5;;;;\n"
        result = sluice("decode", "coldroom-logger", "-", stdin=rows + "2026-01-05T08:01:00Z;4,6;;;;\n")
        assert [message["measurements"] for message in json.loads(result.stdout)] == [
            {"temperature": 4.5},
            {"temperature": 4.6},
        ]

    def test_explains_a_bad_payload_with_a_caret_under_the_fault(self) -> None:
        result = sluice("decode", "milesight-am319", "0367340199010468")
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            "product      milesight-am319",
            "spec version 1",
            "reason       unknown_key",
            "message      no key 9901 in the spec",
            "field        -",
            "byte offset  4",
            "hex          0367340199010468",
            "                     ^^",
        ]

    def test_shows_text_payloads_as_hex_and_as_text(self) -> None:
        result = sluice("decode", "ttn-wind-normalized", '{"data":[{"wind":{"speed":true}}]}')
        assert result.exit_code == 1
        assert result.stderr.splitlines()[4:] == [
            "field        data[0].wind.speed",
            "byte offset  26",
            "hex          64617461223a5b7b2277696e64223a7b227370656564223a747275657d7d5d7d",
            "             " + " " * 48 + "^^",
            'text         data":[{"wind":{"speed":true}}]}',
            "             " + " " * 24 + "^",
        ]

    def test_keeps_a_long_excerpt_around_the_fault(self) -> None:
        result = sluice("decode", "milesight-am319", "036734" * 0 + "04680a" * 40 + "ffff00")
        assert "byte offset  120" in result.stderr
        caret = result.stderr.splitlines()[-1].index("^")
        assert result.stderr.splitlines()[-2][caret:].startswith("ffff00")

    def test_suggests_a_name_for_an_unknown_product(self) -> None:
        result = sluice("decode", "milesight-am318", "00")
        assert (result.exit_code, result.stderr) == (
            1,
            "unknown product `milesight-am318`, did you mean `milesight-am319`?\n",
        )
        assert "there are: attachment, browan-tbhh100" in sluice("decode", "zzz", "00").stderr

    def test_refuses_an_event_time_that_is_none(self) -> None:
        result = sluice("decode", "milesight-am319", "03673401", "--event-time", "soon")
        assert result.exit_code == 2
        assert "neither epoch milliseconds nor" in result.stderr


class TestSpecTest:
    def test_runs_the_examples_of_all_products(self) -> None:
        result = sluice("spec", "test")
        assert result.exit_code == 0
        assert "  ok    published by the vendor\n" in result.stdout
        assert result.stdout.splitlines()[-1].endswith("0 failed, 23 products")

    def test_explains_every_byte(self) -> None:
        result = sluice("spec", "explain", "digitalmatter-oyster", "8a0201", "--port", "2")
        assert result.exit_code == 0
        assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
            ["0", "0[6:0]", "8a", "field", "sequence", "10", "1"],
            ["0", "0[7]", "8a", "field", "accepted", "true"],
        ]

    def test_explains_up_to_a_refusal(self) -> None:
        result = sluice("spec", "explain", "digitalmatter-oyster", "8a0201", "--port", "9")
        assert (result.exit_code, "reason       unknown_layout" in result.stderr) == (1, True)

    def test_runs_one_product(self, specs: Path) -> None:
        result = sluice("spec", "test", "probe", specs=specs)
        assert (result.exit_code, result.stdout.splitlines()) == (
            0,
            ["probe  version 2", "  ok    half", "1 passed, 0 failed, 1 product"],
        )
        assert sluice("spec", "test", "prob", specs=specs).exit_code == 1

    def test_prints_what_differs_per_field_and_exits_1(self, specs: Path) -> None:
        (specs / "products/probe.yaml").write_text(PROBE.replace("{level: 50}", "{level: 51, mode: auto}"))
        result = sluice("spec", "test", specs=specs)
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            "probe  version 2",
            "  FAIL  half",
            "        field  expected  got",
            "        level  51        50",
            "        mode   auto      absent",
            "0 passed, 1 failed, 1 product",
        ]

    def test_prints_all_spec_errors_with_file_line_and_column(self, specs: Path) -> None:
        (specs / "products/probe.yaml").write_text(PROBE.replace("scale", "scal").replace("title: P", "titel: P"))
        result = sluice("spec", "test", specs=specs)
        assert result.exit_code == 1
        assert result.stderr.splitlines() == [
            f"{specs}/products/probe.yaml:2:1: unknown key `titel`, did you mean `title`?",
            f"{specs}/products/probe.yaml:6:57: layout.fields[0]: unknown key `scal`, did you mean `scale`?",
            f"{specs}/products/probe.yaml:1:1: missing key `title`",
            "3 spec errors",
        ]


class TestSpecsFolder:
    def test_is_the_one_in_the_working_folder_first(self, specs: Path, tmp_path, monkeypatch) -> None:
        (tmp_path / "work").mkdir()
        specs.rename(moved := tmp_path.parent / f"{tmp_path.name}-moved")
        monkeypatch.chdir(moved)
        (moved / "specs").mkdir()
        (moved / "products").rename(moved / "specs/products")
        (moved / "domains").rename(moved / "specs/domains")
        assert "1 product\n" in sluice("spec", "test", specs=None).stdout

    def test_is_else_the_projects_own(self, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert "23 products\n" in sluice("spec", "test", specs=None).stdout

    def test_must_hold_products(self, tmp_path: Path) -> None:
        result = sluice("spec", "test", specs=tmp_path)
        assert result.exit_code == 1
        assert f"no specs: {tmp_path} has no folder `products`" in result.stderr
