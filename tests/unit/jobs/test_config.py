"""Property groups: what a good file gives, and the exact words for every kind of fault."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobs.config import Config, ConfigError, ConfigErrors, Secret, load_config

GROUPS: dict[str, dict[str, Any]] = {
    "sluice.aws": {"region": "eu-central-1"},
    "sluice.kinesis": {},
    "sluice.documentdb": {"uri": "env:URI"},
    "sluice.aurora": {
        "write.host": "writer.example",
        "read.host": "reader.example",
        "user": "env:DB_USER",
        "password": "env:DB_PASSWORD",
    },
    "sluice.lake": {"warehouse": "s3://lake/warehouse"},
    "sluice.job": {},
}
ENVIRONMENT = {"URI": "mongodb://u:p@host:27017", "DB_USER": "sluice", "DB_PASSWORD": "o'hara"}


def load(folder: Path, **changes: dict[str, Any]) -> Config:
    """GROUPS with the keys of some groups changed: `aurora={"port": "0"}`; None takes a key out."""
    groups = {name: {**GROUPS.get(name, {}), **changes.get(name.removeprefix("sluice."), {})} for name in GROUPS}
    return load_groups(
        folder, {name: {k: v for k, v in keys.items() if v is not None} for name, keys in groups.items()}
    )


def load_groups(folder: Path, groups: dict[str, dict[str, Any]]) -> Config:
    file = folder / "properties.json"
    file.write_text(json.dumps([{"PropertyGroupId": g, "PropertyMap": keys} for g, keys in groups.items()]))
    return load_config(file, ENVIRONMENT)


def test_defaults_fill_what_a_good_file_leaves_out(tmp_path) -> None:
    config = load(tmp_path)
    assert (config.kinesis.devices, config.kinesis.masters) == ("device-data", "master-cdc")
    assert (config.kinesis.initial_position, config.aws.path_style) == ("TRIM_HORIZON", False)
    assert (config.aurora.port, config.aurora.sslmode) == (5432, "require")
    assert (config.job.watermark_delay, config.job.idle_timeout, config.job.dedupe_hours) == (5, 10, 48)


def test_a_reference_is_read_from_the_environment(tmp_path) -> None:
    config = load(tmp_path)
    assert config.documentdb.uri == "mongodb://u:p@host:27017"
    assert config.aurora.user == "sluice"


def test_a_secret_never_shows_itself(tmp_path) -> None:
    config = load(tmp_path)
    assert isinstance(config.aurora.password, Secret)
    assert "hara" not in repr(config)
    assert "u:p" not in repr(config)


def test_groups_of_the_service_are_left_to_it(tmp_path) -> None:
    load_groups(tmp_path, {**GROUPS, "kinesis.analytics.flink.run.options": {"python": "main.py"}})


def test_the_committed_property_file_names_only_known_keys(root) -> None:
    names = {
        text.removeprefix("env:")
        for group in json.loads((root / "flink-conf/local.json").read_text())
        for text in group["PropertyMap"].values()
        if text.startswith("env:")
    }
    values = {"SLUICE_AURORA_PORT": "5432", "SLUICE_LAKE_WAREHOUSE": "s3://lake/warehouse"}
    load_config(root / "flink-conf/local.json", {name: values.get(name, "local") for name in names})


@pytest.mark.parametrize(
    ("group", "key", "value", "expected", "got"),
    [
        ("aurora", "port", "0", "a whole number (ge 1) (le 65535)", "'0'"),
        ("aurora", "port", "five", "a whole number (ge 1) (le 65535)", "'five'"),
        ("aurora", "port", 5432, "a text in quotes, as the service gives every value", "JSON of type int"),
        ("aurora", "sslmode", "yes", "one of disable, prefer, require, verify-full", "'yes'"),
        ("aurora", "write.host", None, "a text (pattern ^[A-Za-z0-9_.\\-]+$)", "nothing; the key is required"),
        ("aurora", "user", "env:NOBODY", "the environment variable NOBODY", "none; set it"),
        (
            "aurora",
            "password",
            "hunter2",
            "a reference `env:NAME` or `secretsmanager:ID`",
            "a literal; never put a secret in a file",
        ),
        (
            "documentdb",
            "uri",
            None,
            "a reference `env:NAME` or `secretsmanager:ID`",
            "nothing; the key is required",
        ),
        ("documentdb", "ttl.days", "0", "a whole number (ge 1)", "'0'"),
        ("aws", "s3.path.style", "maybe", "true or false", "'maybe'"),
        ("kinesis", "initial.position", "NOW", "one of TRIM_HORIZON, LATEST", "'NOW'"),
        ("kinesis", "stream.device", "x", "a key of this group", "an unknown key; did you mean `stream.devices`?"),
        (
            "lake",
            "compaction",
            "x",
            "a key of this group",
            "an unknown key; it knows warehouse, database",
        ),
    ],
)
def test_a_fault_names_group_key_expected_and_got(tmp_path, group, key, value, expected, got) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path, **{group: {key: value}})
    (error,) = caught.value.errors
    assert (error.group, error.key, error.expected, error.got) == (f"sluice.{group}", key, expected, got)
    file = tmp_path / "properties.json"
    assert str(caught.value) == f"{file}: group `sluice.{group}`, key `{key}`: expected {expected}, got {got}"


def test_a_literal_secret_is_not_repeated_in_the_message(tmp_path) -> None:
    for value in ("hunter2", 987654):
        with pytest.raises(ConfigErrors) as caught:
            load(tmp_path, aurora={"password": value})
        assert str(value) not in str(caught.value)


def test_all_faults_come_together(tmp_path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load(tmp_path, aurora={"port": "0", "prot": "1"}, lake={"warehouse": "/tmp/lake"})  # noqa: S108
    assert [error.key for error in caught.value.errors] == ["prot", "port", "warehouse"]
    assert str(caught.value).count("\n") == 2


def test_an_unknown_group_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_groups(tmp_path, {**GROUPS, "sluice.mongo": {}})
    assert (caught.value.group, caught.value.key, caught.value.got) == ("sluice.mongo", "*", "`sluice.mongo`")
    assert "sluice.documentdb" in caught.value.expected


def test_a_missing_file_says_how_to_name_one(tmp_path) -> None:
    with pytest.raises(ConfigError, match="expected a property file, got none; set SLUICE_PROPERTIES to its path"):
        load_config(tmp_path / "none.json")


@pytest.mark.parametrize("text", ["{", "{}", '{"a": 1}', "[1]", '[{"PropertyGroupId": "sluice.aws"}]'])
def test_a_file_of_another_shape_is_refused(tmp_path, text) -> None:
    file = tmp_path / "properties.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"expected a JSON list of|group `sluice.aws`"):
        load_config(file, ENVIRONMENT)


def test_placeholders_hold_every_property_and_the_urls_that_follow(tmp_path) -> None:
    values = load(tmp_path).placeholders()
    assert values["kinesis.stream.devices"] == "device-data"
    assert values["aws.s3.path.style"] == "false"
    assert values["aws.kinesis.endpoint"] == "https://kinesis.eu-central-1.amazonaws.com"
    options = "sslmode=require&reWriteBatchedInserts=true"
    assert values["aurora.write.url"] == f"jdbc:postgresql://writer.example:5432/sluice?{options}"


def test_an_endpoint_of_its_own_stands_for_every_service(tmp_path) -> None:
    values = load(tmp_path, aws={"endpoint": "http://127.0.0.1:4566"}).placeholders()
    assert {values[f"aws.{service}.endpoint"] for service in ("kinesis", "s3", "glue")} == {"http://127.0.0.1:4566"}


def test_the_readme_lists_every_property_with_its_default(root) -> None:
    listed, group = {}, ""
    for line in (root / "README.md").read_text().split("## Properties")[1].split("\n## ")[0].splitlines():
        cells = [cell.strip().strip("`") for cell in line.split(" | ")]
        if len(cells) >= 4 and cells[1] not in ("key", "---"):
            group = cells[0].removeprefix("| ").strip("`|") or group
            listed[f"{group}.{cells[1]}"] = cells[2]
    defaults = {
        f"sluice.{field.name}.{key.encode_name}": "required" if key.required else _shown(key.default)
        for field in msgspec.structs.fields(Config)
        for key in msgspec.structs.fields(field.type)
    }
    assert listed == defaults


def _shown(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default) or "empty"
