"""Grouping: what an operator is told of one site. Times are seconds x 1000; alarms wait 30 s for others."""

from typing import Final

from jobs.grouping import NAMED_ALARMS, Alarm, SiteNotifier, SiteState

INHIBITED_BY = {"p/silent": ("q/power_cut",)}


def alarm(second: float, state: str = "raised", number: int = 1, **changes: str) -> Alarm:
    columns = {"rule": "p/hot", "severity": "minor", "muted_by": None} | changes
    return Alarm(f"a{number}", state=state, device_id=f"d{number}", at=int(second * 1000), **columns)


def run(*steps: Alarm | float, notifier: SiteNotifier | None = None) -> list[tuple[str, float, str, int, str]]:
    """Each notification as state, second, rule, number of alarms and reason."""
    notifier = notifier or SiteNotifier(SiteState(), INHIBITED_BY)
    seen = []
    for step in steps:
        if isinstance(step, Alarm):
            notifier.add(step)
        else:
            seen += notifier.advance(int(step * 1000))
    return [(n.state, n.at / 1000, n.rule, n.num_alarms, n.reason) for n in seen]


def test_a_thousand_alarms_of_a_site_are_one_notification() -> None:
    burst = [alarm(10 + number / 100, number=number) for number in range(1000)]
    assert run(*burst, 1000) == [("sent", 40, "p/hot", 1000, "")]


def test_later_ones_come_with_its_next_update() -> None:
    assert run(alarm(10), alarm(50, number=2), alarm(60, number=3), 1000) == [
        ("sent", 40, "p/hot", 1, ""),
        ("updated", 340, "p/hot", 3, ""),
    ]


def test_alarms_at_one_moment_are_told_together() -> None:
    assert run(*[alarm(10, number=number) for number in range(1000)], 100) == [("sent", 40, "p/hot", 1000, "")]


def test_a_notification_names_the_first_alarms_only() -> None:
    notifier = SiteNotifier(SiteState(), {})
    for number in range(NAMED_ALARMS + 5):
        notifier.add(alarm(10, number=number))
    (told,) = notifier.advance(100_000)
    assert len(told.alarm_ids) == NAMED_ALARMS


def test_it_is_resolved_when_all_are_over() -> None:
    raised = [alarm(10, number=1), alarm(10, number=2)]
    over = [alarm(50, "cleared", 1), alarm(60, "cleared", 2)]
    assert run(*raised, *over, 100)[1:] == [("resolved", 60, "p/hot", 2, "all alarms are over")]


def test_an_alarm_over_before_it_is_told_is_suppressed() -> None:
    assert run(alarm(10), alarm(20, "cleared"), 100) == [("suppressed", 20, "p/hot", 1, "over within 30 s")]


def test_a_silenced_alarm_is_suppressed_and_says_why() -> None:
    assert run(alarm(10, muted_by="silence S1"), 100) == [("suppressed", 10, "p/hot", 1, "silence S1")]


def test_rules_are_told_apart() -> None:
    assert [n[2] for n in run(alarm(10), alarm(10, number=2, rule="p/wet"), 50)] == ["p/hot", "p/wet"]


def test_an_escalation_is_told_at_once() -> None:
    steps = alarm(10), 50, alarm(60, "escalated", severity="critical"), 61
    assert run(*steps)[1] == ("updated", 60, "p/hot", 1, "escalated to critical")


class TestInhibition:
    """A power cut of the site explains why its devices are silent."""

    CUT: Final = {"rule": "q/power_cut", "number": 99}
    SILENT: Final = {"rule": "p/silent"}

    def test_the_explained_alarms_are_suppressed_even_when_they_come_first(self) -> None:
        seen = run(alarm(10, **self.SILENT), alarm(15, **self.CUT), 100)
        assert [(n[0], n[2]) for n in seen] == [("suppressed", "p/silent"), ("sent", "q/power_cut")]
        assert seen[0][4] == "inhibited by q/power_cut, alarm a99"

    def test_what_is_still_open_after_the_explanation_is_told(self) -> None:
        steps = alarm(10, **self.CUT), alarm(15, **self.SILENT), alarm(100, "cleared", **self.CUT), 200
        assert [(n[0], n[1], n[2]) for n in run(*steps)][-1] == ("sent", 130, "p/silent")

    def test_other_rules_are_not_explained_by_it(self) -> None:
        assert [n[0] for n in run(alarm(10, **self.CUT), alarm(15), 100)] == ["sent", "sent"]

    def test_an_alarm_before_the_cut_that_was_told_stays_told(self) -> None:
        assert [n[0] for n in run(alarm(10, **self.SILENT), 50, alarm(60, **self.CUT), 100)] == ["sent", "sent"]


def test_the_order_of_arrival_changes_nothing() -> None:
    steps = [alarm(10), alarm(12, number=2), alarm(50, "cleared"), alarm(12, number=3, rule="p/silent")]
    assert run(*steps, 200) == run(*reversed(steps), 200)


def test_nothing_is_kept_of_a_site_without_open_alarms() -> None:
    notifier = SiteNotifier(SiteState(), {})
    run(alarm(10), 50, alarm(60, "cleared"), 61, notifier=notifier)
    assert notifier.state.is_empty
    assert notifier.next_time() is None
