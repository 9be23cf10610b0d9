"""Contenders as the driver sees them: processes that take turns, one repetition each.

While one runs, the others wait on their standard input and use no processor, so that what the
machine does besides falls on all of them alike.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from protocol import peak_kb

# Longest time for one answer, a preparation included.
LIMIT_S = 1200.0
# Rest between two turns: the worker threads of PyTorch and OpenVINO go on spinning for a while
# after a repetition, which would fall on whoever comes next.
REST_S = 0.25
# Lines of a contender's standard error that an error message repeats.
ERROR_LINES = 15


class BenchError(Exception):
    """The benchmark cannot go on; the message says what to look at."""


class Unsupported(BenchError):
    """A contender cannot do its job, and says why."""


@dataclass
class Measurement:
    """What came of a contender's turns."""

    milliseconds: list[float] = field(default_factory=list)
    # 0 where it is not known.
    peak_kb: int = 0
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.milliseconds)


class Turns(Protocol):
    """Something that can be measured once at a time."""

    def run(self) -> float:
        """One repetition; its milliseconds."""

    def end(self) -> tuple[int, list[float]]:
        """Ends it; peak memory in kB and the values to compare."""

    def close(self) -> None:
        """Ends it whatever its state."""


def processors(count: int) -> set[int]:
    """`count` processors to run on, of different cores where the machine has as many."""
    available = sorted(os.sched_getaffinity(0))
    chosen: list[int] = []
    siblings: list[int] = []
    for cpu in available:
        if cpu in siblings:
            continue
        chosen.append(cpu)
        siblings.extend(siblings_of(cpu))
    if len(chosen) < count:
        chosen += [cpu for cpu in available if cpu not in chosen]
    if len(chosen) < count:
        raise BenchError(f"{count} threads need {count} processors, but there are {len(chosen)}")
    return set(chosen[:count])


def siblings_of(cpu: int) -> list[int]:
    """The processors that share a core with `cpu`."""
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        text = path.read_text().strip()
    except OSError:
        return [cpu]
    siblings: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        siblings.extend(range(int(first), int(last or first) + 1))
    return siblings


@contextlib.contextmanager
def running_on(cpus: set[int]) -> Iterator[None]:
    """Confines this process, and so what it starts, to some processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environment(threads: int) -> dict[str, str]:
    """The driver's environment with the thread counts of the numeric libraries."""
    names = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    return {**os.environ, **{name: str(threads) for name in names}}


class Contender:
    """A process that speaks the protocol of `protocol.py`."""

    def __init__(self, label: str, command: list[str], job: Mapping[str, Any]) -> None:
        self.label = label
        self.errors = tempfile.TemporaryFile()
        self.pending = b""
        threads = job["threads"]
        with running_on(processors(threads)):
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env=environment(threads),
            )
        try:
            self.say(json.dumps(job))
            answer = self.answer()
            if answer.startswith("unsupported"):
                raise Unsupported(f"{label}: {answer.removeprefix('unsupported ')}")
            if answer != "ready":
                raise self.failure(f"expected ready, found {answer!r}")
        except BaseException:
            self.close()
            raise

    def run(self) -> float:
        self.say("run")
        answer = self.answer()
        try:
            return float(answer)
        except ValueError:
            raise self.failure(f"expected milliseconds, found {answer!r}") from None

    def end(self) -> tuple[int, list[float]]:
        self.say("end")
        answer = self.answer()
        try:
            report = json.loads(answer)
            found = int(report["peak_kb"]), [float(value) for value in report["values"]]
        except (ValueError, TypeError, KeyError):
            raise self.failure(f"expected a report, found {answer[:200]!r}") from None
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise self.failure("it does not end") from None
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.errors.close()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise self.failure("it does not listen any more") from None

    def answer(self) -> str:
        """The next line of its standard output."""
        assert self.process.stdout is not None
        stdout = self.process.stdout.fileno()
        deadline = time.monotonic() + LIMIT_S
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise self.failure(f"no answer within {LIMIT_S:.0f} s")
            more = os.read(stdout, 1 << 16)
            if not more:
                raise self.failure("it died")
            self.pending += more
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode().strip()

    def failure(self, what: str) -> BenchError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A process that is about to end leaves its status and its last words.
            self.process.wait(2)
        return BenchError(f"{self.label}: {what} (status {self.process.poll()})\n{last_lines(self.errors)}")


class Command:
    """A program that does one repetition and ends."""

    def __init__(self, label: str, command: list[str], threads: int) -> None:
        self.label = label
        self.command = command
        self.threads = threads
        self.peak_kb = 0

    def run(self) -> float:
        with tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            with running_on(processors(self.threads)):
                process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    env=environment(self.threads),
                )
            timer = threading.Timer(LIMIT_S, process.kill)
            timer.start()
            try:
                _, status, usage = os.wait4(process.pid, 0)
            finally:
                timer.cancel()
            milliseconds = (time.perf_counter() - start) * 1e3
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise BenchError(
                    f"{self.label}: {' '.join(self.command)} ended with status {process.returncode}\n"
                    f"{last_lines(errors)}"
                )
        self.peak_kb = max(self.peak_kb, usage.ru_maxrss)
        return milliseconds

    def end(self) -> tuple[int, list[float]]:
        # The kernel counts the moment before the program began, when the child was still the
        # driver: what is not larger than that is not known.
        return (self.peak_kb if self.peak_kb > peak_kb() else 0), []

    def close(self) -> None:
        """Nothing runs between repetitions."""


def last_lines(errors: Any) -> str:
    """The end of a standard error, for a message."""
    errors.seek(0)
    text = errors.read().decode(errors="replace").strip()
    return "\n".join(f"    {line}" for line in text.splitlines()[-ERROR_LINES:])


def take_turns(makers: Mapping[str, Callable[[], Turns]], repetitions: int) -> dict[str, Measurement]:
    """Measures all in turn, A B C A B C …, and returns what came of each by its label.

    One that does not support its job is left out, with a note on standard error.
    """
    with contextlib.ExitStack() as stack:
        turns: dict[str, Turns] = {}
        for label, make in makers.items():
            try:
                turns[label] = make()
            except Unsupported as reason:
                note(f"  left out: {reason}")
                continue
            stack.callback(turns[label].close)
        measurements = {label: Measurement() for label in turns}
        for _ in range(repetitions):
            for label, turn in turns.items():
                time.sleep(REST_S)
                measurements[label].milliseconds.append(turn.run())
        for label, turn in turns.items():
            measurement = measurements[label]
            measurement.peak_kb, measurement.values = turn.end()
            low, high = min(measurement.milliseconds), max(measurement.milliseconds)
            note(
                f"  {label}: median {measurement.median:.1f} ms ({low:.1f} to {high:.1f}), "
                f"peak {measurement.peak_kb / 1024:.0f} MB"
            )
    return measurements


def note(line: str) -> None:
    """A line about the progress."""
    print(line, file=sys.stderr, flush=True)
