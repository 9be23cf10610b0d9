#!/usr/bin/env python3
"""Prints the tables of an experiment as Markdown.

Figures are in % unless said otherwise, with 95 % bootstrap intervals over records in brackets.
Needs pyarrow (scripts/ci-requirements.txt).
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as parquet

OPERATORS = (
    "unmasked masked hard_masked random_block random_segments shifted shuffled foreign inverse hard_inverse"
    " random_block_inverse random_segments_inverse all_zero all_mean majority_class"
).split()
KINDS = ("explainer", "attribution", "control")
RANKS = ("superkingdom", "phylum", "genus")
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
REMOVALS = ("own", "mean", "unknown", "shuffled")
# The removals that the names of operators say; others are under the classifier's own masking.
OWN_REMOVALS = {"all_mean": "mean", "all_unknown": "unknown", "all_shuffled": "shuffled"}
# Operators that keep or remove a fraction of the tokens, the control beside them, and what they do.
CURVES = (("keep_top", "keep_block", "kept"), ("remove_top", "remove_block", "removed"))
FAITHFULNESS = ("comprehensiveness", "sufficiency")
# Metrics of two masks of a window, and the share that they are at.
AGREEMENT = (("spearman", None), ("jaccard", 0.1), ("iou", None), ("max_sensitivity", None))


class Method(NamedTuple):
    """What made a mask; sorts as the tables list them."""

    kind: int
    name: str
    replicate: int

    def __str__(self) -> str:
        return self.name if self.replicate == 1 else f"{self.name} ({self.replicate})"


def method_of(row: dict) -> Method | None:
    """The method of a row; none for figures of the classifier alone."""
    if row["method"] is None:
        return None
    return Method(KINDS.index(row["method_kind"]), row["method"], row["replicate"])


def label_of(row: dict) -> str:
    """What was compared, such as `randomized:3`."""
    return row["operator"] if row["variant"] is None else f"{row['operator']}:{row['variant']}"


class Metrics:
    """The rows of a metrics table by what they are about: masks of all ranks, on the test split."""

    def __init__(self, rows: list[dict]):
        self.rows = {}
        for row in rows:
            if row["split"] == "test" and row["mask_rank"] in (None, "all"):
                share = None if row["share"] is None else round(row["share"], 4)
                key = (method_of(row), label_of(row), row["removal"], share, row["rank"], row["metric"])
                self.rows[key] = row

    def get(
        self, method: Method | None, operator: str, metric: str, rank: str, share: float | None = None,
        removal: str | None = None,
    ) -> dict | None:
        # An operator that hides everything says in its name how.
        removal = removal or OWN_REMOVALS.get(operator, "own")
        return self.rows.get((method, operator, removal, share, rank, metric))

    def methods(self) -> list[Method]:
        return sorted({key[0] for key in self.rows if key[0] is not None})

    def operators(self) -> list[str]:
        return list(dict.fromkeys(key[1] for key in self.rows))

    def ranks(self) -> list[str]:
        """The ranks in the order of the paper, and those that it does not have behind them."""
        found = list(dict.fromkeys(key[4] for key in self.rows if key[4] != "all"))
        return [rank for rank in RANKS if rank in found] + [rank for rank in found if rank not in RANKS]


def read(folder: Path, name: str) -> list[dict]:
    """The rows of a table, none where the experiment has no such table."""
    file = folder / name
    return parquet.read_table(file).to_pylist() if file.exists() else []


def costs(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Passes and seconds per window of each method; a method has a row for each shard."""
    sums: dict[str, dict[str, float]] = {}
    for row in rows:
        method = sums.setdefault(row["method"], {"windows": 0, "passes": 0, "seconds": 0})
        method["windows"] += row["windows"]
        method["passes"] += row["windows"] * (row["forward_passes"] + row["backward_passes"])
        method["seconds"] += row["windows"] * row["seconds"]
    return {
        name: {kind: method[kind] / max(method["windows"], 1) for kind in ("passes", "seconds")}
        for name, method in sums.items()
    }


def percent(row: dict | None, interval: bool = True, scale: float = 100.0, digits: int = 1) -> str:
    if row is None:
        return "–"
    text = f"{scale * row['value']:.{digits}f}"
    if interval and row["ci_low"] is not None:
        text += f" [{scale * row['ci_low']:.{digits}f}, {scale * row['ci_high']:.{digits}f}]"
    return text


def plain(row: dict | None) -> str:
    return percent(row, interval=False, scale=1.0, digits=3)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    head = list(head)
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def baseline_table(metrics: Metrics, ranks: list[str]) -> None:
    print("### k-mer baselines: accuracy on the test split\n")
    rows = []
    for operator in metrics.operators():
        cells = [percent(metrics.get(None, operator, "accuracy", rank)) for rank in ranks]
        if any(cell != "–" for cell in cells):
            rows.append([operator, *cells])
    table(["", *ranks], rows)


