"""API keys: who they are of, and what the gateway file holds of them."""

import pytest

from gateways.errors import GatewayConfigError
from gateways.rest.config import KeyConfig
from gateways.rest.keys import ApiKeys, new_key

SECRET = "kV3vZ1bq0J9xQm2sT7yLw4uE"


def test_a_drawn_key_is_known_by_its_hash() -> None:
    drawn = new_key("fleet-a")
    keys = ApiKeys([KeyConfig(name="fleet-a", secret=drawn.secret)], {})
    sender = keys.find(drawn.key)
    assert sender is not None
    assert sender.name == "fleet-a"


def test_the_file_does_not_hold_the_key_and_no_two_hashes_are_alike() -> None:
    drawn = new_key("fleet-a")
    assert drawn.key.partition(".")[2] not in drawn.secret
    assert new_key("fleet-a").secret != drawn.secret


@pytest.mark.parametrize("name", ["Fleet A", "", "-a", "a.b", "a" * 64])
def test_no_key_is_drawn_for_a_name_that_the_file_may_not_have(name: str) -> None:
    with pytest.raises(GatewayConfigError, match="expected a-z, 0-9"):
        new_key(name)


@pytest.mark.parametrize(
    "presented", ["", ".", "fleet-a", "fleet-a.", "fleet-a.x", f"fleet-b.{SECRET}", f" fleet-a.{SECRET}", "ä.\udcff"]
)
def test_anything_else_is_nobodys_key(presented: str) -> None:
    keys = ApiKeys([KeyConfig(name="fleet-a", secret="env:FLEET_A")], {"FLEET_A": SECRET})
    assert keys.find(f"fleet-a.{SECRET}") is not None
    assert keys.find(presented) is None


@pytest.mark.parametrize(
    ("environment", "told"),
    [({}, "the environment has no FLEET_A"), ({"FLEET_A": "hunter2"}, "FLEET_A has 7 characters, at least 24")],
)
def test_a_missing_or_weak_secret_ends_the_start_and_is_not_told(environment: dict[str, str], told: str) -> None:
    with pytest.raises(GatewayConfigError, match=told) as caught:
        ApiKeys([KeyConfig(name="fleet-a", secret="env:FLEET_A")], environment)
    assert caught.value.path == "rest.auth.keys[0]"
    assert "hunter2" not in str(caught.value)


def test_a_name_is_given_once() -> None:
    with pytest.raises(GatewayConfigError, match="two keys `fleet-a`"):
        ApiKeys([KeyConfig(name="fleet-a", secret=new_key("fleet-a").secret)] * 2, {})
