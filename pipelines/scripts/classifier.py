#!/usr/bin/env python3
"""Prints how right a classifier is as Markdown: each branch alone, all together and count models.

Figures are in %. Those of several seeds are means, with ± their standard deviation; brackets hold
95 % bootstrap intervals over records, their ends averaged over the seeds. Needs pyarrow
(scripts/ci-requirements.txt).
"""

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean, stdev

import pyarrow.parquet as parquet
from tables import RANKS, table

# What a window is seen through, and how the page calls it.
MASKS = {"keep_block": "one block kept", "random_subset": "random tokens kept", "constant": "one level for all"}
# Shares of the windows that a gap of the frame falls into.
GAPS = 10

Figure = tuple[float, float | None, float | None]


class Assessments:
    """The rows of one table for each seed, by what they are about."""

    def __init__(self, files: Iterable[Path]):
        self.figures: dict[tuple, list[Figure]] = defaultdict(list)
        for file in files:
            for row in parquet.read_table(file).to_pylist():
                # Bins of probabilities are for diagrams; tables of version 1 have none.
                if row.get("p_low") is not None:
                    continue
                share = None if row["share"] is None else round(row["share"], 4)
                key = (row["branch"], row["operator"], share, (row["shortest"], row["longest"]), row["rank"], row["metric"])
                self.figures[key].append((row["value"], row["ci_low"], row["ci_high"]))
                self.split = row["split"]

    def get(
        self, branch: str | None, rank: str, operator: str = "unmasked", share: float | None = None,
        length: tuple = (None, None), metric: str = "accuracy",
    ) -> list[Figure]:
        return self.figures.get((branch, operator, share, length, rank, metric), [])

    def values(self, place: int) -> list:
        """The values at a place of the keys, in the order of the table."""
        return list(dict.fromkeys(key[place] for key in self.figures))


def percent(figures: list[Figure], interval: bool = True) -> str:
    if not figures:
        return "–"
    values, lows, highs = zip(*figures)
    text = f"{100 * mean(values):.1f}"
    if len(values) > 1:
        text += f" ± {100 * stdev(values):.1f}"
    if interval and None not in lows + highs:
        text += f" [{100 * mean(lows):.1f}, {100 * mean(highs):.1f}]"
    return text


def short(figures: list[Figure]) -> str:
    return f"{100 * mean(value for value, _, _ in figures):.1f}" if figures else "–"


def seconds(folders: list[Path], name: str) -> tuple[float, float] | None:
    """Wall and CPU seconds of the jobs that made something, averaged over the seeds."""
    jobs = []
    for folder in folders:
        file = folder / f"{name}.tsv"
        if file.exists():
            with open(file, newline="") as lines:
                jobs += csv.DictReader(lines, delimiter="\t")
    times = [(job["s"], job["cpu_time"]) for job in jobs if not {job["s"], job["cpu_time"]} & {"-", "NA"}]
    return tuple(mean(map(float, column)) for column in zip(*times)) if times else None


def times(parts: list[tuple[float, float] | None]) -> str:
    """The sum of some seconds, where all of them are known."""
    if not parts or None in parts:
        return "–"
    wall, cpu = map(sum, zip(*parts))
    return f"{wall:.0f} ({cpu:.0f})"


