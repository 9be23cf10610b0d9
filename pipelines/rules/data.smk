"""Sequences, taxonomy and splits, from files or simulated, and the same windows read otherwise."""


# Files of this folder are fetched where a configuration names them and they are missing.
rule fetch_16s:
    output:
        "data/fetched/16s/sequences.fasta.gz",
        "data/fetched/16s/taxonomy.tsv",
    shell:
        "scripts/fetch-16s data/fetched/16s"


rule simulate:
    output:
        directory(SIMULATED),
    params:
        options=lambda wildcards: options("simulate"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/simulate.log",
    shell:
        "{BIN:q}readlens-simulate --output {output:q} {params.options} --threads {threads} 2> {log:q}"


def changes(sample: str) -> str:
    """What sample_taxonomy.py changes in the taxonomy, as it is typed."""
    kept = [f"--keep {split}={count}" for split, count in SAMPLES[sample].items()]
    known = [f"--known {quote(f'{rank}={column}')}" for rank, column in INPUT.get("known", {}).items()]
    tokenize = config.get("tokenize", {})
    columns = [option(name, tokenize[name]) for name in ("id-column", "split-column") if name in tokenize]
    return " ".join(kept + known + columns) if kept or known else ""


def taxonomy(sample: str) -> list[str]:
    """The taxonomy of a sample: the one that is given where nothing is changed."""
    return [f"{OUT}/taxonomy{sample}.tsv"] if changes(sample) else input_files("taxonomy")


def taxdump() -> list[str]:
    """The files of the taxdump that every taxdump has, where the options name one."""
    directory = config.get("tokenize", {}).get("taxdump")
    return [plain(f"{directory}/{file}") for file in ("names.dmp", "nodes.dmp")] if directory else []


TOKENIZE = config.get("tokenize", {})


def trained_frames(sample: str) -> str | None:
    """The classifier whose reading frames a sample is read in, unless it learns them itself.

    A sample of the training windows must not learn others than the classifier was trained in.
    """
    if "orient" not in TOKENIZE or "orient-model" in TOKENIZE:
        return None
    return INPUT.get("classifier", f"{OUT}/classifier" if sample else None)


def frame_files(sample: str) -> list[str]:
    """What must be there to find reading frames."""
    given = TOKENIZE.get("orient-model", trained_frames(sample))
    return [plain(given)] if given else []


def tokenize_options(sample: str) -> str:
    """Options of tokenize for a sample."""
    classifier = trained_frames(sample)
    if classifier is None:
        return options("tokenize")
    # The model knows the least gap that it was learned with.
    given = {name: value for name, value in TOKENIZE.items() if name != "orient-least-gap"}
    return typed("tokenize", given | {"orient-model": f"{classifier}/frame.json"})


rule sample_taxonomy:
    input:
        script=SCRIPTS / "sample_taxonomy.py",
        taxonomy=lambda wildcards: input_files("taxonomy"),
    output:
        f"{OUT}/taxonomy{{sample}}.tsv",
    params:
        taxonomy=lambda wildcards: INPUT.get("taxonomy"),
        changes=lambda wildcards: changes(wildcards.sample),
    shell:
        "{PYTHON:q} {input.script:q} {params.taxonomy:q} {params.changes} --output {output:q}"


rule tokenize:
    input:
        lambda wildcards: input_files("sequences"),
        lambda wildcards: taxonomy(wildcards.sample),
        lambda wildcards: taxdump(),
        lambda wildcards: frame_files(wildcards.sample),
    output:
        tokens=f"{OUT}/tokens{{sample}}.parquet",
        summary=f"{OUT}/summary{{sample}}.json",
    params:
        sequences=lambda wildcards: INPUT["sequences"],
        taxonomy=lambda wildcards: (
            f"--taxonomy {quote(f'{OUT}/taxonomy{wildcards.sample}.tsv')}"
            if changes(wildcards.sample) else input_option("taxonomy")
        ),
        options=lambda wildcards: tokenize_options(wildcards.sample),
    threads: config["threads"]
    log:
        f"{OUT}/logs/tokenize{{sample}}.log",
    shell:
        "{BIN:q}readlens-tokenize {params.sequences:q} {params.taxonomy} --output {output.tokens:q}"
        " --summary {output.summary:q} {params.options} --threads {threads} 2> {log:q}"


rule vary:
    input:
        tokens=f"{OUT}/tokens.parquet",
    output:
        f"{OUT}/tokens/{{variant}}.parquet",
    params:
        options=lambda wildcards: typed("vary", VARIANTS[wildcards.variant]),
    threads: config["threads"]
    log:
        f"{OUT}/logs/vary-{{variant}}.log",
    shell:
        "{BIN:q}readlens-vary --tokens {input.tokens:q} --output {output:q} {params.options}"
        " --threads {threads} 2> {log:q}"
