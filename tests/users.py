#!/usr/bin/env python3
"""Plays two users of readlens from an empty folder: tests/users.py READLENS TAXPASTA [--genera N] [--records N] [--sequences FASTA --taxonomy TSV].

The first has sequences and their taxa, learns a model and is interrupted on the way. The second has the model and new
sequences without taxa: she predicts them and looks at what was read. Every file is opened by the program it is for.
Then both make mistakes, each of which must be told and leave nothing behind. The sequences are some of `data/16s`,
unless others are given; those of the split test are the new ones.
"""

import argparse
import csv
import gzip
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import polars
import pyBigWig

ROOT = Path(__file__).resolve().parent.parent


def check(name: str, holds: object, found: object = "") -> None:
    if not holds:
        sys.exit(f"FAILED {name} {found}")
    print(f"ok   {name}", flush=True)


def records(path: Path):
    """Identifier and sequence of each record of a FASTA file."""
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as lines:
        name, parts = None, []
        for line in lines:
            if line.startswith(">"):
                if name is not None:
                    yield name, "".join(parts)
                name, parts = line[1:].split()[0], []
            else:
                parts.append(line.strip())
        if name is not None:
            yield name, "".join(parts)


class Page(HTMLParser):
    """What a page loads, and its text."""

    def __init__(self, path: Path):
        super().__init__()
        self.loaded, self.text, self.open = [], [], None
        self.feed(path.read_text())
        self.text = " ".join(self.text)

    def handle_starttag(self, tag, attributes):
        self.open = tag
        for name, value in attributes:
            if name in ("src", "href") and value and not value.startswith(("#", "data:")):
                self.loaded.append(value)

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        if self.open not in ("style", "script"):
            self.text.append(data)


class User:
    def __init__(self, program: Path, folder: Path):
        self.program, self.folder = program, folder

    def run(self, *line: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.program, *map(str, line)], cwd=self.folder, capture_output=True, text=True
        )

    def does(self, *line: object) -> str:
        done = self.run(*line)
        check(f"readlens {' '.join(map(str, line[:2]))}", done.returncode == 0, done.stderr[-2000:])
        return done.stderr

    def fails(self, code: int, message: str, *line: object) -> None:
        before = sorted(self.folder.rglob("*"))
        done = self.run(*line)
        name = f"refused: {message}"
        check(name, done.returncode == code and message in done.stderr, (done.returncode, done.stderr[-2000:]))
        check("  … and nothing written", sorted(self.folder.rglob("*")) == before, sorted(set(self.folder.rglob("*")) - set(before)))


