#!/usr/bin/env python3
"""Writes a taxonomy in which a sample of the records keeps its split; unknown ranks are empty."""

import argparse
import csv
import hashlib


def pair(text: str) -> tuple[str, str]:
    """The two sides of NAME=VALUE."""
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text}")
    return name, value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("taxonomy", help="tab-separated table, one record a row")
    parser.add_argument("--output", required=True, help="the same table, changed")
    parser.add_argument("--id-column", default="id", help="column that names the record")
    parser.add_argument("--split-column", default="split", help="column that names the split of a record")
    parser.add_argument(
        "--keep", action="append", default=[], type=pair, metavar="SPLIT=N",
        help="keep N records of a split: those whose identifiers have the smallest SHA-256, so that a"
        " sample is the same everywhere and a larger one holds it; a split that is not named is whole",
    )
    parser.add_argument(
        "--known", action="append", default=[], type=pair, metavar="RANK=COLUMN",
        help="empty a rank where the column is not 1",
    )
    options = parser.parse_args()

    with open(options.taxonomy, newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        columns, rows = list(reader.fieldnames or []), list(reader)
    needed = {column for pair in options.known for column in pair}
    needed |= {options.id_column, options.split_column} if options.keep else set()
    if missing := sorted(needed.difference(columns)):
        parser.error(f"{options.taxonomy} has no column {missing[0]}, only {', '.join(columns)}")

    for split, count in options.keep:
        members = [row for row in rows if row[options.split_column] == split]
        members.sort(key=lambda row: hashlib.sha256(row[options.id_column].encode()).digest())
        for row in members[int(count):]:
            row[options.split_column] = ""
    for rank, column in options.known:
        for row in rows:
            if row[column] != "1":
                row[rank] = ""
    with open(options.output, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


main()
