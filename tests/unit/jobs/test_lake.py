"""The lake's reader, without a lake: its credentials and what it says when a part is missing."""

import pytest

from jobs.config import Aurora, Aws, Config, DocumentDb, Job, Kinesis, Lake, Secret
from jobs.lake import LakeError, _extension_file, _s3_secret
from udfs.errors import SluiceError


def config(**aws: object) -> Config:
    return Config(
        aws=Aws(region="eu-central-1", **aws),  # type: ignore[arg-type]
        kinesis=Kinesis(),
        documentdb=DocumentDb(uri=Secret("mongodb://x")),
        aurora=Aurora(write_host="w", read_host="r", user="u", password=Secret("p")),
        lake=Lake(warehouse="s3://lake"),
        job=Job(),
    )


@pytest.fixture(autouse=True)
def _credentials(monkeypatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "it's secret")


def test_credentials_come_from_the_environment_and_are_quoted() -> None:
    assert _s3_secret(config()) == (
        "CREATE SECRET (TYPE 's3', REGION 'eu-central-1', KEY_ID 'key', SECRET 'it''s secret')"
    )


def test_a_session_token_is_passed_on(monkeypatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert _s3_secret(config()).endswith("SESSION_TOKEN 'token')")


def test_an_endpoint_of_its_own_is_split_into_host_and_scheme() -> None:
    secret = _s3_secret(config(endpoint="http://127.0.0.1:4566", path_style=True))
    assert secret.endswith("ENDPOINT '127.0.0.1:4566', USE_SSL 'false', URL_STYLE 'path')")


def test_duckdbs_extensions_are_found_by_file() -> None:
    assert _extension_file("iceberg").is_file()
    with pytest.raises(SluiceError, match="duckdb's extension spatial is not installed: `make setup` installs it"):
        _extension_file("spatial")


def test_a_missing_table_says_what_may_be_the_cause() -> None:
    assert str(LakeError("raw")) == "the lake has no table `raw`: has the job run since the stack was started?"
