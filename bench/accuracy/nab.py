"""The job's detectors over labelled series of the Numenta Anomaly Benchmark, scored as it publishes.

    python bench/accuracy/nab.py [--files]

One threshold for all files, the best for the part at hand, as the benchmark does. Beside it stands the score where each
file is judged by the threshold that is best for the other files.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from nab_scoring import PROFILES, Profile, Window, normalised, probation, raw_score  # noqa: E402

from udfs.detectors.assessment import Detector  # noqa: E402
from udfs.detectors.drift import Drift  # noqa: E402
from udfs.detectors.half_space_trees import HalfSpaceTrees  # noqa: E402
from udfs.detectors.novelty import Novelty  # noqa: E402
from udfs.detectors.seasonal_z import SeasonalZ  # noqa: E402

DETECTORS: Final[Mapping[str, Callable[[], Detector]]] = {
    "novelty": Novelty,
    "half_space_trees": HalfSpaceTrees,
    "seasonal_z (a day)": lambda: SeasonalZ(season=86_400_000),
    "drift": Drift,
}
THRESHOLDS: Final = 200


class Series(NamedTuple):
    """A labelled series; times in epoch ms."""

    times: list[int]
    values: list[float]
    windows: list[Window]


def read_series(folder: Path) -> dict[str, Series]:
    labels = json.loads((folder / "labels.json").read_text())
    return {name: _read(folder / name, windows) for name, windows in labels.items()}


def _read(path: Path, windows: list[list[str]]) -> Series:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times = [_epoch_ms(row["timestamp"]) for row in rows]
    spans = []
    for first, last in windows:
        inside = [i for i, at in enumerate(times) if _epoch_ms(first) <= at <= _epoch_ms(last)]
        spans.append((inside[0], inside[-1]))
    return Series(times, [float(row["value"]) for row in rows], spans)


def _epoch_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


Scores = dict[str, list[float]]


def assess(make: Callable[[], Detector], series: Mapping[str, Series]) -> Scores:
    scores: Scores = {}
    for name, each in series.items():
        detector = make()
        scores[name] = [detector.assess(at, value).score for at, value in zip(each.times, each.values, strict=True)]
    return scores


def score_at(threshold: float, scores: Scores, series: Mapping[str, Series], profile: Profile) -> float:
    """The raw score of these files together."""
    return sum(
        raw_score(_detections(found, threshold), series[name].windows, len(found), profile)
        for name, found in scores.items()
    )


def _detections(scores: Sequence[float], threshold: float) -> list[int]:
    return [row for row, score in enumerate(scores) if score >= threshold]


def best_threshold(scores: Scores, series: Mapping[str, Series], profile: Profile) -> float:
    """Of the scores given, at most THRESHOLDS of the highest at even distances; above all of them nothing fires."""
    given = sorted({round(score, 4) for found in scores.values() for score in found if score > 0}, reverse=True)[:500]
    candidates = [2.0, *given[:: max(1, len(given) // THRESHOLDS)]]
    return max(candidates, key=lambda threshold: score_at(threshold, scores, series, profile))


def left_out(scores: Scores, series: Mapping[str, Series], profile: Profile) -> float:
    """The raw score where each file has the threshold that is best for the others."""
    total = 0.0
    for name in scores:
        others = {other: found for other, found in scores.items() if other != name}
        total += score_at(best_threshold(others, series, profile), {name: scores[name]}, series, profile)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", action="store_true", help="also what novelty detects in each file")
    options = parser.parse_args()
    series = read_series(HERE / "data")
    num_windows = sum(len(each.windows) for each in series.values())
    num_values = sum(len(each.values) for each in series.values())
    print(f"{len(series)} files, {num_values:,} values, {num_windows} windows\n")
    print("| detector | standard | reward low FP | reward low FN | left-out thresholds | threshold | values/s |")
    print("|---|---|---|---|---|---|---|")
    for name, make in DETECTORS.items():
        started = time.perf_counter()
        scores = assess(make, series)
        rate = num_values / (time.perf_counter() - started)
        figures = []
        for profile in PROFILES.values():
            raw = score_at(best_threshold(scores, series, profile), scores, series, profile)
            figures.append(normalised(raw, num_windows, profile))
        standard = PROFILES["standard"]
        threshold = best_threshold(scores, series, standard)
        others = normalised(left_out(scores, series, standard), num_windows, standard)
        row = " | ".join(f"{figure:.1f}" for figure in figures)
        print(f"| {name} | {row} | {others:.1f} | {threshold:.3f} | {rate:,.0f} |", flush=True)
        if options.files and name == "novelty":
            _print_files(scores, series, threshold)


def _print_files(scores: Scores, series: Mapping[str, Series], threshold: float) -> None:
    for name, found in scores.items():
        rows = [row for row in _detections(found, threshold) if row >= probation(len(found))]
        inside = sum(any(first <= row <= last for first, last in series[name].windows) for row in rows)
        print(f"    {name}: {len(rows)} detections, {inside} in {len(series[name].windows)} windows")


if __name__ == "__main__":
    main()
