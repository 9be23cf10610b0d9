"""Makes data/peptides: peptides to explain a classifier of peptides on.

Usage: pick_demo_peptides.py PROTEINS [FOLDER]

PROTEINS is a folder with sequences.fasta.gz and labels.tsv (columns `id` and `source`), FOLDER by
default the project's data/peptides. Of proteins whose source is UniProt, 200 peptides of 10 to 30
residues are cut, each from a protein of its own, where a seed says.
"""

import csv
import gzip
import pathlib
import random
import sys

from cut_peptides import peptide

COUNT, SEED = 200, 1
OF_UNIPROT = {"Archaea", "Viruses", "Mitochondria", "uniprot_sp", "uniprot_tr"}


def main():
    folder = pathlib.Path(sys.argv[1])
    root = pathlib.Path(__file__).resolve().parent.parent
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "data" / "peptides"
    out.mkdir(parents=True, exist_ok=True)
    with open(folder / "labels.tsv", newline="") as file:
        wanted = {row["id"] for row in csv.DictReader(file, delimiter="\t") if row["source"] in OF_UNIPROT}
    with gzip.open(folder / "sequences.fasta.gz", "rt") as file:
        records = (record.partition("\n") for record in file.read().split(">")[1:])
        proteins = {header.split()[0]: body.replace("\n", "").upper() for header, _, body in records}
    draw = random.Random(SEED)
    chosen = draw.sample(sorted(wanted & proteins.keys()), COUNT)
    text = "".join(f">{name}\n{peptide(draw, [proteins[name]])}\n" for name in chosen)
    (out / "demo.fasta").write_text(text)


if __name__ == "__main__":
    main()
