"""Tokens, labels and sequences drawn from a seed."""

from __future__ import annotations

import array
import random
import sys
from pathlib import Path

SEED = 7
# Ids of readlens's tokens.
CLS, FIRST_KMER = 2, 5
# Bases on a line of FASTA.
LINE = 80
# Every byte as a base.
BASES = b"ACGT" * 64


def write_rows(folder: Path, rows: int, tokens: int, k: int, taxa: list[int]) -> None:
    """Writes `ids.u32`, rows of random k-mers behind CLS, and `labels.u32`, a class per rank and
    row."""
    draw = random.Random(SEED)
    ids, labels = array.array("I"), array.array("I")
    for _ in range(rows):
        ids.append(CLS)
        ids.extend(FIRST_KMER + draw.randrange(4**k) for _ in range(tokens - 1))
        labels.extend(draw.randrange(count) for count in taxa)
    for name, numbers in (("ids.u32", ids), ("labels.u32", labels)):
        if numbers.itemsize != 4:
            raise RuntimeError("this platform has no integers of 32 bits")
        if sys.byteorder == "big":
            numbers.byteswap()
        (folder / name).write_bytes(numbers.tobytes())


def write_sequences(file: Path, total: int, length: int) -> None:
    """Writes a FASTA file of records of `length` random bases until it has `total` bases."""
    draw = random.Random(SEED)
    bases = 0
    with file.open("wb") as out:
        while bases < total:
            sequence = draw.randbytes(length).translate(BASES)
            out.write(f">sequence{bases // length}\n".encode())
            for start in range(0, length, LINE):
                out.write(sequence[start : start + LINE] + b"\n")
            bases += length
