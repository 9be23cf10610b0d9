"""The classifier and those it is compared with, and the Explainers of frozen classifiers.

An interrupted training leaves a `.checkpoint` directory beside its output, such as
`classifier.checkpoint/`, and goes on from there when the workflow is started again.
"""


# The classifier, the independent judge and the classifier of permuted labels.
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
    shell:
        "{BIN:q}readlens-{params.stage} --tokens {input.tokens:q} --output {output:q}"
        " {params.options} --threads {threads} 2> {log:q}"


if BRANCHES:

    rule combine:
        input:
            tokens=f"{OUT}/tokens.parquet",
            branches=[f"{OUT}/{branch}" for branch in BRANCHES],
        output:
            directory(f"{OUT}/classifier"),
        params:
            branches=" ".join(f"--classifier {quote(f'{OUT}/{branch}')}" for branch in BRANCHES),
            options=lambda wildcards: options("combine"),
        threads: config["threads"]
        log:
            f"{OUT}/logs/combine.log",
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
