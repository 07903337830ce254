from local.ledger import ExpectedAlarm, Ledger, Line

ALARM = ExpectedAlarm("product/rule", "device", 1000)


def ledger_of(*lines: Line) -> Ledger:
    ledger = Ledger()
    for line in lines:
        ledger.add(line)
    return ledger


def test_payload_of_three_rows_is_three_messages() -> None:
    ledger = ledger_of(Line("d", b"", messages=3))
    assert (ledger.envelopes, ledger.received, ledger.stored) == (1, 3, 3)


def test_dead_line_is_one_message_whatever_it_held() -> None:
    ledger = ledger_of(Line("d", b"", messages=3, dead="bad_csv", registered=False, alarm=ALARM))
    assert (ledger.received, ledger.num_dead, ledger.stored) == (1, 1, 0)
    assert ledger.unregistered == 0
    assert ledger.alarms == []


def test_duplicate_counts_once_as_received_and_once_as_duplicate() -> None:
    ledger = ledger_of(Line("d", b"", messages=2), Line("d", b"", messages=2, duplicate=True))
    assert (ledger.received, ledger.duplicates, ledger.stored) == (4, 2, 2)


def test_received_is_stored_dead_and_duplicates() -> None:
    ledger = ledger_of(Line("d", b"", messages=4), Line("d", b"", dead="bad_hex"), Line("d", b"", duplicate=True))
    assert ledger.received == ledger.stored + ledger.num_dead + ledger.duplicates


def test_duplicate_raises_no_second_alarm() -> None:
    assert ledger_of(Line("d", b"", alarm=ALARM), Line("d", b"", duplicate=True, alarm=ALARM)).alarms == [ALARM]


def test_removed_master_row_is_absent() -> None:
    ledger = Ledger()
    ledger.put_master_row("device", "a", {"device_id": "a"})
    ledger.remove_master_row("device", "a")
    assert ledger.master_rows == {"device": {}}
