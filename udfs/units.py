"""The UCUM codes that specs may use, each with a plain name."""

from udfs.document import suggest

UNITS = {
    "1": "pure number",
    "%": "percent",
    "[ppm]": "parts per million",
    "[ppb]": "parts per billion",
    "Cel": "degree Celsius",
    "K": "kelvin",
    "Pa": "pascal",
    "hPa": "hectopascal",
    "kPa": "kilopascal",
    "bar": "bar",
    "V": "volt",
    "mV": "millivolt",
    "A": "ampere",
    "mA": "milliampere",
    "A.h": "ampere hour",
    "W": "watt",
    "kW": "kilowatt",
    "W.h": "watt hour",
    "kW.h": "kilowatt hour",
    "Hz": "hertz",
    "ohm": "ohm",
    "lx": "lux",
    "dB": "decibel",
    "dBm": "decibel milliwatt",
    "dB[A]": "A-weighted decibel",
    "ug/m3": "microgram per cubic metre",
    "mg/m3": "milligram per cubic metre",
    "uS/cm": "microsiemens per centimetre",
    "m": "metre",
    "mm": "millimetre",
    "cm": "centimetre",
    "km": "kilometre",
    "m/s": "metre per second",
    "km/h": "kilometre per hour",
    "[kn_i]": "knot",
    "deg": "degree of arc",
    "g": "gram",
    "kg": "kilogram",
    "L": "litre",
    "m3": "cubic metre",
    "L/min": "litre per minute",
    "m3/h": "cubic metre per hour",
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "wk": "week",
}


def unit_fault(code: str) -> str | None:
    """What is wrong with a unit code, None if nothing; `{level}` and the like name a count or a level."""
    if code in UNITS or (code.startswith("{") and code.endswith("}") and len(code) > 2):
        return None
    return f"unknown unit `{code}`{suggest(code, UNITS) or ': expected a UCUM code such as Cel, %, hPa, V or {level}'}"
