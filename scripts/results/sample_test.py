#!/usr/bin/env python3
"""Writes a taxonomy in which only a sample of the test records keeps its split, and rare genera have no name.

sample_test.py TAXONOMY COUNT OUTPUT

The sample is the COUNT test records with the smallest SHA-256 of their identifier, so it is the same everywhere. Records of
a genus that is no class of the data (column core = 0) keep their higher ranks.
"""

import csv
import hashlib
import sys


def main() -> None:
    taxonomy, count, output = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with open(taxonomy, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    test = [row["id"] for row in rows if row["split"] == "test"]
    lot = sorted(test, key=lambda name: hashlib.sha256(name.encode()).digest())
    chosen = set(lot[:count])
    columns = ["id", "superkingdom", "phylum", "genus", "split"]
    with open(output, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            if row["core"] != "1":
                row["genus"] = ""
            if row["split"] == "test" and row["id"] not in chosen:
                row["split"] = ""
            writer.writerow(row)


main()
