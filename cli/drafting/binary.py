"""Drafts of payloads of bytes: fixed places, keys before their values, or what the payloads have in common."""

from collections.abc import Sequence

from cli.drafting.assign import Known, Solved, byte_order_of, columns_of, solve, time_field_of
from cli.drafting.draft import Draft, Item, Names
from cli.drafting.keyed import draft_keys
from cli.drafting.places import in_order, value_items
from cli.drafting.samples import Sample


def draft_hex(samples: Sequence[Sample], names: Names) -> Draft:
    """Fixed places where all payloads have one length, else keys with values, else what the payloads have in common."""
    datas = [bytes.fromhex(sample.payload) for sample in samples]
    pairs = zip(datas, samples, strict=True)
    known = [(data, sample.expect) for data, sample in pairs if sample.expect is not None and not sample.is_odd]
    if len({len(data) for data in datas}) == 1:
        return _fixed(datas, known, names)
    keyed = draft_keys(known, names) if known else None
    return keyed if keyed is not None else _beginning(datas, known, names)


def _fixed(datas: Sequence[bytes], known: Known, names: Names) -> Draft:
    solved = solve([data for data, _ in known], columns_of([expect for _, expect in known])) if known else Solved()
    items = value_items(solved, datas, names)
    order = byte_order_of(solved.chosen.values())
    return Draft("hex", "length", in_order(items, order), keys={"byte_order": order}, time_field=time_field_of(solved))


def _beginning(datas: Sequence[bytes], known: Known, names: Names) -> Draft:
    """What stands at fixed places before the shortest payload ends; the rest as it is."""
    size = min(map(len, datas))
    cut = [(data[:size], expect) for data, expect in known]
    solved = solve([data for data, _ in cut], columns_of([expect for _, expect in cut])) if known else Solved()
    items = value_items(solved, [data[:size] for data in datas], names)
    rest = Item({"name": names.take("rest"), "type": "bytes"}, "payloads differ in length: if, switch, repeat or keys?")
    order = byte_order_of(solved.chosen.values())
    items = [*in_order(items, order), rest]
    return Draft("hex", "hybrid", items, "parts", {"byte_order": order}, time_field_of(solved))
