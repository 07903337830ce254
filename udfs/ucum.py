"""The part of UCUM that sensors need, as data: base units, prefixes and every other unit by a number and known units.

Plane angle, luminous flux, amount, data and logarithmic levels are base units here, so that nothing converts into them
by accident. `C`, `F` and the like are left out on purpose: in a spec they mean a temperature.
"""

import math
from fractions import Fraction

PREFIXES = {
    "T": Fraction(10) ** 12,
    "G": Fraction(10) ** 9,
    "M": Fraction(10) ** 6,
    "k": Fraction(10) ** 3,
    "h": Fraction(10) ** 2,
    "da": Fraction(10),
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 10**3),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
    "f": Fraction(1, 10**15),
    "Ki": Fraction(1 << 10),
    "Mi": Fraction(1 << 20),
    "Gi": Fraction(1 << 30),
}

BASE = frozenset(
    {"m", "g", "s", "A", "K", "mol", "lm", "deg", "bit"}
    | {"B", "B[SPL]", "B[A]", "B[V]", "B[mV]", "B[uV]", "B[W]", "B[kW]"}
)
"""Units that no other explains; with or without a prefix."""

METRIC = {
    "Hz": "1 /s",
    "Bq": "1 /s",
    "L": "1 dm3",
    "l": "1 dm3",
    "ar": "100 m2",
    "N": "1 kg.m/s2",
    "Pa": "1 N/m2",
    "bar": "100 kPa",
    "m[H2O]": "9.80665 kPa",
    "m[Hg]": "133.322 kPa",
    "J": "1 N.m",
    "cal": "4.184 J",
    "W": "1 J/s",
    "V": "1 W/A",
    "Ohm": "1 V/A",
    "ohm": "1 V/A",
    "S": "1 A/V",
    "T": "1 V.s/m2",
    "lx": "1 lm/m2",
    "Sv": "1 J/kg",
    "By": "8 bit",
    "[g]": "9.80665 m/s2",
}
"""Units that take prefixes, each as a number of other units."""

PLAIN = {
    "%": "1/100 1",
    "[ppm]": "1/1000000 1",
    "[ppb]": "1/1000000000 1",
    "10*": "10 1",
    "10^": "10 1",
    "min": "60 s",
    "h": "60 min",
    "d": "24 h",
    "wk": "7 d",
    "mo": "30.4375 d",
    "a": "365.25 d",
    "t": "1000 kg",
    "atm": "101.325 kPa",
    "rad": f"{180 / Fraction(math.pi)} deg",
    "Cel": "1 K",
    "[degF]": "5/9 K",
    "[in_i]": "2.54 cm",
    "[ft_i]": "12 [in_i]",
    "[yd_i]": "3 [ft_i]",
    "[mi_i]": "5280 [ft_i]",
    "[nmi_i]": "1852 m",
    "[kn_i]": "1 [nmi_i]/h",
    "[lb_av]": "453.59237 g",
    "[oz_av]": "1/16 [lb_av]",
    "[lbf_av]": "9.80665 [lb_av].m/s2",
    "[psi]": "1 [lbf_av]/[in_i]2",
    "[gal_us]": "231 [in_i]3",
    "[Btu_IT]": "1055.05585262 J",
}
"""Units that take no prefix, each as a number of other units."""

OPAQUE = frozenset({"[pH]", "dBm"})
"""Scales that convert into nothing else."""

ZERO_POINTS = {"Cel": Fraction("273.15"), "[degF]": Fraction("459.67") * Fraction(5, 9)}
"""What 0 is in K, where the unit stands alone; in `Cel/h` it is a difference."""

SPELLINGS = {
    "°C": "Cel",
    "degC": "Cel",
    "C": "Cel",
    "°F": "[degF]",
    "degF": "[degF]",
    "F": "[degF]",
    "°": "deg",
    "Ω": "Ohm",
    "Wh": "W.h",
    "kWh": "kW.h",
    "Ah": "A.h",
    "mAh": "mA.h",
    "VA": "V.A",
    "kVA": "kV.A",
    "sec": "s",
    "hr": "h",
    "ppm": "[ppm]",
    "ppb": "[ppb]",
    "psi": "[psi]",
    "pH": "[pH]",
    "kn": "[kn_i]",
    "mph": "[mi_i]/h",
    "kph": "km/h",
    "in": "[in_i]",
    "mi": "[mi_i]",
    "lb": "[lb_av]",
    "mmHg": "mm[Hg]",
    "rpm": "{rpm}",
    "dBA": "dB[A]",
}
"""What manuals write, and the code to suggest for it."""

COMMON = (
    *("Cel", "hPa", "kPa", "V", "mV", "mA", "kW", "kW.h", "Hz", "kHz", "lx", "klx", "dB", "dB[A]", "ug/m3", "mg/m3"),
    *("uS/cm", "mm", "cm", "km", "m/s", "km/h", "kg", "m3", "mL", "L/min", "m3/h", "ms", "W/m2", "mm/h"),
)
"""Compound and prefixed codes that a slip is compared with."""
