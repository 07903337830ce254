"""Calendars: when rules judge, and when alarms are kept without telling anybody."""

from datetime import datetime

import pytest

from jobs.calendars import Calendars, weekdays
from jobs.episodes import Observation
from jobs.rules import Header, Rule, Schedule
from udfs.masters import MasterChange

WORKING = Schedule("working_hours", "mon-fri", "08:00", "18:00")


def rule(schedule: Schedule | None = WORKING) -> Rule:
    header = Header(title="Open door", severity="minor", type="threshold", schedule=schedule)
    return Rule("am319/open", "am319", "open.sql", header, "SELECT 1")


def at(moment: str) -> Observation:
    """2026-01-05 is a Monday."""
    time = int(datetime.fromisoformat(f"{moment}+00:00").timestamp() * 1000)
    return Observation("am319/open", "d1", time, "detection", None, None, None, "c1", "s1", "{}")


def row(master: str, key: str = "1", version: int = 1, **columns: str) -> MasterChange:
    return MasterChange(master, key, columns, version, False)


def site(time_zone: str) -> MasterChange:
    return row("site", "s1", site_id="s1", time_zone=time_zone)


@pytest.mark.parametrize(
    ("moment", "in_force"),
    [
        ("2026-01-05T07:59", False),
        ("2026-01-05T08:00", True),
        ("2026-01-05T17:59", True),
        ("2026-01-05T18:00", False),
        ("2026-01-10T12:00", False),
    ],
)
def test_a_schedule_opens_and_closes(moment, in_force) -> None:
    assert Calendars().in_force(rule(), at(moment)) is in_force


def test_a_rule_without_schedule_always_judges() -> None:
    assert Calendars().in_force(rule(None), at("2026-01-10T03:00"))


def test_hours_are_those_of_the_site() -> None:
    seoul = Calendars([site("Asia/Seoul")])
    assert seoul.in_force(rule(), at("2026-01-04T23:30"))  # Monday 08:30 in Seoul
    assert not seoul.in_force(rule(), at("2026-01-05T10:00"))


def test_summer_time_moves_the_hours() -> None:
    berlin = Calendars([site("Europe/Berlin")])
    assert berlin.in_force(rule(), at("2026-07-06T06:30"))
    assert not berlin.in_force(rule(), at("2026-01-05T06:30"))


@pytest.mark.parametrize(
    ("hours", "moments"),
    [
        (("02:30", "03:30"), {"2026-03-29T00:59": False, "2026-03-29T01:00": True, "2026-03-29T01:30": False}),
        (("02:00", "03:00"), {"2026-03-29T00:59": False, "2026-03-29T01:00": False}),
        (("02:00", "03:00"), {"2026-10-25T00:00": True, "2026-10-25T01:59": True, "2026-10-25T02:00": False}),
        (("01:00", "02:30"), {"2026-10-25T00:29": True, "2026-10-25T00:30": False, "2026-10-25T01:00": True}),
    ],
)
def test_where_the_clock_is_changed_hours_go_by_what_it_shows(hours, moments) -> None:
    berlin = Calendars([site("Europe/Berlin")])
    daily = rule(Schedule("daily", "mon-sun", *hours))
    assert {moment: berlin.in_force(daily, at(moment)) for moment in moments} == moments


def test_a_maintenance_window_over_a_change_of_the_clock_is_as_long_as_it_says() -> None:
    times = {"starts_at": "2026-10-25T02:30+02:00", "ends_at": "2026-10-25T02:30+01:00"}
    window = Calendars([site("Europe/Berlin"), row("maintenance_window", scope="site", scope_id="s1", **times)])
    moments = ["2026-10-25T00:29", "2026-10-25T00:30", "2026-10-25T01:29", "2026-10-25T01:30"]
    assert [window.in_force(rule(None), at(moment)) for moment in moments] == [True, False, False, True]


