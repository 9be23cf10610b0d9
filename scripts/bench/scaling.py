"""How our cost grows with tokens, batch, layers and number of sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from contenders import take_turns
from workplace import MODEL_A, Bench, Model, Workplace

HEADER = "varied\tvalue\tmeasured\tms\tms_per_row\tpeak_mb"
THREADS = 1
# Rows of one repetition where tokens or layers vary.
ROWS = 8


def varied(quick: bool) -> Iterator[tuple[str, int, Bench]]:
    """What varies, its value, and what is measured there; everything else is model A's."""
    base = replace(MODEL_A, batch=ROWS, inference_rows=ROWS)

    def both(model: Model) -> list[Bench]:
        return [Bench("classifier-step", model), Bench("forward", model)]

    for tokens in [128, 512] if quick else [128, 256, 512, 1024, 2048]:
        for bench in both(replace(base, name=f"tokens{tokens}", tokens=tokens)):
            yield "tokens", tokens, bench
    for batch in [1, 8] if quick else [1, 2, 4, 8, 16, 32, 64]:
        model = replace(base, name=f"batch{batch}", batch=batch, inference_rows=batch)
        for bench in both(model):
            yield "batch", batch, bench
    for layers in [2, 4] if quick else [2, 4, 6, 8, 10, 12]:
        for bench in both(replace(base, name=f"layers{layers}", layers=layers)):
            yield "layers", layers, bench
    for rows in [64, 128] if quick else [64, 256, 1024, 4096]:
        model = replace(base, name=f"sequences{rows}", inference_rows=rows)
        for explainer in ("transformer", "convolutional"):
            yield "sequences", rows, Bench("mask-inference", model, explainer)


def print_scaling(place: Workplace, quick: bool) -> None:
    """Prints one line per point, on one core."""
    print(HEADER, flush=True)
    for what, value, bench in varied(quick):
        rows = bench.rows
        label = bench.name.replace(f" {bench.model.name}", "")
        repetitions = 2 if quick or rows > 1000 else 5
        maker = {f"{label}, {what} {value}": lambda b=bench: place.ours(b, THREADS)}
        (found,) = take_turns(maker, repetitions).values()
        fields = [f"{found.median:.2f}", f"{found.median / rows:.3f}", f"{found.peak_kb / 1024:.0f}"]
        print("\t".join([what, str(value), label, *fields]), flush=True)
