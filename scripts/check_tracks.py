#!/usr/bin/env python3
"""Reads the tracks of readlens-tracks with other programs, and compares them with the table of stretches.

Usage: check_tracks.py FOLDER [--only-python]

FOLDER holds what one run wrote: stretches.parquet, stretches.bed, stretches.gff3, mask.bedgraph and
mask.bw, and read.fasta if sequences were written. Needs pyarrow, pyBigWig, and on the PATH bedtools
and gt of GenomeTools (scripts/debian-tools), unless --only-python leaves these out. Exits with 1 at the first difference.
"""

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pyarrow.parquet as parquet
import pyBigWig

CLOSE = 1e-5


def require(holds, message):
    if not holds:
        sys.exit(message)


def fields(path, count):
    """The fields of each line that is no comment."""
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            found = line.split("\t")
            require(len(found) == count, f"{path}: {count} fields expected in {line!r}")
            yield found


def name(id):
    """The identifier that a track writes as `id`."""
    return "" if id == "%" else unquote(id, errors="strict")


def check_bed(path, rows):
    found = list(fields(path, 6))
    require(len(found) == len(rows), f"{path}: {len(found)} stretches, {len(rows)} in the table")
    for row, (chrom, start, end, label, score, strand) in zip(rows, found):
        place = (name(chrom), int(start), int(end), strand)
        require(place == (row["id"], row["start"], row["end"], row["strand"]), f"{path}: {place}")
        require(abs(int(score) - 1000 * row["mean"]) <= 0.5 + CLOSE, f"{path}: score at {place}")
        require(unquote(label) == (row["taxon"] or row["rank"]), f"{path}: name at {place}")


def check_gff3(path, rows):
    lines = path.read_text().splitlines()
    require(lines[0] == "##gff-version 3", f"{path}: no version")
    regions = {}
    for line in lines[1:]:
        if line.startswith("##sequence-region "):
            _, seqid, first, last = line.split(" ")
            require(seqid not in regions and first == "1", f"{path}: {line}")
            regions[seqid] = int(last)
    found, ids = list(fields(path, 9)), set()
    require(len(found) == len(rows), f"{path}: {len(found)} stretches, {len(rows)} in the table")
    for row, (seqid, _, kind, first, last, score, strand, phase, attributes) in zip(rows, found):
        place = (name(seqid), int(first) - 1, int(last), strand)
        require(place == (row["id"], row["start"], row["end"], row["strand"]), f"{path}: {place}")
        require(1 <= int(first) <= int(last) <= regions[seqid], f"{path}: {place} is in no region")
        require((kind, phase) == ("sequence_feature", "."), f"{path}: kind or phase at {place}")
        pairs = dict(pair.split("=") for pair in attributes.split(";"))
        require(pairs["ID"] not in ids, f"{path}: {pairs['ID']} twice")
        ids.add(pairs["ID"])
        require(abs(float(score) - row["mean"]) < CLOSE, f"{path}: score at {place}")
        require(abs(float(pairs["peak"]) - row["peak"]) < CLOSE, f"{path}: peak at {place}")
        require(unquote(pairs["Name"]) == (row["taxon"] or row["rank"]), f"{path}: {place}")


def check_values(bedgraph, bigwig, rows):
    wanted = {}
    for chrom, start, end, value in fields(bedgraph, 4):
        wanted.setdefault(chrom, []).append((int(start), int(end), float(value)))
    with pyBigWig.open(str(bigwig)) as found:
        require(found.isBigWig(), f"{bigwig}: no bigWig")
        lengths = found.chroms()
        require(set(lengths) == set(wanted), f"{bigwig}: other records than {bedgraph}")
        for chrom, runs in wanted.items():
            intervals = found.intervals(chrom)
            require(len(intervals) == len(runs), f"{bigwig}: other runs of {chrom}")
            for run, other in zip(runs, intervals):
                is_same = run[:2] == other[:2] and abs(run[2] - other[2]) < CLOSE
                require(is_same, f"{bigwig}: {other} of {chrom}, {run} in {bedgraph}")
        names = {name(chrom): chrom for chrom in lengths}
        for row in rows:
            place = (names[row["id"]], row["start"], row["end"])
            values = found.values(*place)
            require(abs(sum(values) / len(values) - row["mean"]) < CLOSE, f"{bigwig}: {place}")
            require(abs(max(values) - row["peak"]) < CLOSE, f"{bigwig}: peak of {place}")
        total = found.header()["nBasesCovered"]
        bases = sum(end - start for runs in wanted.values() for start, end, _ in runs)
        require(total == bases, f"{bigwig}: {total} bases, {bases} in {bedgraph}")


