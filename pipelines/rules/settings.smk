"""What the configuration means to the rules."""

from shlex import quote

OUT = config["out"].rstrip("/")
# Not a parameter of any rule: moving the binaries changes no result and reruns nothing.
BIN = config["bin"].rstrip("/") + "/" if config["bin"] else ""
SHARDS = config["shards"]
SIMULATED = f"{OUT}/simulated"

SEEDED = {"simulate", "tokenize", "train-classifier", "train-explainer", "perturb", "evaluate", "report"}
# Options that take `true` or `false`; every other boolean is a switch that stands or does not.
TAKE_BOOLEAN = {"frame-offset", "reverse-complement"}

if "simulate" in config:
    INPUT = {
        "sequences": [f"{SIMULATED}/sequences.fasta"],
        "taxonomy": f"{SIMULATED}/taxonomy.tsv",
        "truth": f"{SIMULATED}/truth.tsv",
        "intervals": f"{SIMULATED}/truth.tsv",
    }
else:
    INPUT = config["input"]


def input_files(*kinds):
    """What must be there to read these kinds of input: the files, or the directory simulated to hold them."""
    if "simulate" in config:
        return [SIMULATED]
    files = []
    for kind in kinds:
        given = INPUT.get(kind, [])
        files += [given] if isinstance(given, str) else given
    return files


def input_option(kind):
    """`--kind FILE` where the input has such a file, else nothing."""
    return f"--{kind} {quote(INPUT[kind])}" if kind in INPUT else ""


def option(name, value):
    """One option as it is typed: lists are joined by commas, a false switch is left out."""
    if isinstance(value, bool):
        if name in TAKE_BOOLEAN:
            return f"--{name}={str(value).lower()}"
        return f"--{name}" if value else ""
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return quote(f"--{name}={value}")


def options(stage):
    """All options that the configuration gives a stage; part of a rule's parameters, so that a change reruns it."""
    chosen = dict(config.get(stage, {}))
    if stage in SEEDED:
        chosen.setdefault("seed", config["seed"])
    return " ".join(filter(None, (option(name, chosen[name]) for name in sorted(chosen))))
