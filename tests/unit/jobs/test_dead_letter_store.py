"""What a selection asks DocumentDB for."""

from datetime import UTC, datetime

from jobs.dead_letter_store import Selection

SINCE = datetime(2026, 1, 5, tzinfo=UTC)


def test_nothing_chosen_selects_every_letter() -> None:
    assert Selection().filter == {}


def test_every_choice_narrows() -> None:
    chosen = Selection(product="p", reason="truncated", since=SINCE, state="open")
    assert chosen.filter == {
        "product": "p",
        "reason": "truncated",
        "state": "open",
        "first_seen": {"$gte": SINCE},
    }
