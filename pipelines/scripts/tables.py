#!/usr/bin/env python3
"""Prints the tables of docs/results.md from the files of scripts/results/run, as Markdown.

tables.py FOLDER

Needs pyarrow (scripts/results/requirements.txt). Figures are in % unless said otherwise, with 95 % bootstrap intervals over
records in brackets.
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as parquet

OPERATORS = (
    "unmasked masked hard_masked random_block random_segments shifted shuffled foreign inverse hard_inverse"
    " random_block_inverse random_segments_inverse all_zero all_mean majority_class"
).split()
# One mask for nothing and its block, which are of no method.
BLIND = {"unmasked", "all_zero", "all_mean", "majority_class"}


def read(folder: Path, name: str) -> list[dict]:
    file = folder / name
    return parquet.read_table(file).to_pylist() if file.exists() else []


class Metrics:
    def __init__(self, rows: list[dict]):
        self.rows = {}
        for row in rows:
            share = None if row["share"] is None else round(row["share"], 4)
            key = (row["method"], row["operator"], share, row["split"], row["rank"], row["metric"])
            self.rows[key] = row

    def get(self, method, operator, metric, rank, share=None, split="test"):
        return self.rows.get((method, operator, share, split, rank, metric))

    def names(self, place: int) -> list[str]:
        return sorted({key[place] for key in self.rows})


def percent(row, interval=True, scale=100.0, digits=1) -> str:
    if row is None:
        return "–"
    text = f"{scale * row['value']:.{digits}f}"
    if interval and row["ci_low"] is not None:
        text += f" [{scale * row['ci_low']:.{digits}f}, {scale * row['ci_high']:.{digits}f}]"
    return text


def plain(row) -> str:
    return percent(row, interval=False, scale=1.0, digits=3)


def table(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def paper_table(metrics: Metrics, method: str, ranks: list[str]) -> None:
    print(f"### {method}: accuracy under the mask and its controls\n")
    rows = []
    for operator in OPERATORS:
        owner = "none" if operator in BLIND else method
        cells = [percent(metrics.get(owner, operator, "accuracy", rank)) for rank in ranks]
        if any(cell != "–" for cell in cells):
            rows.append([operator, *cells])
    area = metrics.get(method, "mask", "hard_area", "all")
    table([f"area {percent(area, False)} %", *ranks], rows)


def method_table(metrics: Metrics, costs: dict, methods: list[str], rank: str) -> None:
    print(f"### Methods side by side ({rank})\n")
    head = [
        "method", "area", "hard masked", "hard inverse", "AUPRC", "IoU", "AOPC comprehensiveness ↑", "AOPC sufficiency ↓",
        "insertion ↑", "deletion ↓", "infidelity", "leave-one-out tau", "segments", "passes", "seconds",
    ]
    rows = []
    for method in methods:
        cost = costs.get(method)
        rows.append([
            method,
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
            f"{cost['forward_passes'] + cost['backward_passes']:.0f}" if cost else "–",
            f"{cost['seconds']:.4f}" if cost else "–",
        ])
    table(head, rows)


def curve_table(metrics: Metrics, methods: list[str], rank: str) -> None:
    shares = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]
    for operator, block, title in (("keep_top", "keep_block", "kept"), ("remove_top", "remove_block", "removed")):
        print(f"### Accuracy ({rank}) with a share of the tokens {title}\n")
        rows = []
        for method, name in [*((m, operator) for m in methods), ("none", block)]:
            cells = [percent(metrics.get(method, name, "accuracy", rank, share), False) for share in shares]
            rows.append([method if method != "none" else "random block", *cells])
        table(["method", *(f"{share:.0%}" for share in shares)], rows)


def dose_table(metrics: Metrics, ranks: list[str]) -> None:
    print("### Dose-response: accuracy under a constant mask\n")
    levels = [round(level / 10, 1) for level in range(11)]
    rows = [[rank, *(percent(metrics.get("none", "constant", "accuracy", rank, x), False) for x in levels)] for rank in ranks]
    table(["level", *map(str, levels)], rows)


def ranks_of(values: list[float]) -> list[float]:
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


def removal_table(metrics: Metrics, methods: list[str], rank: str) -> None:
    ways = {"own": "aopc", "mean": "aopc_mean", "unknown": "aopc_unknown", "shuffled": "aopc_shuffled"}
    for metric in ("comprehensiveness", "sufficiency"):
        figures = {}
        for way, operator in ways.items():
            rows = [metrics.get(method, operator, metric, rank) for method in methods]
            if all(rows):
                figures[way] = [row["value"] for row in rows]
        if len(figures) < 2:
            continue
        print(f"### Removal operators: Spearman correlation of {metric} (AOPC, {rank}) over {len(methods)} methods\n")
        rows = [[a, *(f"{spearman(figures[a], figures[b]):.2f}" for b in figures)] for a in figures]
        table(["", *figures], rows)


def compare_table(rows: list[dict]) -> None:
    if not rows:
        return
    print("### Stability and sanity: masks compared with those of seed 1\n")
    metrics = Metrics(rows)
    out = []
    for operator in dict.fromkeys(row["operator"] for row in rows):
        method = next(row["method"] for row in rows if row["operator"] == operator)
        figure = lambda metric, share=None: percent(metrics.get(method, operator, metric, "all", share), scale=1.0, digits=2)
        out.append([operator, figure("spearman"), figure("jaccard", 0.1), figure("iou"), figure("max_sensitivity")])
    table(["compared with", "Spearman", "Jaccard of the first 10 %", "IoU", "max-sensitivity"], out)


def evidence_table(rows: list[dict], title: str, metric: str, ranks: list[str], beside: str | None = None) -> None:
    if not rows:
        return
    print(f"### {title}\n")
    metrics = Metrics(rows)
    out = []
    for method in metrics.names(0):
        for operator in metrics.names(1):
            cells = [percent(metrics.get(method, operator, metric, rank)) for rank in ranks]
            if any(cell != "–" for cell in cells):
                out.append([operator if method == "none" else method, *cells])
    if beside:
        method, operator = metrics.names(0)[0], metrics.names(1)[0]
        out.append([beside, *(percent(metrics.get(method, operator, beside, rank), False) for rank in ranks)])
    table(["", *ranks], out)


def main() -> None:
    folder = Path(sys.argv[1])
    rows = read(folder, "metrics.parquet")
    metrics = Metrics(rows)
    ranks = [rank for rank in ("superkingdom", "phylum", "genus") if rank in metrics.names(4)]
    lowest = ranks[-1]
    methods = [name for name in dict.fromkeys(row["method"] for row in rows) if name != "none"]
    methods.sort(key=lambda name: (not name.startswith("explainer"), name))
    costs = {row["method"]: row for row in read(folder, "costs.parquet")}
    evidence_table(read(folder, "baseline.parquet"), "k-mer baselines: accuracy on the test split", "accuracy", ranks)
    shown = [m for m in ("explainer_paper", "explainer_hard", "explainer_budget", "explainer_distilled") if m in methods]
    for method in shown:
        paper_table(metrics, method, ranks)
    method_table(metrics, costs, methods, lowest)
    curve_table(metrics, methods, lowest)
    dose_table(metrics, ranks)
    removal_table(metrics, methods, lowest)
    compare_table(read(folder, "compare.parquet"))
    evidence_table(read(folder, "probe.parquet"), "Probe: accuracy of a linear model that sees the mask alone", "accuracy", ranks,
                   "majority_accuracy")
    print("### The independent judge: accuracy\n")
    judged = [m for m in methods if metrics.get(m, "judge_hard_masked", "accuracy", lowest)]
    out = [["unmasked", *(percent(metrics.get("none", "judge_unmasked", "accuracy", rank)) for rank in ranks)]]
    out += [[m, *(percent(metrics.get(m, "judge_hard_masked", "accuracy", rank)) for rank in ranks)] for m in judged]
    table(["hard-masked by", *ranks], out)
    document = folder / "metrics.json"
    checks = json.loads(document.read_text()).get("checks") if document.exists() else None
    if checks:
        print("### Verdicts\n")
        for check in checks:
            method = check.get("method")
            # What was not measured for other methods was measured for the one that compare saw.
            if check["verdict"] == "not_measured" or method not in (None, "none", *shown):
                continue
            who = f" ({method})" if method else ""
            print(f"- **{check['name']}**{who}: {check['verdict']}. {check.get('sentence', '')}")
        print()


main()