def paper_table(metrics: Metrics, method: Method, ranks: list[str]) -> None:
    print(f"### {method}: accuracy under the mask and its controls\n")
    rows = []
    for operator in OPERATORS:
        # What hides all or nothing is of no method.
        cells = [
            percent(metrics.get(method, operator, "accuracy", rank) or metrics.get(None, operator, "accuracy", rank))
            for rank in ranks
        ]
        if any(cell != "–" for cell in cells):
            rows.append([operator, *cells])
    area = metrics.get(method, "mask", "hard_area", "all")
    table([f"area {percent(area, False)} %", *ranks], rows)


def method_table(metrics: Metrics, cost: dict[str, dict[str, float]], methods: list[Method], rank: str) -> None:
    print(f"### Methods side by side ({rank})\n")
    head = [
        "method", "area", "hard masked", "hard inverse", "AUPRC", "IoU", "AOPC comprehensiveness ↑",
        "AOPC sufficiency ↓", "insertion ↑", "deletion ↓", "infidelity", "leave-one-out tau", "segments",
        "passes", "seconds",
    ]
    rows = []
    for method in methods:
        spent = cost.get(method.name) if method.kind != KINDS.index("explainer") else None
        rows.append([
            str(method),
            plain(metrics.get(method, "mask", "hard_area", "all")),
            percent(metrics.get(method, "hard_masked", "accuracy", rank)),
            percent(metrics.get(method, "hard_inverse", "accuracy", rank)),
            plain(metrics.get(method, "mask", "auprc", "all")),
            plain(metrics.get(method, "mask", "iou", "all")),
            plain(metrics.get(method, "aopc", "comprehensiveness", rank)),
            plain(metrics.get(method, "aopc", "sufficiency", rank)),
            plain(metrics.get(method, "keep_top", "insertion_auc", rank)),
            plain(metrics.get(method, "remove_top", "deletion_auc", rank)),
            plain(metrics.get(method, "random_subset", "infidelity_scaled", rank)),
            plain(metrics.get(method, "mask", "leave_one_out_tau", "all")),
            plain(metrics.get(method, "mask", "segments", "all")),
            f"{spent['passes']:.0f}" if spent else "–",
            f"{spent['seconds']:.4f}" if spent else "–",
        ])
    table(head, rows)


def curve_table(metrics: Metrics, methods: list[Method], rank: str) -> None:
    for operator, block, title in CURVES:
        if not any(metrics.get(method, operator, "accuracy", rank, SHARES[0]) for method in methods):
            continue
        print(f"### Accuracy ({rank}) with a fraction of the tokens {title}\n")
        rows = []
        for method, name in [*((method, operator) for method in methods), (None, block)]:
            cells = [percent(metrics.get(method, name, "accuracy", rank, share), False) for share in SHARES]
            rows.append(["random block" if method is None else str(method), *cells])
        table(["method", *(f"{share:.0%}" for share in SHARES)], rows)


def dose_table(metrics: Metrics, ranks: list[str]) -> None:
    print("### Dose-response: accuracy under a constant mask\n")
    levels = [round(level / 10, 1) for level in range(11)]
    rows = [
        [rank, *(percent(metrics.get(None, "constant", "accuracy", rank, level), False) for level in levels)]
        for rank in ranks
    ]
    table(["level", *map(str, levels)], rows)


