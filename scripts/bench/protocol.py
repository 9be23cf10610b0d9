"""The contender's side of the benchmark's protocol; `crates/readlens-bench` speaks the same.

The first line of standard input is a job in JSON. A contender prepares, warms up and writes
`ready`, then answers each line `run` with the milliseconds of one repetition, and `end` with a JSON
report. One that cannot do the job writes `unsupported` and the reason instead of `ready`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Unsupported(Exception):
    """The contender cannot do this job; the message says why."""


def read_job() -> dict[str, Any]:
    """The job on standard input."""
    return json.loads(sys.stdin.readline())


def say(line: str) -> None:
    """Writes one line to the driver."""
    print(line, flush=True)


def peak_kb() -> int:
    """The process's largest resident memory so far, as the kernel keeps it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmHWM: run on Linux")


def serve(
    warm_up: int, repetition: Callable[[], float | None], values: Callable[[], list[float]] | None
) -> None:
    """Warms up, then repeats on request.

    The report's values are `values()`, or what the repetitions of the warm-up returned.
    """
    first = [repetition() for _ in range(warm_up)]
    say("ready")
    for line in sys.stdin:
        if line.strip() != "run":
            break
        start = time.perf_counter()
        repetition()
        say(f"{(time.perf_counter() - start) * 1e3:.4f}")
    # Before the values are computed, which is no part of a repetition.
    peak = peak_kb()
    say(json.dumps({"peak_kb": peak, "values": first if values is None else values()}))


def contend(prepare: Callable[[dict[str, Any]], tuple[Callable[[], float | None], Any]]) -> None:
    """The whole of a contender's main: `prepare` makes the repetition and the values of a job."""
    job = read_job()
    try:
        repetition, values = prepare(job)
    except Unsupported as reason:
        say(f"unsupported {reason}")
        return
    serve(job["warm_up"], repetition, values)
