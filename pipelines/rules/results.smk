"""Predictions under every mask and control, metrics with intervals, and the page to look at."""


rule perturb:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
        masks=f"{OUT}/masks.parquet",
    output:
        f"{OUT}/perturbations.parquet",
    params:
        options=options("perturb"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/perturb.log",
    shell:
        "{BIN:q}readlens-perturb --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --masks {input.masks:q} --output {output:q} {params.options} --threads {threads} 2> {log:q}"


# Prints the paper's table on standard output.
rule evaluate:
    input:
        input_files("truth"),
        tokens=f"{OUT}/tokens.parquet",
        masks=f"{OUT}/masks.parquet",
        perturbations=f"{OUT}/perturbations.parquet",
    output:
        metrics=f"{OUT}/metrics.parquet",
        json=f"{OUT}/metrics.json",
    params:
        truth=input_option("truth"),
        options=options("evaluate"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/evaluate.log",
    shell:
        "{BIN:q}readlens-evaluate --tokens {input.tokens:q} --masks {input.masks:q}"
        " --perturbations {input.perturbations:q} {params.truth} --output {output.metrics:q}"
        " --json {output.json:q} {params.options} --threads {threads} 2> {log:q}"


rule report:
    input:
        input_files("intervals"),
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
        explainer=f"{OUT}/explainer",
        masks=f"{OUT}/masks.parquet",
        bases=f"{OUT}/bases.parquet",
        perturbations=f"{OUT}/perturbations.parquet",
        metrics=f"{OUT}/metrics.parquet",
        json=f"{OUT}/metrics.json",
    output:
        f"{OUT}/report.html",
    params:
        intervals=input_option("intervals"),
        options=options("report"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/report.log",
    shell:
        "{BIN:q}readlens-report --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --explainer {input.explainer:q} --masks {input.masks:q} --bases {input.bases:q}"
        " --perturbations {input.perturbations:q} --metrics {input.metrics:q} --checks {input.json:q} {params.intervals}"
        " --output {output:q} {params.options} --threads {threads} 2> {log:q}"
