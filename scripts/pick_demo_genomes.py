"""Makes data/genomes of the genome fragments behind pipelines/config/genomes.yaml.

Usage: pick_demo_genomes.py FRAGMENTS [FOLDER]

FRAGMENTS is the folder with sequences.fasta.gz and taxonomy.tsv, FOLDER by default the project's
data/genomes. The rule was fixed before any training: in each superkingdom the six genera with the
most fragments, of genera that are classes (column `core`), at most two of one phylum; ties by name.
Of a genus the 200 fragments stay whose identifiers have the smallest SHA-256. Splits stay as they
are, so that no species is in two.
"""

import collections
import csv
import gzip
import hashlib
import pathlib
import sys

GENERA, OF_ONE_PHYLUM, OF_ONE_GENUS = 6, 2, 200
COLUMNS = ["superkingdom", "phylum", "class", "order", "family", "genus", "species", "split", "source", "accession", "start0"]


def chosen_genera(rows):
    counts = collections.Counter((row["superkingdom"], row["phylum"], row["genus"]) for row in rows)
    chosen = set()
    for superkingdom in sorted({place[0] for place in counts}):
        own = sorted((place for place in counts if place[0] == superkingdom), key=lambda p: (-counts[p], p))
        phyla = collections.Counter()
        for place in own:
            if phyla[place[1]] < OF_ONE_PHYLUM and phyla.total() < GENERA:
                phyla[place[1]] += 1
                chosen.add(place)
    return chosen


def chosen_rows(rows):
    rows = [row for row in rows if row["core"] == "1" and row["genus"]]
    genera = chosen_genera(rows)
    of_genus = collections.defaultdict(list)
    for row in rows:
        place = (row["superkingdom"], row["phylum"], row["genus"])
        if place in genera:
            of_genus[place].append(row)
    digest = lambda row: hashlib.sha256(row["id"].encode()).digest()
    kept = [row for place in of_genus.values() for row in sorted(place, key=digest)[:OF_ONE_GENUS]]
    return sorted(kept, key=lambda row: row["id"])


def main():
    fragments = pathlib.Path(sys.argv[1])
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "data" / "genomes"
    folder.mkdir(parents=True, exist_ok=True)
    with open(fragments / "taxonomy.tsv", newline="") as file:
        rows = chosen_rows(csv.DictReader(file, delimiter="\t"))
    wanted = {row["id"] for row in rows}
    with open(folder / "demo.tsv", "w", newline="") as file:
        table = csv.DictWriter(file, ["id", *COLUMNS], delimiter="\t", lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    records = []
    with gzip.open(fragments / "sequences.fasta.gz", "rt") as file:
        for line in file:
            if line.startswith(">"):
                records.append([line[1:].split()[0], []])
            else:
                records[-1][1].append(line.strip())
    kept = "".join(f">{name}\n{''.join(lines)}\n" for name, lines in records if name in wanted)
    # No file name and no time, so that the bytes are the same anywhere.
    with open(folder / "demo.fasta.gz", "wb") as file:
        file.write(gzip.compress(kept.encode(), 9, mtime=0))
    print(f"{len(rows)} fragments of {len({row['genus'] for row in rows})} genera in {folder}")


if __name__ == "__main__":
    main()
