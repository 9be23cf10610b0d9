"""The classifier, and the Explainer of the frozen classifier.

An interrupted training leaves `classifier.checkpoint/` or `explainer.checkpoint/` beside its output
and goes on from there when the workflow is started again.
"""


rule train_classifier:
    input:
        tokens=f"{OUT}/tokens.parquet",
    output:
        directory(f"{OUT}/classifier"),
    params:
        options=options("train-classifier"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/train-classifier.log",
    shell:
        "{BIN:q}readlens-train-classifier --tokens {input.tokens:q} --output {output:q}"
        " {params.options} --threads {threads} 2> {log:q}"


rule train_explainer:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
    output:
        directory(f"{OUT}/explainer"),
    params:
        options=options("train-explainer"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/train-explainer.log",
    shell:
        "{BIN:q}readlens-train-explainer --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --output {output:q} {params.options} --threads {threads} 2> {log:q}"
