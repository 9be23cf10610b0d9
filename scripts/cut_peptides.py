"""Cuts peptides from proteins and plants motifs in some of them, to judge how a classifier of peptides is explained.

Usage: cut_peptides.py PROTEINS MOTIFS FOLDER [--seed N]

PROTEINS is a folder with sequences.fasta.gz and labels.tsv (columns `id` and `split`), MOTIFS a file
with a motif on each line. Writes to FOLDER:

  peptides.fasta, peptides.tsv   peptides of 10 to 30 residues, 20,000 of proteins of the split train,
                                 1,000 of valid and 2,000 of test; columns `id`, `split` and `activity`, which
                                 is empty: nothing is known of it
  planted.fasta                  peptides of test, 10 for each motif, in which a motif stands in the place
                                 of as many residues
  background.fasta               the same without the motif
  motifs.tsv                     where each motif was planted: `id`, `start` (0-based), `end`, `name`

Only residues with a name in the genetic code are cut. Where a peptide is cut, how long it is and where
a motif is planted is drawn from the seed.
"""

import argparse
import csv
import gzip
import pathlib
import random

SHORTEST, LONGEST = 10, 30
COUNTS = {"train": 20_000, "valid": 1_000, "test": 2_000}
OF_EACH_MOTIF = 10
RESIDUES = set("ACDEFGHIKLMNPQRSTVWY")


def read_proteins(folder):
    """Sequences of each split, in the order of the file."""
    with open(folder / "labels.tsv", newline="") as file:
        splits = {row["id"]: row["split"] for row in csv.DictReader(file, delimiter="\t")}
    proteins = {split: [] for split in COUNTS}
    with gzip.open(folder / "sequences.fasta.gz", "rt") as file:
        for record in file.read().split(">")[1:]:
            header, _, body = record.partition("\n")
            split = splits.get(header.split()[0])
            if split in proteins:
                proteins[split].append(body.replace("\n", "").upper())
    return proteins


def peptide(draw, proteins):
    """A peptide of one of the proteins; each protein is as likely as any other."""
    while True:
        protein, length = draw.choice(proteins), draw.randint(SHORTEST, LONGEST)
        if len(protein) < length:
            continue
        start = draw.randrange(len(protein) - length + 1)
        found = protein[start : start + length]
        if set(found) <= RESIDUES:
            return found


def write_fasta(path, sequences):
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in sequences))


def write_table(path, header, rows):
    with open(path, "w", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proteins", type=pathlib.Path)
    parser.add_argument("motifs", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    proteins = read_proteins(arguments.proteins)
    motifs = [line.strip() for line in arguments.motifs.read_text().splitlines() if line.strip()]
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)

    peptides, seen = [], set()
    for split, count in COUNTS.items():
        made = 0
        while made < count:
            letters = peptide(draw, proteins[split])
            if letters not in seen:
                seen.add(letters)
                made += 1
                peptides.append((f"{split}-{made}", split, letters))
    write_fasta(folder / "peptides.fasta", [(name, letters) for name, _, letters in peptides])
    write_table(folder / "peptides.tsv", ["id", "split", "activity"], [(name, split, "") for name, split, _ in peptides])

    background, planted, places = [], [], []
    for motif in motifs:
        for number in range(1, OF_EACH_MOTIF + 1):
            letters = peptide(draw, proteins["test"])
            while len(letters) < len(motif):
                letters = peptide(draw, proteins["test"])
            start = draw.randrange(len(letters) - len(motif) + 1)
            name, end = f"{motif}-{number}", start + len(motif)
            background.append((name, letters))
            planted.append((name, letters[:start] + motif + letters[end:]))
            places.append((name, start, end, "motif"))
    write_fasta(folder / "background.fasta", background)
    write_fasta(folder / "planted.fasta", planted)
    write_table(folder / "motifs.tsv", ["id", "start", "end", "name"], places)
    print(f"cut_peptides: wrote {len(peptides)} peptides and {len(planted)} with a motif to {folder}")


if __name__ == "__main__":
    main()
