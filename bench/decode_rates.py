"""Payloads a second through the row engine, for each product's first example: `python bench/decode_rates.py`.

The decoder column is decode(payload) of the compiled layout, the catalog column the whole way to messages.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from udfs.catalog import compile_catalog, read_specs
from udfs.message import Envelope

SECONDS = 0.5
ROUNDS = 5


def best_rate(call: Callable[[], object]) -> float:
    """Calls a second in the best of five rounds, so that a busy machine disturbs least."""
    return max(_rate(call) for _ in range(ROUNDS))


def _rate(call: Callable[[], object]) -> float:
    calls, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < SECONDS / ROUNDS:
        for _ in range(200):
            call()
        calls += 200
    return calls / elapsed


def main() -> None:
    catalog = compile_catalog(read_specs(Path(__file__).parent.parent / "specs"))
    print(f"{'product':22} {'bytes':>6} {'decoder/s':>12} {'catalog/s':>12}   Python {sys.version.split()[0]}")
    for name, product in catalog.products.items():
        example = product.document.examples[0]
        payload = example.payload
        envelope = Envelope(
            product=name, device="d", protocol="tcp", received_at=1_900_000_000_000, payload=payload, port=example.port
        )
        row_decoder = product.decoder(envelope)
        size = len(payload) // (2 if product.format == "hex" else 1)
        decoder = best_rate(lambda decode=row_decoder.decode, text=payload: decode(text))
        whole = best_rate(lambda sent=envelope: catalog.decode(sent))
        print(f"{name:22} {size:6} {decoder:12,.0f} {whole:12,.0f}")


if __name__ == "__main__":
    main()
