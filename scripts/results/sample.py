#!/usr/bin/env python3
"""Writes a taxonomy in which only a sample of the records keeps its split, and rare genera have no name.

sample.py TAXONOMY TEST TRAIN VALID OUTPUT

TEST, TRAIN and VALID are numbers of records or "all". A sample is the records of the split with the smallest SHA-256 of their
identifier, so it is the same everywhere. Records of a genus that is no class of the data (column core = 0) keep
their higher ranks.
"""

import csv
import hashlib
import sys


def main() -> None:
    taxonomy, output = sys.argv[1], sys.argv[5]
    counts = dict(zip(("test", "train", "valid"), sys.argv[2:5]))
    with open(taxonomy, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    chosen = set()
    for split, count in counts.items():
        names = [row["id"] for row in rows if row["split"] == split]
        lot = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
        chosen.update(lot if count == "all" else lot[: int(count)])
    columns = ["id", "superkingdom", "phylum", "genus", "split"]
    with open(output, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            if row["core"] != "1":
                row["genus"] = ""
            if row["id"] not in chosen:
                row["split"] = ""
            writer.writerow(row)


main()
