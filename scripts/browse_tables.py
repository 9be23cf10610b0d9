"""Tables for the check of browse.html: what each window holds is known in advance.

`Sample` writes tokens (through readlens-tokenize), masks, bases, predictions and stretches into a
folder. The sequences, and which bases are marked, are kept beside, so that what the page shows can
be compared with where it came from.
"""

import random
import subprocess

import pyarrow
import pyarrow.parquet

RANKS = ("superkingdom", "phylum", "genus")
LETTERS = bytes(b"ACGT"[byte % 4] for byte in range(256))
K = 6
# As readlens writes them: a row group ends with its 65,536th row or with 2^20 items of a list, and
# the bytes of numbers in lists are split.
ROWS, ITEMS = 65_536, 1 << 20
# Noise of the mask, so that windows differ as computed ones do. It changes no step of colour.
NOISE = [(number * 37 % 101) / 20_000 for number in range(101)]
HOSTILE = "<img src=x onerror=alert(1)>"


def write(table, path, items):
    """Writes rows with at most `items` items in a list."""
    lists = {field.name for field in table.schema if pyarrow.types.is_list(field.type)}
    split = {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in lists & {"mask", "tokens"}}
    pyarrow.parquet.write_table(
        table, path, compression="zstd", compression_level=1, row_group_size=max(min(ROWS, ITEMS // items), 1),
        use_dictionary=[name for name in table.column_names if name not in lists], column_encoding=split,
    )


def lineage(record):
    genus = record % 12
    return ("Bacteria", f"Phylum{genus % 3}", f"Genus{genus}" if genus else "<b>Genus0</b>")


class Sample:
    """`count` records of `length` random bases; every eighth is read from its other strand."""

    def __init__(self, folder, binaries, count, length, methods):
        self.folder, self.binaries, self.length, self.methods = folder, binaries, length, methods
        self.dice = random.Random(5)
        self.ids = [f"record{number:06}" for number in range(count)]
        self.bases = [self.dice.randbytes(length).translate(LETTERS).decode() for _ in range(count)]
        folder.mkdir(parents=True)

    def path(self, name):
        return self.folder / f"{name}.parquet"

    def write(self):
        self.write_tokens()
        self.write_masks()
        self.write_bases()
        self.write_predictions()
        self.write_stretches()

    def run(self, stage, *arguments):
        subprocess.run([self.binaries / f"readlens-{stage}", *map(str, arguments), "--quiet"], check=True)

    def page(self, *more):
        """Writes report.html and browse.html, of the tables that are there."""
        names = [name for name in ("tokens", "masks", "bases", "predictions", "stretches") if self.path(name).exists()]
        tables = [option for name in names for option in (f"--{name}", self.path(name))]
        self.run("report", *tables, "--output", self.folder / "report.html", "--browse", self.folder / "browse.html", *more)
        return self.folder / "browse.html"

    def table(self, name, kind, columns, items=1):
        schema = pyarrow.schema(
            [pyarrow.field(column, kind_of) for column, (kind_of, _) in columns.items()],
            metadata={"readlens.table": kind, "readlens.schema_version": {"masks": "4", "bases": "2"}.get(kind, "1")},
        )
        arrays = [values if isinstance(values, pyarrow.Array) else pyarrow.array(values, kind_of) for kind_of, values in columns.values()]
        write(pyarrow.Table.from_arrays(arrays, schema=schema), self.path(name), items)

    def write_tokens(self):
        fasta, taxonomy = self.folder / "records.fasta", self.folder / "records.tsv"
        fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in zip(self.ids, self.bases)))
        rows = ("\t".join((name, *lineage(record))) for record, name in enumerate(self.ids))
        taxonomy.write_text("\t".join(("id", *RANKS)) + "\n" + "\n".join(rows) + "\n")
        for strand in ("forward", "reverse"):
            self.run("tokenize", fasta, "--taxonomy", taxonomy, "--split-fractions", "0.8,0.1,0.1", "--strand", strand, "--output", self.path(strand))
        forward, reverse = (pyarrow.parquet.read_table(self.path(strand)) for strand in ("forward", "reverse"))
        # An id with blanks cannot come from FASTA, but it can from a table of another program.
        self.ids[1] = HOSTILE
        self.is_reverse = [record % 8 == 7 for record in range(len(self.ids))]
        where = pyarrow.array([record + len(self.ids) * self.is_reverse[record] for record in range(len(self.ids))])
        tokens = pyarrow.concat_tables([forward, reverse]).take(where)
        tokens = tokens.set_column(0, tokens.schema.field("id"), pyarrow.array(self.ids))
        write(tokens, self.path("tokens"), self.length // K + 1)
        self.splits = tokens["split"].to_pylist()

    def masks_of(self, record):
        """Marked tokens of a record, in the order of its bases: a stretch that depends on the record."""
        first = record % max(self.length // K - 8, 1)
        return range(first, first + 2 + record % 7)

    def pool(self, to_values, kind):
        """A list per record, made once for records that are alike; the mask of a record depends on its number only."""
        alike = {}
        where = []
        for record in range(len(self.ids)):
            key = (self.masks_of(record), self.is_reverse[record], record % len(NOISE))
            where.append(alike.setdefault(key, len(alike)))
        return pyarrow.array([to_values(*key) for key in alike], kind).take(pyarrow.array(where))

    def token_values(self, marked, is_reverse, noise):
        values = [(0.87 if token in marked else 0.0625) + NOISE[(noise + token) % len(NOISE)] for token in range(self.length // K)]
        # Tokens of the other strand begin at the end of the window, which is whole k-mers long.
        return values[::-1] if is_reverse else values

    def write_masks(self):
        floats, bools = pyarrow.list_(pyarrow.float32()), pyarrow.list_(pyarrow.bool_())
        mask = self.pool(self.token_values, floats)
        hard = self.pool(lambda *key: [value > 0.5 for value in self.token_values(*key)], bools)
        self.area = [sum(values) / len(values) for values in mask.to_pylist()]
        columns = self.keys(self.methods)
        count, repeats = len(self.ids), len(self.methods)
        columns |= {
            "target": (pyarrow.string(), [None] * count * repeats),
            "target_kind": (pyarrow.string(), ["predicted"] * count * repeats),
            "asked": (pyarrow.list_(pyarrow.uint32()), [[]] * count * repeats),
            "mask": (floats, pyarrow.concat_arrays([mask] * repeats)),
            "hard": (bools, pyarrow.concat_arrays([hard] * repeats)),
            "deviation": (floats, [[]] * count * repeats),
            "area": (pyarrow.float32(), self.area * repeats),
        }
        self.table("masks", "masks", columns, self.length // K)

    def keys(self, methods):
        count = len(self.ids)
        each = lambda values: [value for value in values for _ in range(count)]
        kinds = ["explainer" if method[0] == "explainer" else "attribution" for method in methods]
        return {
            "id": (pyarrow.string(), self.ids * len(methods)),
            "window": (pyarrow.uint32(), [0] * count * len(methods)),
            "method": (pyarrow.string(), each(method for method, _, _ in methods)),
            "method_kind": (pyarrow.string(), each(kinds)),
            "replicate": (pyarrow.uint32(), each(replicate for _, replicate, _ in methods)),
            "rank": (pyarrow.string(), each(rank for _, _, rank in methods)),
        }

    def write_bases(self):
        floats = pyarrow.list_(pyarrow.float32())
        spread = lambda marked, _, noise: [value for value in self.token_values(marked, False, noise) for _ in range(K)]
        columns = self.keys(self.methods[:1])
        count = len(self.ids)
        columns |= {
            "start": (pyarrow.uint32(), [0] * count),
            "end": (pyarrow.uint32(), [self.length] * count),
            "strand": (pyarrow.string(), ["-" if turned else "+" for turned in self.is_reverse]),
            "mask": (floats, self.pool(spread, floats)),
        }
        self.table("bases", "bases", columns, self.length)

    def prediction(self, record, rank):
        """The taxon, none for every tenth record, and wrong for every seventh; and the confidence."""
        label = lineage(record)[RANKS.index(rank)]
        taxon = None if record % 10 == 9 else "Wrong" if record % 7 == 3 else label
        return taxon, (record % 100 + 0.5) / 100

    def write_predictions(self):
        rows = [(record, rank) for record in range(len(self.ids)) for rank in RANKS]
        said = [self.prediction(record, rank) for record, rank in rows]
        confidence = [value for _, value in said]
        text, number, share = pyarrow.string(), pyarrow.uint32(), pyarrow.float32()
        ones = [1] * len(rows)
        self.table("predictions", "predictions", {
            "id": (text, [self.ids[record] for record, _ in rows]),
            "window": (number, [0] * len(rows)),
            "split": (text, [self.splits[record] for record, _ in rows]),
            "windows": (number, ones),
            "rank": (text, [rank for _, rank in rows]),
            "taxon": (text, [taxon for taxon, _ in said]),
            "probability": (share, confidence),
            "runner_up": (text, ["Genus5"] * len(rows)),
            "runner_up_probability": (share, [0.001] * len(rows)),
            "entropy": (share, [0.5] * len(rows)),
            "confidence": (share, confidence),
            "votes": (number, ones),
        })

    def stretch(self, record):
        """Bases of a record that are marked."""
        marked = self.masks_of(record)
        return marked.start * K, marked.stop * K

    def write_stretches(self):
        places = [self.stretch(record) for record in range(len(self.ids))]
        method, replicate, rank = self.methods[0]
        count = len(places)
        text, number, share = pyarrow.string(), pyarrow.uint32(), pyarrow.float32()
        self.table("stretches", "stretches", {
            "id": (text, self.ids),
            "start": (number, [start for start, _ in places]),
            "end": (number, [end for _, end in places]),
            "strand": (text, ["-" if turned else "+" for turned in self.is_reverse]),
            "method": (text, [method] * count),
            "method_kind": (text, ["explainer"] * count),
            "replicate": (number, [replicate] * count),
            "rank": (text, [rank] * count),
            "taxon": (text, [None] * count),
            "length": (number, [end - start for start, end in places]),
            "mean": (share, [0.87] * count),
            "peak": (share, [0.87] * count),
        })

    def fasta(self, record):
        """The FASTA record of its stretch."""
        start, end = self.stretch(record)
        bases = self.bases[record][start:end]
        lines = [bases[place:place + 60] for place in range(0, len(bases), 60)]
        name = "".join("_" if letter.isspace() else letter for letter in self.ids[record])
        return "\n".join([f">{name}:{start}-{end}", *lines]) + "\n"


def sizes(folder):
    return {path.name: path.stat().st_size for path in folder.glob("*.parquet")}
