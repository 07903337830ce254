from itertools import pairwise

import pytest

from local.fleet import Fleet
from local.scripts import (
    OVER_TEMPERATURE,
    POWER_CUT_THEN_MOVING,
    QUIET_SECONDS,
    RESTORED,
    Script,
    raised_limit_device,
    scripts,
    window,
)

RULE_CLEARS_AFTER_SECONDS = 60  # the longest of the rules


def rules(script: Script) -> list[str]:
    return [step.rule for step in script.steps if step.rule]


def test_hot_readings_of_an_episode_are_close_enough_for_one_alarm(fleet: Fleet) -> None:
    for script in scripts(fleet, 0, None):
        if script.steps[0].kind == "hot":
            assert all(later.at - earlier.at <= 2 for earlier, later in pairwise(script.steps))
            assert len(rules(script)) == (0 if script.device == raised_limit_device(fleet) else 1)


@pytest.mark.parametrize("run_seconds", [30, 60, 90, 200])
def test_last_seconds_of_a_run_are_quiet(fleet: Fleet, run_seconds: float) -> None:
    found = [script for cycle in range(4) for script in scripts(fleet, cycle, run_seconds)]
    assert found
    assert max(step.at for script in found for step in script.steps) <= run_seconds - QUIET_SECONDS


def test_run_that_is_too_short_for_any_script_has_none(fleet: Fleet) -> None:
    assert scripts(fleet, 0, 10) == []


def test_episodes_of_a_device_lie_far_apart(fleet: Fleet) -> None:
    times: dict[str, list[tuple[float, float]]] = {}
    for cycle in range(12):
        for script in scripts(fleet, cycle, None):
            if rules(script):
                times.setdefault(script.device.device_id, []).append((script.steps[0].at, script.steps[-1].at))
    assert all(
        later[0] - earlier[1] > RULE_CLEARS_AFTER_SECONDS for t in times.values() for earlier, later in pairwise(t)
    )


def test_device_has_one_script_a_cycle(fleet: Fleet) -> None:
    devices = [script.device for script in scripts(fleet, 0, None)]
    assert len(set(devices)) == len(devices)


def test_restored_power_and_a_parked_car_expect_no_alarm(fleet: Fleet) -> None:
    near_misses = [s for s in scripts(fleet, 0, None) if any(step.event == RESTORED for step in s.steps)]
    assert len(near_misses) == 2
    assert all(rules(script) == [] for script in near_misses)


def test_cycle_of_90_seconds_has_every_kind_of_alarm(fleet: Fleet) -> None:
    raised = [rule for script in scripts(fleet, 0, 90) for rule in rules(script)]
    assert raised.count(OVER_TEMPERATURE) == 4
    assert raised.count(POWER_CUT_THEN_MOVING) == 2


def test_scripts_lie_in_the_window(fleet: Fleet) -> None:
    first, last = window(1, None)
    assert all(first <= step.at <= last for script in scripts(fleet, 1, None) for step in script.steps)
