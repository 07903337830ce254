"""What the simulated devices measure: a day's curve, a constant of the device, a little noise."""

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from udfs.timestamps import iso_text

Value = float | int | str | bool
Readings = dict[str, Value]

DAY_MS: Final = 86_400_000
KNOT: Final = 0.5144  # metres per second, as the normalizer of the wind sensor has it
WARM_ROOM: Final = 21.0
COLD_ROOM: Final = 3.5
HOT: Final[Mapping[str, float]] = {"milesight-am319": 46.0, "coldroom-logger": 13.0}
"""Above every limit that holds for a device of the product, but the one raised during the run."""


def imei(index: int) -> str:
    """What tracker number `index` calls itself."""
    return f"{867_144_025_000_000 + index:015d}"


def measure(product: str, index: int, at: int, serial: int, rng: Random) -> Readings:
    """Healthy readings of device number `index` at epoch ms `at`; `serial` rises with each report of the device."""
    return _SIGNALS[product](index, at, serial, rng)


def hot(product: str, index: int, at: int, serial: int, rng: Random) -> Readings:
    """The same with a temperature above the limit of the product's threshold rule."""
    temperature = round(HOT[product] + rng.uniform(-1, 1), 1)
    return {**measure(product, index, at, serial, rng), "temperature": temperature}


def drive(index: int, at: int, serial: int, rng: Random, *, event: int, speed: int) -> Readings:
    """A tracker's report with this event code and speed in km/h."""
    report = measure("meitrack-aaa", index, at, serial, rng)
    return {**report, "event": event, "speed_kmh": speed, "power_raw": 0 if event == 23 else 259}


def _daily(at: int, peak_hour: float) -> float:
    """-1 … 1 over the day (UTC), 1 at `peak_hour`."""
    return math.cos(2 * math.pi * ((at % DAY_MS) / DAY_MS - peak_hour / 24))


def _indoor_air(index: int, at: int, serial: int, rng: Random) -> Readings:
    occupied = max(0.0, _daily(at, 13))
    return {
        "battery": 100 - index % 40,
        "temperature": round(WARM_ROOM + index % 5 * 0.4 + 2.5 * _daily(at, 15) + rng.gauss(0, 0.1), 1),
        "humidity": round((45 - 5 * _daily(at, 15) + rng.gauss(0, 0.4)) * 2) / 2,
        "activity": "trigger" if rng.random() < 0.2 + 0.5 * occupied else "idle",
        "light_level": round(5 * occupied),
        "co2": round(450 + 500 * occupied + rng.gauss(0, 15)),
        "tvoc": max(0, round(30 + rng.gauss(0, 5))),
        "pressure": round(1013 + 4 * math.sin(at / DAY_MS) + rng.gauss(0, 0.1), 1),
        "pm2_5": max(0, round(9 + rng.gauss(0, 2))),
    }


def _particles(index: int, at: int, serial: int, rng: Random) -> Readings:
    fine = max(1.0, 6 + 3 * _daily(at, 8) + rng.gauss(0, 1))
    return {
        "temperature": round(WARM_ROOM + index % 7 * 0.3 + 2 * _daily(at, 15) + rng.gauss(0, 0.1), 1),
        "relative_humidity": round(42 - 5 * _daily(at, 15) + rng.gauss(0, 0.4), 1),
        "pm1_0": round(fine),
        "pm2_5": round(fine * 1.6),
        "pm10": round(fine * 2.1),
    }


def _vehicle(index: int, at: int, serial: int, rng: Random) -> Readings:
    speed = max(0, round(45 + 30 * math.sin(serial / 9 + index) + rng.gauss(0, 4)))
    angle = serial / 60 + index
    return {
        "flag": chr(ord("A") + serial % 26),
        "imei": imei(index),
        "command": "AAA",
        "event": 35,
        "latitude": round(52.52 + 0.05 * math.sin(angle) + index % 100 * 0.01, 6),
        "longitude": round(13.40 + 0.08 * math.cos(angle) + index % 100 * 0.01, 6),
        "time": iso_text(at // 1000 * 1000),
        "gps_valid": "true",
        "satellites": 7 + serial % 5,
        "gsm_signal": 18 + index % 12,
        "speed_kmh": speed,
        "course_deg": round(math.degrees(angle)) % 360,
        "hdop": 1.0,
        "altitude_m": 34 + index % 100,
        "odometer_m": 1_000_000 * (index + 1) + serial * 12,
        "runtime": serial,
        "mcc": 262,
        "mnc": 2,
        "lac": 4124,
        "cell_id": 41902,
        "inputs": 8,
        "outputs": 0,
        "adc1": 0,
        "adc2": 0,
        "adc3": 0,
        "battery_raw": 723,
        "power_raw": 259,
    }


def _wind(index: int, at: int, serial: int, rng: Random) -> Readings:
    knots = max(0, round(12 + 5 * _daily(at, 14) + rng.gauss(0, 2)))
    return {"wind_speed": round(knots * KNOT, 4), "wind_direction": 22.5 * ((index + serial // 50) % 16)}


def _cold_room(index: int, at: int, serial: int, rng: Random) -> Readings:
    return {
        "time": iso_text(at),
        "temperature": round(COLD_ROOM + index % 4 * 0.2 + 0.6 * _daily(at, 15) + rng.gauss(0, 0.1), 1),
        "humidity": round(81 + rng.gauss(0, 1), 1),
        "door": "closed",
        "battery_voltage": round(3.65 - index % 10 * 0.01, 2),
    }


_SIGNALS: Final[Mapping[str, Callable[[int, int, int, Random], Readings]]] = {
    "milesight-am319": _indoor_air,
    "talkpool-oy1700": _particles,
    "meitrack-aaa": _vehicle,
    "ttn-wind-normalized": _wind,
    "coldroom-logger": _cold_room,
}
