"""Drafts of texts whose values stand between separators."""

import re
from collections.abc import Sequence
from typing import Any, Final

from cli.drafting.draft import Draft, Item, Names
from cli.drafting.samples import Sample
from cli.drafting.texts import is_time, text_type
from udfs.checksums import CHECKSUMS

_SEPARATORS: Final = (",", ";", "|", "\t", " ")
_SEALED: Final = re.compile(r"(?P<body>.*)\*(?P<digits>[0-9A-Fa-f]{2})(?P<end>\r?\n?)\Z", re.DOTALL)
_START: Final = re.compile(r"[^A-Za-z0-9]+")


def draft_text(samples: Sequence[Sample], names: Names) -> Draft:
    """Values between the separator that stands equally often in every line; else one text."""
    payloads = [sample.payload for sample in samples]
    seal = _seal(payloads)
    bodies = [_SEALED.match(payload)["body"] for payload in payloads] if seal else payloads  # type: ignore[index]
    start = _START.match(_common_start(bodies))
    begin = start[0] if start else ""
    bodies = [body.removeprefix(begin) for body in bodies]
    separator = next(
        (sign for sign in _SEPARATORS if {body.count(sign) for body in bodies} == {bodies[0].count(sign)} != {0}), None
    )
    if separator is None:
        value = {"name": names.take("text"), "type": "text"}
        return Draft("text", "hybrid", [Item(value, "no separator stands equally often in all lines")], "parts")
    fields = [
        _value(number, cells, samples, names)
        for number, cells in enumerate(zip(*(body.split(separator) for body in bodies), strict=True), 1)
    ]
    parts = [Item({"literal": begin})] if begin else []
    time_field = next((str(item.stated["name"]) for item in fields if is_time(item.stated)), None)
    if seal is None:
        return Draft("text", "hybrid", [*parts, *fields], "parts", {"separator": separator}, time_field)
    checksum, end = seal
    parts.append(Item({"separator": separator, "until": "*", "consume": False, "mark": "begin"}, items=fields))
    parts += [Item({"literal": "*", "mark": "star"}), Item({"checksum": checksum, "start": "begin", "end": "star"})]
    parts += [Item({"literal": end})] if end else []
    keys = {"completed_by": end} if end else {}
    return Draft("text", "hybrid", parts, "parts", keys, time_field)


def _common_start(texts: Sequence[str]) -> str:
    """What all of them begin with."""
    low, high = min(texts), max(texts)
    length = next((at for at, signs in enumerate(zip(low, high, strict=False)) if signs[0] != signs[1]), len(low))
    return low[:length]


def _seal(payloads: Sequence[str]) -> tuple[str, str] | None:
    """The checksum behind a star, over what is between the first sign and the star; and the line's end."""
    found = [_SEALED.match(payload) for payload in payloads]
    ends = {match["end"] for match in found if match}
    if not all(found) or len(ends) != 1:
        return None
    for name in ("nmea", "sum8"):
        algorithm = CHECKSUMS[name]
        if all(
            match
            and f"{algorithm.compute(_START.sub('', match['body'], count=1).encode()):02X}" == match["digits"].upper()
            for match in found
        ):
            return name, ends.pop()
    return None


def _value(number: int, cells: Sequence[str], samples: Sequence[Sample], names: Names) -> Item:
    name = names.take(_expected_name(cells, samples) or f"value_{number}")
    stated: dict[str, Any] = {"name": name} | text_type(name, cells)
    if stated["type"] != "decimal":
        return Item(stated)
    unit, comment = names.unit(name)
    seen = "" if not name.startswith("value_") else f"seen: {', '.join(dict.fromkeys(filter(None, cells)))[:40]}; "
    return Item(stated | {"unit": unit}, seen + comment)


def _expected_name(cells: Sequence[str], samples: Sequence[Sample]) -> str | None:
    """The reading that has the cell's value in every sample that tells its readings."""
    known = [(cell, sample.expect) for cell, sample in zip(cells, samples, strict=True) if sample.expect is not None]
    candidates = {name for _, expect in known for name in expect}
    fitting = sorted(name for name in candidates if all(_agrees(cell, expect.get(name)) for cell, expect in known))
    return fitting[0] if len(fitting) == 1 else None


def _agrees(cell: str, value: Any) -> bool:
    if value is None:
        return cell == ""
    try:
        return float(cell) == float(value)
    except ValueError:
        return cell == str(value)
