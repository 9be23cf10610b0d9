"""The tokenizer that BERTax publishes (Mock et al. 2022), written afresh from its description:
every sequence is cut into k-mers side by side, put in upper case and looked up in a dict; CLS comes
first, what is not in the dict is UNK, and short rows are filled with PAD. It writes no file.

A contender of the benchmark; the sequences are cut into windows as readlens-tokenize cuts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from protocol import Unsupported, contend

# The same ids as readlens's: special tokens first, then the k-mers in the order of their letters.
PAD, UNK, CLS, FIRST_KMER = 0, 1, 2, 5


def records(path: Path) -> Iterator[str]:
    """The sequences of a FASTA file."""
    lines: list[str] = []
    with path.open() as file:
        for line in file:
            if line.startswith(">"):
                if lines:
                    yield "".join(lines)
                lines = []
            else:
                lines.append(line.rstrip())
    if lines:
        yield "".join(lines)


def kmers(sequence: str, k: int) -> list[str]:
    """K-mers side by side, in upper case; the last one is filled with N."""
    parts = [sequence[i : i + k].upper() for i in range(0, len(sequence), k)]
    parts[-1] = parts[-1].ljust(k, "N")
    return parts


def tokens(sequence: str, ids: dict[str, int], k: int, most: int) -> list[int]:
    """Token ids of a window, CLS first, filled with PAD to `most`."""
    row = [CLS] + [ids.get(kmer, UNK) for kmer in kmers(sequence, k)]
    return row + [PAD] * (most - len(row))


def prepare(job: dict[str, Any]) -> tuple[Any, Any]:
    work = job["work"]
    if work["kind"] != "tokenize":
        raise Unsupported(f"a tokenizer has no {work['kind']}")
    path, k, window = Path(work["sequences"]), work["k"], work["window"]
    ids = {"".join(kmer): FIRST_KMER + i for i, kmer in enumerate(product("ACGT", repeat=k))}
    most = 1 + -(-window // k)
    count = 0

    def tokenize() -> None:
        nonlocal count
        count = 0
        for sequence in records(path):
            for start in range(0, len(sequence), window):
                row = tokens(sequence[start : start + window], ids, k, most)
                count += len(row)

    return tokenize, lambda: [count]


if __name__ == "__main__":
    contend(prepare)