def ranks_of(values: list[float]) -> list[float]:
    """The place of each value in their order; equal values have the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    place = 0
    while place < len(order):
        end = place
        while end + 1 < len(order) and values[order[end + 1]] == values[order[place]]:
            end += 1
        for index in order[place:end + 1]:
            ranks[index] = (place + end) / 2
        place = end + 1
    return ranks


def spearman(a: list[float], b: list[float]) -> float:
    a, b = ranks_of(a), ranks_of(b)
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    covariance = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    scale = (sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b)) ** 0.5
    return covariance / scale if scale else float("nan")


def removal_table(metrics: Metrics, methods: list[Method], rank: str) -> None:
    for metric in FAITHFULNESS:
        figures = {}
        for removal in REMOVALS:
            rows = [metrics.get(method, "aopc", metric, rank, removal=removal) for method in methods]
            if all(rows):
                figures[removal] = [row["value"] for row in rows]
        if len(figures) < 2:
            continue
        print(f"### Removal operators: Spearman correlation of {metric} (AOPC, {rank}) over {len(methods)} methods\n")
        table(["", *figures], [[a, *(f"{spearman(figures[a], figures[b]):.2f}" for b in figures)] for a in figures])


def compare_table(metrics: Metrics) -> None:
    print("### Stability and sanity: masks compared with those of the first seed\n")
    [method] = metrics.methods()
    rows = []
    for label in metrics.operators():
        rows.append([
            label,
            *(
                percent(metrics.get(method, label, name, "all", share), scale=1.0, digits=2)
                for name, share in AGREEMENT
            ),
        ])
    table(["compared with", "Spearman", "Jaccard of the first 10 %", "IoU", "max-sensitivity"], rows)


def probe_table(metrics: Metrics, ranks: list[str]) -> None:
    print("### Probe: accuracy of a linear model that sees the mask alone\n")
    methods = metrics.methods()
    rows = [[str(m), *(percent(metrics.get(m, "probe", "accuracy", rank)) for rank in ranks)] for m in methods]
    majority = (percent(metrics.get(methods[0], "probe", "majority_accuracy", rank), False) for rank in ranks)
    table(["", *ranks], [*rows, ["majority_accuracy", *majority]])


def retrained_tables(metrics: Metrics, ranks: list[str]) -> None:
    shares = sorted({key[3] for key in metrics.rows if key[1] == "surrogate"})
    for share, rank in ((share, rank) for share in shares for rank in ranks):
        rows = []
        for method in metrics.methods():
            cells = [
                percent(metrics.get(method, operator + variant, "accuracy", rank, share), interval=variant == "")
                for operator in ("retrained_kept", "retrained_removed")
                for variant in ("", ":random_tokens", ":blurred_noise")
            ]
            cells.append(percent(metrics.get(method, "surrogate", "accuracy", rank, share)))
            cells += [
                percent(metrics.get(method, "surrogate", metric, rank, share), scale=1.0, digits=2)
                for metric in ("encode_meter", "stripe_x")
            ]
            if any(cell != "–" for cell in cells):
                rows.append([str(method), *cells])
        if rows:
            print(f"### Linear models that learn under the masks: {100 * share:g} % of the tokens ({rank})\n")
            table([
                "accuracy of a model that sees", "what the mask keeps ↑", "random tokens", "blurred noise",
                "what the mask removes is hidden ↓", "random tokens hidden", "blurred noise hidden",
                "taught with random tokens (EVAL-X) ↑", "encode-meter, nats ↓", "STRIPE-X, nats ↑",
            ], rows)


def judge_table(metrics: Metrics, methods: list[Method], ranks: list[str]) -> None:
    judged = [method for method in methods if metrics.get(method, "judge_hard_masked", "accuracy", ranks[-1])]
    if not judged:
        return
    print("### The independent judge: accuracy\n")
    rows = [["unmasked", *(percent(metrics.get(None, "judge_unmasked", "accuracy", rank)) for rank in ranks)]]
    for method in judged:
        cells = (percent(metrics.get(method, "judge_hard_masked", "accuracy", rank)) for rank in ranks)
        rows.append([str(method), *cells])
    table(["hard-masked by", *ranks], rows)


def wrong_class_table(metrics: Metrics, methods: list[Method], ranks: list[str]) -> None:
    asked = [method for method in methods if metrics.get(method, "wrong_class", "agreement", ranks[-1])]
    if not asked:
        return
    print("### The mask is made for another window's taxon: how often the classifier says it\n")
    rows = []
    for method in asked:
        for operator, who in (("wrong_class", str(method)), ("wrong_class_block", f"{method}: random block of its area")):
            rows.append([who, *(percent(metrics.get(method, operator, "agreement", rank)) for rank in ranks)])
    table(["", *ranks], rows)


def verdicts(document: dict, shown: list[Method]) -> None:
    checks = [
        check for check in document.get("checks", [])
        # What was not measured for one method was measured for the one that compare saw.
        if check["verdict"] != "not_measured"
        and check.get("method") in (None, "none", *(method.name for method in shown))
        and check.get("replicate") in (None, 1)
    ]
    if checks:
        print("### Verdicts\n")
        for check in checks:
            who = f" ({check['method']})" if check.get("method") else ""
            print(f"- **{check['name']}**{who}: {check['verdict']}. {check.get('sentence', '')}")
        print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results of the workflow")
    parser.add_argument("--title", required=True, help="heading of the page")
    parser.add_argument("--source", required=True, help="the command that computed the figures")
    parser.add_argument(
        "--method", action="append", metavar="NAME",
        help="an Explainer with a table of its own and verdicts; may be repeated; all of them without this option",
    )
    options = parser.parse_args()
    folder = options.folder

    metrics = Metrics(read(folder, "metrics.parquet"))
    ranks, methods = metrics.ranks(), metrics.methods()
    explainers = {m.name: m for m in methods if m.kind == KINDS.index("explainer") and m.replicate == 1}
    if missing := [name for name in options.method or [] if name not in explainers]:
        parser.error(f"no Explainer is called {missing[0]}, only {', '.join(explainers)}")
    shown = [explainers[name] for name in options.method or explainers]

    print(f"# {options.title}: all tables\n")
    print(f"Printed by `{options.source}`.\n")
    if rows := read(folder, "baseline.parquet"):
        baseline_table(Metrics(rows), ranks)
    for method in shown:
        paper_table(metrics, method, ranks)
    method_table(metrics, costs(read(folder, "costs.parquet")), methods, ranks[-1])
    curve_table(metrics, methods, ranks[-1])
    dose_table(metrics, ranks)
    removal_table(metrics, methods, ranks[-1])
    if rows := read(folder, "compare.parquet"):
        compare_table(Metrics(rows))
    if rows := read(folder, "probe.parquet"):
        probe_table(Metrics(rows), ranks)
        retrained_tables(Metrics(rows), ranks)
    judge_table(metrics, methods, ranks)
    wrong_class_table(metrics, methods, ranks)
    verdicts(json.loads((folder / "metrics.json").read_text()), shown)


if __name__ == "__main__":
    main()
