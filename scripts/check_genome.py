#!/usr/bin/env python3
"""Checks what docs/genome.md makes of a chromosome, and opens it in igv-reports.

Usage: check_genome.py FOLDER CREATE_REPORT

FOLDER is the one in which scripts/check_documents.py ran the page (`--keep`), CREATE_REPORT the
program of igv-reports. barrnap finds the 16S genes, knowing nothing of readlens: the classifier must
have found all of them and little else, and the mask must mark the same bases in each copy.
igv-reports makes a page of the genes and tracks, which must hold every stretch. Needs pyarrow,
pyBigWig, and barrnap on the PATH (scripts/debian-tools). Writes rrna.gff3, genes.bed and genes.html
into FOLDER.
"""

import base64
import gzip
import itertools
import json
import math
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as parquet
import pyBigWig

# Copies of the 16S gene in Escherichia coli, and bases that each copy has.
COPIES, SHORTEST = 7, 1530
FLANKING = 300
# Bases by which a copy is moved, to see how far masks agree by chance.
SHIFT = 100


def check(name, holds, found):
    if not holds:
        sys.exit(f"{name}: {found}")
    print(f"ok   {name}: {found}")


def genes_of(folder):
    """Start, end and strand of the 16S genes that barrnap finds."""
    command = ["barrnap", "--quiet", folder / "ecoli/genome.fna"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (folder / "rrna.gff3").write_text(text)
    rows = [line.split("\t") for line in text.splitlines() if "Name=16S_rRNA" in line]
    bed = [(row[0], int(row[3]) - 1, int(row[4]), "16S_rRNA", 0, row[6]) for row in rows]
    (folder / "genes.bed").write_text("".join("\t".join(map(str, line)) + "\n" for line in bed))
    return [(start, end, strand) for _, start, end, _, _, strand in bed]


def check_windows(folder, genes):
    """All genes are found, and hardly any other window."""
    places = ["start", "end"]
    chosen = [tuple(row.values()) for row in parquet.read_table(folder / "chosen.parquet", columns=places).to_pylist()]
    everything = parquet.read_metadata(folder / "windows.parquet").num_rows
    read = []
    for first, last, _ in genes:
        bases = {base for start, end in chosen if start < last and end > first for base in range(start, end)}
        read.append(len(bases & set(range(first, last))) / (last - first))
    check("part of each gene in windows that are said to be 16S", min(read) > 0.6, [round(part, 2) for part in read])
    others = [place for place in chosen if all(place[0] >= last or place[1] <= first for first, last, _ in genes)]
    check(f"others of {everything} windows", len(others) < everything / 500, len(others))


def check_copies(folder, genes):
    """The mask is the same on all copies, base by base from their beginning, and not by chance."""
    with pyBigWig.open(str(folder / "mask.bw")) as track:
        (chrom,) = track.chroms()
        copies = [track.values(chrom, first, last)[:: 1 if strand == "+" else -1] for first, last, strand in genes]
    pairs = list(itertools.combinations(copies, 2))
    mean = statistics.mean(correlation(one[:SHORTEST], other[:SHORTEST]) for one, other in pairs)
    shifted = statistics.mean(correlation(one[:-SHIFT], other[SHIFT:]) for one, other in pairs)
    check("mean correlation of the masks of two copies", mean > 0.7, round(mean, 2))
    check(f"the same, one of them {SHIFT} bases further on", abs(shifted) < 0.3, round(shifted, 2))


def correlation(one, other):
    """Of the bases that both masks have; where no window was chosen is not a number."""
    both = [pair for pair in zip(one, other) if not any(map(math.isnan, pair))]
    return statistics.correlation(*zip(*both))


def check_page(folder, create_report, genes):
    """Makes the page, and reads the tracks back that it holds."""
    page = folder / "genes.html"
    # igv-reports reads no bigWig; check_tracks.py has compared it with this bedGraph.
    tracks = ["rrna.gff3", "stretches.bed", "mask.bedgraph", "stretches.gff3"]
    command = [create_report, "genes.bed", "--fasta", "ecoli/genome.fna", "--flanking", str(FLANKING)]
    command += ["--tracks", *tracks, "--output", page.name]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    sessions = json.loads(re.search(r"const sessionDictionary = (\{.*\})", page.read_text())[1])
    check("genes on the page", len(sessions) == len(genes), len(sessions))
    stretches = parquet.read_table(folder / "stretches.parquet").to_pylist()
    shown = 0
    for session, (first, last, _) in zip(map(unpacked, sessions.values()), genes):
        session = json.loads(session)
        names = [track["name"] for track in session["tracks"]]
        if names != [track.rsplit(".", 1)[0] for track in tracks]:
            sys.exit(f"tracks of the page: {names}")
        text = {track["format"] + track["name"]: unpacked(track["url"]) for track in session["tracks"]}
        wanted = [(row["start"], row["end"]) for row in stretches
                  if row["start"] < last + FLANKING and row["end"] > first - FLANKING]
        bed = [line.split("\t") for line in text["bedstretches"].splitlines() if line]
        gff3 = [line.split("\t") for line in text["gffstretches"].splitlines() if line and line[0] != "#"]
        if sorted((int(row[1]), int(row[2])) for row in bed) != wanted:
            sys.exit(f"stretches of the page at {first}: BED has {len(bed)}, the table {len(wanted)}")
        if sorted((int(row[3]) - 1, int(row[4])) for row in gff3) != wanted:
            sys.exit(f"stretches of the page at {first}: GFF3 has {len(gff3)}, the table {len(wanted)}")
        if not any(line for line in text["bedgraphmask"].splitlines()):
            sys.exit(f"the page has no mask at {first}")
        shown += len(wanted)
    check("stretches on the page", shown > 0, shown)


def unpacked(uri):
    """The text of a packed data URI."""
    return gzip.decompress(base64.b64decode(uri.split(",", 1)[1])).decode()


def main():
    folder, create_report = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    genes = genes_of(folder)
    check("16S genes that barrnap finds", len(genes) == COPIES, len(genes))
    check_windows(folder, genes)
    check_copies(folder, genes)
    check_page(folder, create_report, genes)


if __name__ == "__main__":
    main()