def run(*command):
    """The lines that a program prints."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{command[0]}: {done.stdout.strip()} {done.stderr.strip()}")
    return done.stdout.splitlines()


def check_genome_tools(path):
    """The validator refuses what breaks the rules of GFF3."""
    said = run("gt", "gff3validator", path)
    require(said == ["input is valid GFF3"], f"{path}: GenomeTools says {said}")


def check_bedtools(folder, rows):
    """bedtools reads BED, GFF3 and bedGraph to the places and peaks of the table."""
    bed, gff3, bedgraph = folder / "stretches.bed", folder / "stretches.gff3", folder / "mask.bedgraph"
    places = sorted((row["id"], row["start"], row["end"]) for row in rows)
    # Each stretch of one file overlaps the whole of one of the other, and none more.
    pairs = run("bedtools", "intersect", "-a", bed, "-b", gff3, "-f", "1", "-r", "-wa", "-wb")
    found = [line.split("\t") for line in pairs]
    same = sorted((name(chrom), int(start), int(end)) for chrom, start, end, *_ in found)
    require(same == places, f"{gff3}: bedtools finds other places than in {bed}")
    # Records come in the order of the table, which bedtools must be told.
    order = folder / "order.txt"
    chroms = dict.fromkeys(chrom for chrom, *_ in fields(bedgraph, 4))
    order.write_text("".join(f"{chrom}\t{2**31 - 1}\n" for chrom in chroms))
    mapped = run("bedtools", "map", "-a", bed, "-b", bedgraph, "-c", "4", "-o", "max", "-g", order)
    order.unlink()
    require(len(mapped) == len(rows), f"{bedgraph}: bedtools maps {len(mapped)} stretches")
    for row, line in zip(rows, mapped):
        peak = float(line.split("\t")[6])
        require(abs(peak - row["peak"]) < CLOSE, f"{bedgraph}: peak {peak} of {line!r}")


def check_sequences(folder, rows):
    """In the FASTA file the bases of stretches, and no others, are in upper case."""
    fasta = folder / "read.fasta"
    cut = run("bedtools", "getfasta", "-fi", fasta, "-bed", folder / "stretches.bed", "-tab")
    require(len(cut) == len(rows), f"{fasta}: bedtools cuts {len(cut)} stretches of {len(rows)}")
    for row, line in zip(rows, cut):
        bases = line.split("\t")[1]
        require(len(bases) == row["length"] and bases.isupper(), f"{fasta}: {line}")
    lines = (line for line in fasta.read_text().splitlines() if not line.startswith(">"))
    upper = sum(base.isupper() for line in lines for base in line)
    require(upper == sum(row["length"] for row in rows), f"{fasta}: {upper} bases in upper case")


def main():
    folder = Path(sys.argv[1])
    rows = parquet.read_table(folder / "stretches.parquet").to_pylist()
    require(rows, "no stretch to compare")
    check_bed(folder / "stretches.bed", rows)
    check_gff3(folder / "stretches.gff3", rows)
    check_values(folder / "mask.bedgraph", folder / "mask.bw", rows)
    others = ["gt", "bedtools"]
    if sys.argv[2:] == ["--only-python"]:
        others = []
    else:
        check_genome_tools(folder / "stretches.gff3")
        check_bedtools(folder, rows)
        if (folder / "read.fasta").exists():
            check_sequences(folder, rows)
    print(f"{len(rows)} stretches are the same in every format ({', '.join(['pyBigWig', *others])})")


if __name__ == "__main__":
    main()
