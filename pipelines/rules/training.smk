"""The classifier and those it is compared with, and the Explainers of frozen classifiers.

An interrupted training leaves a `.checkpoint` directory beside its output, such as
`classifier.checkpoint/`, and goes on from there when the workflow is started again.
"""


# The classifier with each of its seeds, the independent judge and the classifier of permuted labels.
rule train_classifier:
    input:
        tokens=f"{OUT}/tokens.parquet",
    output:
        directory(f"{OUT}/{{classifier}}"),
    params:
        options=lambda wildcards: typed("train-classifier", CLASSIFIERS[wildcards.classifier]),
    threads: config["threads"]
    log:
        f"{OUT}/logs/train-{{classifier}}.log",
    benchmark:
        f"{OUT}/seconds/{{classifier}}.tsv"
    shell:
        "{BIN:q}readlens-train-classifier --tokens {input.tokens:q} --output {output:q}"
        " {params.options} --threads {threads} 2> {log:q}"


rule train_branch:
    input:
        tokens=f"{OUT}/tokens.parquet",
    output:
        directory(f"{OUT}/{{branch}}"),
    params:
        stage=lambda wildcards: BRANCHES[wildcards.branch][0],
        options=lambda wildcards: typed(*BRANCHES[wildcards.branch]),
    threads: config["threads"]
    log:
        f"{OUT}/logs/train-{{branch}}.log",
    benchmark:
        f"{OUT}/seconds/{{branch}}.tsv"
    shell:
        "{BIN:q}readlens-{params.stage} --tokens {input.tokens:q} --output {output:q}"
        " {params.options} --threads {threads} 2> {log:q}"


if IS_GIVEN:

    # A classifier that was trained elsewhere.
    rule copy_classifier:
        input:
            INPUT["classifier"],
        output:
            directory(f"{OUT}/classifier"),
        shell:
            "cp -R {input:q} {output:q}"


def branches_of(place: str) -> list[str]:
    """The branches that are combined into the classifier of a seed."""
    return [f"{OUT}/{place}branches/{name}" for name in config["branches"]]


if BRANCHES:

    rule combine:
        input:
            tokens=f"{OUT}/tokens.parquet",
            branches=lambda wildcards: branches_of(wildcards.place),
        output:
            directory(f"{OUT}/{{place}}classifier"),
        params:
            branches=lambda wildcards: repeated("--classifier", branches_of(wildcards.place)),
            options=lambda wildcards: typed("combine", seeded(config.get("combine", {}), wildcards.place)),
        threads: config["threads"]
        log:
            f"{OUT}/logs/{{place}}combine.log",
        benchmark:
            f"{OUT}/seconds/{{place}}combine.tsv"
        shell:
            "{BIN:q}readlens-combine --tokens {input.tokens:q} {params.branches} --output {output:q}"
            " {params.options} --threads {threads} 2> {log:q}"


rule randomize:
    input:
        classifier=f"{OUT}/classifier",
    output:
        directory(f"{OUT}/randomized-{{parts}}"),
    params:
        options=lambda wildcards: typed("randomize", {"parts": wildcards.parts}),
    threads: config["threads"]
    log:
        f"{OUT}/logs/randomize-{{parts}}.log",
    shell:
        "{BIN:q}readlens-randomize --classifier {input.classifier:q} --output {output:q}"
        " {params.options} --threads {threads} 2> {log:q}"


rule train_explainer:
    input:
        tokens=TRAINING_TOKENS,
        classifier=lambda wildcards: f"{OUT}/{NETWORKS[wildcards.network].classifier}",
    output:
        directory(f"{OUT}/explainer{{network}}"),
    params:
        options=lambda wildcards: typed("train-explainer", NETWORKS[wildcards.network].options),
    threads: config["threads"]
    log:
        f"{OUT}/logs/train-explainer{{network}}.log",
    shell:
        "{BIN:q}readlens-train-explainer --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --output {output:q} {params.options} --threads {threads} 2> {log:q}"
