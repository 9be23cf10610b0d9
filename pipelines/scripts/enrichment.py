#!/usr/bin/env python3
"""Tests region by region whether the bases that are read lie in it, as in V1 to V9 of the 16S gene.

enrichment.py REGIONS BASES…

REGIONS: TSV with id, region, start0, end0, complete (as data/16s/vregions_demo.tsv). BASES: bases
tables of Explainers with different seeds. A base is read when its mask is above 1/2. The statistic
is the fraction of the read bases that lie in the region, divided by the fraction of all bases that
do. Under the null hypothesis the region keeps its length and begins anywhere in each gene (around
the end): 2,000 permutations with a fixed seed; p is two-sided in the logarithm, with one added to
both counts.

Needs pyarrow and numpy (scripts/ci-requirements.txt).
"""

import csv
import sys

import numpy
import pyarrow.parquet as parquet

PERMUTATIONS = 2000


def main() -> None:
    regions: dict[str, dict[str, tuple[int, int]]] = {}
    with open(sys.argv[1], newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["complete"] == "1":
                regions.setdefault(row["region"], {})[row["id"]] = (int(row["start0"]), int(row["end0"]))
    tables = []
    for path in sys.argv[2:]:
        columns = parquet.read_table(path, columns=["id", "start", "mask"]).to_pydict()
        masks = {}
        for name, start, mask in zip(columns["id"], columns["start"], columns["mask"]):
            masks[name] = (start, (numpy.asarray(mask) > 0.5).astype(float))
        tables.append(masks)
    head = " | ".join(f"seed {i + 1}: ratio | p" for i in range(len(tables)))
    print(f"| region | genes | {head} |")
    print("|" + "---|" * (2 + 2 * len(tables)))
    for region in sorted(regions):
        cells = []
        for masks in tables:
            random = numpy.random.default_rng(1)
            inside = bases = read = 0.0
            null = numpy.zeros(PERMUTATIONS)
            genes = 0
            for name, (start, end) in regions[region].items():
                if name not in masks:
                    continue
                first, mask = masks[name]
                begin, length, size = start - first, end - start, len(mask)
                if begin < 0 or begin + length > size or length == 0:
                    continue
                genes += 1
                sums = numpy.concatenate([[0.0], numpy.cumsum(numpy.concatenate([mask, mask]))])
                inside += sums[begin + length] - sums[begin]
                places = random.integers(0, size, PERMUTATIONS)
                null += sums[places + length] - sums[places]
                bases += length / size * mask.sum()
                read += mask.sum()
            if genes == 0 or read == 0:
                cells += ["–", "–"]
                continue
            ratio = inside / bases
            away = numpy.abs(numpy.log(numpy.maximum(null, 1e-9) / bases)) >= abs(numpy.log(max(ratio, 1e-9)))
            cells += [f"{ratio:.2f}", f"{(away.sum() + 1) / (PERMUTATIONS + 1):.4f}"]
        print(f"| {region} | {genes} | " + " | ".join(cells) + " |")


main()