def prepare(options, folder: Path) -> dict:
    """Writes genes.fasta.gz, genes.tsv and new.fasta.gz; the taxonomy of the last stays with the test."""
    with open(options.taxonomy, newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    counts = Counter(row["genus"] for row in rows if row["genus"])
    genera = {genus for genus, _ in counts.most_common(options.genera)}
    taken, chosen = Counter(), {}
    for row in rows:
        if row["genus"] in genera and taken[row["genus"]] < options.records:
            taken[row["genus"]] += 1
            chosen[row["id"]] = row
    held = {row["id"] for row in chosen.values() if row["split"] == "test"}
    with gzip.open(folder / "genes.fasta.gz", "wt") as genes, gzip.open(folder / "new.fasta.gz", "wt") as new:
        for name, sequence in records(options.sequences):
            if name in chosen:
                genes.write(f">{name}\n{sequence}\n")
            if name in held:
                new.write(f">new_{name}\n{sequence}\n")
    with open(folder / "genes.tsv", "w", newline="") as table:
        columns = ["id", "superkingdom", "phylum", "genus", "split"]
        writer = csv.DictWriter(table, columns, delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(chosen.values())
    return chosen


def learns(user: User) -> None:
    line = ["learn", "genes.fasta.gz", "--taxonomy", "genes.tsv", "--out", "model", "--title", "Some 16S genes"]
    printed = user.run(*line, "--explain")
    check("--explain prints the stages", printed.stdout.count("\nreadlens ") >= 12, printed.stdout)
    check("--explain writes nothing", not (user.folder / "model").exists())
    # Ctrl-C in the first step, and while the Explainer is trained.
    for step, seconds in [("survey the sequences", 0), ("train the Explainer", 1)]:
        running = subprocess.Popen([user.program, *line], cwd=user.folder, stderr=subprocess.PIPE, text=True)
        for log in running.stderr:
            if step in log:
                time.sleep(seconds)
                running.send_signal(signal.SIGINT)
                break
        rest = running.stderr.read()
        check(f"Ctrl-C ends learn: {step}", running.wait() == 130, (running.returncode, rest))
    unfinished = user.run("predict", "new.fasta.gz", "--model", "model", "--out", "early")
    check("an unfinished model is refused", unfinished.returncode == 3 and "not finished" in unfinished.stderr, unfinished.stderr)
    again = user.does(*line)
    check("learn goes on where it stopped", "combine them: done before" in again, again)
    model = user.folder / "model"
    card = json.loads((model / "card.json").read_text())
    check("the card has the accuracy", card["accuracy"][-1]["accuracy"] > 0.8, card["accuracy"])
    check("the card has the tokenization", card["tokenization"]["tokens"]["k"] == 6 and card["tokenization"]["windows"]["length"] == 2000)
    ranks = [[rank["rank"] for rank in part] for part in (card["accuracy"], card["shown"]["ranks"])]
    check("the card has each rank once", ranks == [["superkingdom", "phylum", "genus"]] * 2, ranks)
    check("the card has the k-mers", all(rank["kmers"] is not None for rank in card["accuracy"][1:]))
    check("the card has verdicts", {check["check"] for check in card["verdicts"]} >= {"controls", "inverse", "kmer_baselines"})
    read_me = (model / "README.md").read_text()
    check("README.md says how to use it", "readlens explain" in read_me and "Some 16S genes" in read_me)
    looks_at(model / "report.html", "Some 16S genes")
    before = {path: path.read_bytes() for path in sorted(model.rglob("*")) if path.is_file()}
    user.does(*line)
    after = {path: path.read_bytes() for path in sorted(model.rglob("*")) if path.is_file()}
    check("a third time changes nothing", before == after)


def looks_at(path: Path, title: str) -> None:
    page = Page(path)
    check(f"{path.name} shows its title", title in page.text)
    check(f"{path.name} loads nothing", page.loaded == [], page.loaded)


def predicts(user: User, chosen: dict, taxpasta: Path) -> None:
    user.does("predict", "new.fasta.gz", "--model", "model", "--out", "predicted")
    out = user.folder / "predicted"
    with open(out / "taxa.tsv", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    names = {name for name, _ in records(user.folder / "new.fasta.gz")}
    check("taxa.tsv has every sequence", {row["id"] for row in rows} == names)
    right = sum(row["lineage"].endswith(chosen[row["id"].removeprefix("new_")]["genus"]) for row in rows)
    check("most genera are right", right > 0.8 * len(rows), (right, len(rows)))
    for table in ("predictions", "records"):
        of_duckdb = duckdb.sql(f"SELECT count(*) FROM '{out / table}.parquet'").fetchall()[0][0]
        check(f"{table}.parquet in DuckDB and Polars", of_duckdb == polars.read_parquet(out / f"{table}.parquet").height == 3 * len(names))
    done = subprocess.run(
        [taxpasta, "standardise", "--profiler", "kraken2", "--output", out / "standard.tsv", out / "kraken.txt"],
        capture_output=True, text=True,
    )
    check("kraken.txt in taxpasta", done.returncode == 0, done.stderr)
    krona = [line.split("\t") for line in (out / "krona.txt").read_text().splitlines()]
    check("krona.txt counts every sequence", sum(int(line[0]) for line in krona) == len(names))


def explains(user: User) -> None:
    user.does("explain", "new.fasta.gz", "--model", "model", "--out", "explained", "--title", "New genes")
    out = user.folder / "explained"
    sequences = dict(records(user.folder / "new.fasta.gz"))
    stretches = polars.read_parquet(out / "stretches.parquet").to_dicts()
    check("stretches.parquet in Polars", len(stretches) >= len(sequences) // 2, len(stretches))
    bed = [line.split("\t") for line in (out / "read.bed").read_text().splitlines() if not line.startswith("#")]
    check("read.bed has the stretches", [(r["id"], r["start"], r["end"]) for r in stretches] == [(b[0], int(b[1]), int(b[2])) for b in bed])
    gff = [line for line in (out / "read.gff3").read_text().splitlines() if not line.startswith("#")]
    check("read.gff3 has the stretches", len(gff) == len(stretches))
    with pyBigWig.open(str(out / "read.bw")) as track:
        lengths = {name: len(sequence) for name, sequence in sequences.items()}
        check("read.bw in pyBigWig", all(track.chroms()[name] <= lengths[name] for name in track.chroms()))
    marked = Counter()
    for row in stretches:
        marked[row["id"]] += row["end"] - row["start"]
    upper = {name: sum(c.isupper() for c in sequence) for name, sequence in records(out / "read.fasta")}
    check("read.fasta shows the stretches in upper case", all(upper[name] == marked[name] for name in sequences))
    looks_at(out / "report.html", "New genes")
    text = Page(out / "report.html").text
    check("the report of unlabelled genes claims no accuracy", "accuracy" not in text.lower(), text[:2000])
    genus = polars.read_parquet(out / "records.parquet").filter(polars.col("rank") == "genus")["taxon"][0]
    user.does("explain", "new.fasta.gz", "--model", "model", "--out", "asked", "--target", f"genus={genus}")
    named = polars.read_parquet(user.folder / "asked" / "stretches.parquet")["taxon"].unique().to_list()
    check("its stretches are named after it", named == [genus], named)
    check("its report says so", f"speak for the genus “{genus}”" in Page(user.folder / "asked" / "report.html").text)
    masks = polars.read_parquet(user.folder / "asked" / "masks.parquet")
    check("--target asks every gene for one genus", masks["target_kind"].unique().to_list() == ["other"])


def errs(user: User) -> None:
    folder = user.folder
    (folder / "proteins.fasta").write_text(">p1\nMKVLWAALLVTFLAGCQAKVEQAVETEPEPELRQQTEWQSGQRWE\n")
    (folder / "cut.fasta.gz").write_bytes((folder / "new.fasta.gz").read_bytes()[:2000])
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("mine")
    (folder / "hosts.tsv").write_text("id\thost\nx\thuman\n")
    old = folder / "old"
    old.mkdir()
    (old / "card.json").write_text('{"format": 0}')
    new, model = "new.fasta.gz", "model"
    user.fails(3, "form 0", "predict", new, "--model", "old", "--out", "x")
    user.fails(3, "a directory without a card", "predict", new, "--model", "mine", "--out", "x")
    user.fails(3, "found nothing", "explain", new, "--model", "none", "--out", "x")
    user.fails(2, "did not put there", "predict", new, "--model", model, "--out", "mine")
    user.fails(2, "holds what readlens learn wrote", "predict", new, "--model", model, "--out", model)
    user.fails(2, "holds what readlens explain wrote", "predict", new, "--model", model, "--out", "explained")
    user.fails(2, "only a regular file can be", "predict", "-", "--model", model, "--out", "x")
    user.fails(2, "expected a number of 0 to 1", "predict", new, "--model", model, "--out", "x", "--min-probability", "2")
    user.fails(2, "above 0 and at most 1", "explain", new, "--model", model, "--out", "x", "--area", "0")
    user.fails(3, "called Nessiteras", "explain", new, "--model", model, "--out", "x", "--target", "genus=Nessiteras")
    user.fails(2, "RANK=TAXON", "explain", new, "--model", model, "--out", "x", "--target", "Treponema")
    user.fails(3, "--ranks", "learn", "genes.fasta.gz", "--taxonomy", "hosts.tsv", "--out", "x")
    # These fail in a stage: the journal of what was done before stays, and no table.
    for code, message, line in [
        (3, "proteins.fasta", ["predict", "proteins.fasta", "--model", model, "--out", "bad1"]),
        (3, "cut.fasta.gz", ["predict", "cut.fasta.gz", "--model", model, "--out", "bad2"]),
    ]:
        done = user.run(*line)
        check(f"refused: {message}", done.returncode == code and message in done.stderr, (done.returncode, done.stderr))
    # A model that is changed behind its card.
    config = folder / "model" / "explainer" / "config.json"
    text = config.read_text()
    config.write_text(text + " ")
    user.fails(3, "what the model's card is about", "predict", new, "--model", model, "--out", "x")
    config.write_text(text)
    check("no half table", not list((folder / "bad1").rglob("*.parquet")) and not list((folder / "bad2").rglob("*.parquet")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readlens", type=Path)
    parser.add_argument("taxpasta", type=Path)
    parser.add_argument("--sequences", type=Path, default=ROOT / "data/16s/demo.fasta.gz")
    parser.add_argument("--taxonomy", type=Path, default=ROOT / "data/16s/demo.tsv")
    parser.add_argument("--genera", type=int, default=8, help="number of genera, the most frequent ones")
    parser.add_argument("--records", type=int, default=60, help="records of each genus")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        user = User(options.readlens.resolve(), Path(folder))
        chosen = prepare(options, user.folder)
        learns(user)
        predicts(user, chosen, options.taxpasta.resolve())
        explains(user)
        errs(user)
    print("both users have what they came for")


if __name__ == "__main__":
    main()
