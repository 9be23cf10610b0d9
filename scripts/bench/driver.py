"""Runs the benchmarks and prints a table; see the README beside this file.

Usage: driver.py BINARIES SCRATCH [--quick] [--scaling] [--only PATTERN]

BINARIES is the folder of the release binaries; SCRATCH is a folder to work in.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from comparisons import FULL, QUICK, Comparison, Effort, Round, check_agreement, rounds
from contenders import BenchError, Measurement, note, take_turns
from scaling import print_scaling
from workplace import Workplace

HEADER = "name\tours\ttheirs\tratio\trequired\tstretch"


def row(comparison: Comparison, found: Mapping[str, Measurement]) -> tuple[str, bool]:
    """The comparison's line, and whether it reaches what is required."""
    ours = comparison.ours.of(found[comparison.ours.label])
    theirs = None
    if comparison.theirs is not None:
        theirs = comparison.theirs.of(found[comparison.theirs.label])
    # Where there is no other side, the figure itself is what is required.
    ratio = ours if theirs is None else ours / theirs
    bound = comparison.bound
    required = "-\t-" if bound is None else str(bound)
    fields = [comparison.name, f"{ours:.4g}", "-" if theirs is None else f"{theirs:.4g}", f"{ratio:.3f}"]
    return "\t".join([*fields, required]), bound is None or bound.holds(ratio)


def chosen(plan: Round, pattern: re.Pattern[str]) -> Round | None:
    """The part of a round that the wanted rows need, if any."""
    comparisons = [c for c in plan.comparisons if pattern.search(c.name)]
    labels = set().union(*(c.labels() for c in comparisons))
    labels |= {other for of, other, _ in plan.agreements if of in labels}
    makers = {label: make for label, make in plan.makers.items() if label in labels}
    return Round(plan.repetitions, makers, comparisons, plan.agreements) if makers else None


def compare(place: Workplace, effort: Effort, pattern: re.Pattern[str]) -> list[str]:
    """Measures and prints all wanted rows; returns the lines that miss what is required."""
    missed: list[str] = []
    plans = [part for plan in rounds(place, effort) if (part := chosen(plan, pattern))]
    if not plans:
        raise BenchError(f"no row has a name with {pattern.pattern!r}")
    print(HEADER, flush=True)
    for plan in plans:
        note(plan.comparisons[0].name)
        found = take_turns(plan.makers, plan.repetitions)
        for of, other, tolerance in plan.agreements:
            check_agreement(found, of, other, tolerance)
        for comparison in plan.comparisons:
            if not comparison.labels() <= found.keys():
                note(f"  no row {comparison.name!r}: a side of it was left out")
                continue
            line, holds = row(comparison, found)
            print(line, flush=True)
            if not holds:
                missed.append(line)
    return missed


def pattern_of(text: str) -> re.Pattern[str]:
    """The regular expression of an option."""
    try:
        return re.compile(text)
    except re.error as e:
        raise argparse.ArgumentTypeError(f"{text!r} is no pattern: {e}") from None


def main() -> int:
    parser = argparse.ArgumentParser(prog="run", description="Benchmarks of readlens.")
    parser.add_argument("binaries", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("scratch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="model A only, few repetitions")
    parser.add_argument("--scaling", action="store_true", help="how our cost grows, instead")
    parser.add_argument(
        "--only", metavar="PATTERN", type=pattern_of, default="", help="rows whose name matches"
    )
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            place = Workplace(Path(folder), options.binaries)
            if options.scaling:
                print_scaling(place, options.quick)
                return 0
            effort = QUICK if options.quick else FULL
            missed = compare(place, effort, options.only)
    except BenchError as e:
        note(f"error: {e}")
        return 2
    except KeyboardInterrupt:
        return 130
    for line in missed:
        note(f"missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
