#!/usr/bin/env python3
"""Writes embedded genes under names that a track must not be broken by: odd_names.py > odd.fasta.

Formats give a meaning to some of them, and programs to others: bedtools takes a line of BED that begins
with `visibility` for a setting, and one whose first field is `chrom` for a heading, and drops it.
"""

import gzip
import sys
from pathlib import Path

GENES = Path(__file__).resolve().parent.parent / "data/16s/demo.fasta.gz"
NAMES = [
    "a;b=c", "a,b", "&d", "x|y", "%41", "é", "=cmd()", '"q"', ">z", "!z", "#c", "##gff", "##FASTA", "###",
    "track", "Track1", "browser", "visibility=1", "chrom", "CHROM", "chromosome", "chr", "start", "@HD",
    "fixedStep", "variableStep", "0", "-", ".", "*", "..", "a:1-5", "\\t", "[x]", "{y}", "~", "^", "NaN",
]


def main():
    with gzip.open(GENES, "rt") as file:
        genes = file.read().split(">")[1:]
    for name, gene in zip(NAMES, genes):
        sys.stdout.write(f">{name}\n{gene.split(chr(10), 1)[1]}")


if __name__ == "__main__":
    main()