def test_hours_that_close_when_they_open_last_a_day() -> None:
    long = rule(Schedule("long", "fri", "08:00", "08:00"))
    moments = ["2026-01-09T07:59", "2026-01-09T08:00", "2026-01-10T07:59", "2026-01-10T08:00"]
    assert [Calendars().in_force(long, at(moment)) for moment in moments] == [False, True, True, False]


def test_an_unknown_time_zone_goes_by_utc() -> None:
    assert Calendars([site("Mars/Olympus")]).in_force(rule(), at("2026-01-05T08:30"))


def test_hours_over_midnight_belong_to_the_day_they_opened() -> None:
    night = rule(Schedule("night", "fri", "22:00", "06:00"))
    moments = ["2026-01-09T23:00", "2026-01-10T05:00", "2026-01-10T23:00", "2026-01-09T05:00"]
    assert [Calendars().in_force(night, at(moment)) for moment in moments] == [True, True, False, False]


def test_master_data_states_other_hours_the_narrowest_scope_first() -> None:
    hours = {"schedule_name": "working_hours", "days": "mon-sun"}
    calendars = Calendars(
        [
            row("schedule", "1", scope="site", scope_id="s1", opens="10:00", closes="11:00", **hours),
            row("schedule", "2", scope="customer", scope_id="c1", opens="00:00", closes="23:59", **hours),
            row("schedule", "3", scope="device", scope_id="d2", opens="00:00", closes="23:59", **hours),
        ]
    )
    assert calendars.in_force(rule(), at("2026-01-10T10:30"))
    assert not calendars.in_force(rule(), at("2026-01-10T12:00"))


def test_nothing_is_judged_in_a_maintenance_window() -> None:
    times = {"starts_at": "2026-01-05 09:00:00", "ends_at": "2026-01-05T10:00:00+00:00"}
    window = Calendars([row("maintenance_window", scope="site", scope_id="s1", **times)])
    moments = ["2026-01-05T08:59", "2026-01-05T09:00", "2026-01-05T09:59", "2026-01-05T10:00"]
    assert [window.in_force(rule(), at(moment)) for moment in moments] == [True, False, False, True]


def test_a_silence_tells_why_nobody_is_told() -> None:
    said = {"scope": "product", "scope_id": "am319", "ends_at": "2026-01-05 10:00:00", "reason": "known fault"}
    calendars, observation = Calendars([row("silence", "S7", **said)]), at("2026-01-05T09:00")
    reason = calendars.silence(rule(), observation, observation.event_time)
    assert reason == "silence S7 until 2026-01-05 10:00:00: known fault"
    assert calendars.silence(rule(), observation, observation.event_time + 3_600_000) is None
    assert calendars.in_force(rule(), observation)


def test_a_silence_may_name_one_rule() -> None:
    calendars = Calendars([row("silence", scope="device", scope_id="d1", rule="am319/other")])
    assert calendars.silence(rule(), at("2026-01-05T09:00"), 0) is None


def test_the_newest_version_of_a_row_holds_and_a_deleted_one_does_not() -> None:
    everything = row("maintenance_window", version=2, scope="device", scope_id="d1")
    calendars = Calendars([everything])
    assert not calendars.apply(row("maintenance_window", version=1, scope="device", scope_id="d9"))
    assert not calendars.in_force(rule(), at("2026-01-05T09:00"))
    assert calendars.apply(replace_deleted(everything))
    assert calendars.in_force(rule(), at("2026-01-05T09:00"))


def replace_deleted(change: MasterChange) -> MasterChange:
    return MasterChange(change.master, change.key, {}, change.version + 1, True)


def test_tables_that_are_no_calendars_are_left_alone() -> None:
    assert not Calendars().apply(row("device", "d1"))


@pytest.mark.parametrize(
    ("text", "days"), [("mon-fri", {0, 1, 2, 3, 4}), ("sat,sun", {5, 6}), ("fri-mon", {4, 5, 6, 0}), ("wed", {2})]
)
def test_days_are_spans_and_lists(text, days) -> None:
    assert weekdays(text) == days