def frame_rows(tokens: Path, ranks: list[str], split: str) -> list[str]:
    """What strand, phase and gap of the frame tell: the most frequent training taxon of their cell."""
    columns = ["strand", "phase", "frame_gap", "split", *ranks]
    rows = parquet.read_table(tokens, columns=columns).to_pylist()
    gaps = sorted(row["frame_gap"] for row in rows if row["split"] == "train" and row["frame_gap"] is not None)
    if not gaps:
        return []
    bounds = [gaps[len(gaps) * part // GAPS] for part in range(1, GAPS)]

    def cell(row: dict) -> tuple:
        gap = row["frame_gap"]
        return row["strand"], row["phase"], None if gap is None else sum(gap >= bound for bound in bounds)

    cells = []
    for rank in ranks:
        counts: dict[tuple, Counter] = defaultdict(Counter)
        labelled = [row for row in rows if row[rank] is not None]
        for row in labelled:
            if row["split"] == "train":
                counts[cell(row)][row[rank]] += 1
        likeliest = {place: taxa.most_common(1)[0][0] for place, taxa in counts.items()}
        judged = [row for row in labelled if row["split"] == split]
        right = sum(likeliest.get(cell(row)) == row[rank] for row in judged)
        cells.append(f"{100 * right / max(len(judged), 1):.1f}")
    return cells


def accuracy_table(found: Assessments, options: argparse.Namespace, ranks: list[str]) -> None:
    print(f"### Accuracy on the split {found.split}\n")
    branches = [branch for branch in found.values(0) if branch is not None]
    spent = {branch: seconds(options.seconds, f"branches/{branch}") for branch in branches}
    # Its parts and their combination, or a single network.
    jobs = [*spent.values(), seconds(options.seconds, "combine")] if branches else [seconds(options.seconds, "classifier")]
    whole = [(None, "all together" if branches else "the classifier", jobs)]
    whole += [(branch, f"{branch} alone", [spent[branch]]) for branch in branches]
    rows = [
        [title, *(percent(found.get(branch, rank)) for rank in ranks), times(jobs)] for branch, title, jobs in whole
    ]
    if options.baseline:
        baselines: dict[str, dict[str, str]] = defaultdict(dict)
        for row in parquet.read_table(options.baseline).to_pylist():
            # Count models are judged on the split test.
            if row["metric"] == "accuracy" and row["split"] == found.split:
                figure = (row["value"], row["ci_low"], row["ci_high"])
                baselines[row["operator"]][row["rank"]] = percent([figure])
        rows += [
            [name.replace("_", " "), *(cells.get(rank, "–") for rank in ranks), "–"] for name, cells in baselines.items()
        ]
    if options.tokens and (cells := frame_rows(options.tokens, ranks, found.split)):
        rows.append(["strand, phase and gap of the frame", *cells, "–"])
    rows.append(["everything hidden", *(short(found.get(None, rank, "all_zero")) for rank in ranks), "–"])
    rows.append(["most frequent taxon", *(short(found.get(None, rank, "majority_class")) for rank in ranks), "–"])
    table(["", *ranks, "seconds to make (CPU seconds)"], rows)
    errors = [f"{rank} {short(found.get(None, rank, metric='expected_calibration_error'))}" for rank in ranks]
    print(f"Expected calibration error, in points: {', '.join(errors)}.")
    lineages = short(found.get(None, "all", metric="lineage_consistency"))
    print(f"Predictions that are a lineage of the data: {lineages} %.\n")


def joined(ranks: list[str], figures: Callable[[str], list[Figure]]) -> str:
    return " / ".join(short(figures(rank)) for rank in ranks)


def length_table(found: Assessments, ranks: list[str], branches: list[str | None]) -> None:
    lengths = [length for length in found.values(3) if length != (None, None)]
    if not lengths:
        return
    print(f"### By length: {' / '.join(ranks)}\n")

    def title(length: tuple) -> str:
        shortest, longest = length
        return f"{shortest or 1} to {longest} bases" if longest else f"{shortest} bases and more"

    rows = [
        [branch or "all together", *(joined(ranks, lambda r: found.get(branch, r, length=length)) for length in lengths)]
        for branch in branches
    ]
    table(["", *map(title, lengths)], rows)


def mask_tables(found: Assessments, ranks: list[str], branches: list[str | None]) -> None:
    shares = [share for share in found.values(2) if share is not None]
    for operator, name in MASKS.items():
        if not any(found.get(None, ranks[0], operator, share) for share in shares):
            continue
        print(f"### {name.capitalize()}: {' / '.join(ranks)}\n")
        rows = [
            [branch or "all together", *(joined(ranks, lambda r: found.get(branch, r, operator, share)) for share in shares)]
            for branch in branches
        ]
        table(["", *(f"{share:g}" for share in shares)], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assessment", action="append", required=True, type=Path, help="of one seed; may be repeated")
    parser.add_argument("--baseline", type=Path, help="figures of count models")
    parser.add_argument("--tokens", type=Path, help="windows, for what their frame tells")
    parser.add_argument(
        "--seconds", action="append", default=[], type=Path, help="folder of Snakemake's benchmarks of one seed"
    )
    parser.add_argument("--title", required=True, help="heading of the page")
    parser.add_argument("--source", required=True, help="the command that computed the figures")
    options = parser.parse_args()

    found = Assessments(options.assessment)
    known = [rank for rank in found.values(4) if rank != "all"]
    ranks = [rank for rank in RANKS if rank in known] + [rank for rank in known if rank not in RANKS]
    branches = found.values(0)
    print(f"# {options.title}: the classifier\n")
    print(f"Printed by `{options.source}`.\n")
    count = len(options.assessment)
    print(f"Figures are in %, over {count} seed{'s' if count > 1 else ''}; brackets hold 95 % intervals over records.\n")
    accuracy_table(found, options, ranks)
    length_table(found, ranks, branches)
    mask_tables(found, ranks, branches)


if __name__ == "__main__":
    main()
