"""Predictions under every mask and control, metrics with intervals, report and tables."""

EVIDENCE = [
    *if_there("stability", "compare.parquet"),
    *if_there("probe", "probe.parquet"),
    *if_there("baseline", "baseline.parquet"),
]
COSTS = if_there("attribute", "costs.parquet")
ASSESSED = if_there("assess", "assessment.parquet")
CONFUSED = if_there("assess", "confusion.parquet")
JUDGE = if_there("judge", "judge")
# Evaluate needs evidence for its verdicts only.
CHECKED = EVIDENCE if config.get("evaluate", {}).get("check") else []


rule perturb:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
        masks=MASK_TABLES + WRONG_TABLES,
        judge=JUDGE,
    output:
        shard("perturbations"),
    params:
        masks=repeated("--masks", MASK_TABLES + WRONG_TABLES),
        judge=repeated("--judge", JUDGE),
        options=lambda wildcards: options("perturb"),
        shards=SHARDS,
    threads: config["threads"]
    log:
        f"{OUT}/logs/perturb-{{shard}}-of-{SHARDS}.log",
    shell:
        "{BIN:q}readlens-perturb --tokens {input.tokens:q} --classifier {input.classifier:q} {params.masks}"
        " {params.judge} --shard {wildcards.shard}/{params.shards} --output {output:q} {params.options}"
        " --threads {threads} 2> {log:q}"


# Prints the paper's table on standard output.
rule evaluate:
    input:
        lambda wildcards: input_files("truth"),
        CHECKED,
        tokens=f"{OUT}/tokens.parquet",
        masks=MASK_TABLES,
        perturbations=f"{OUT}/perturbations.parquet",
    output:
        metrics=f"{OUT}/metrics.parquet",
        json=f"{OUT}/metrics.json",
    params:
        masks=repeated("--masks", MASK_TABLES),
        evidence=repeated("--evidence", CHECKED),
        truth=lambda wildcards: input_option("truth"),
        options=lambda wildcards: options("evaluate"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/evaluate.log",
    shell:
        "{BIN:q}readlens-evaluate --tokens {input.tokens:q} {params.masks} --perturbations {input.perturbations:q}"
        " {params.evidence} {params.truth} --output {output.metrics:q} --json {output.json:q} {params.options}"
        " --threads {threads} 2> {log:q}"


def report_options() -> str:
    """The report's options, with a heading made of the experiment's title."""
    title = {"title": f"{config['title']}: what the classifier reads"} if "title" in config else {}
    return typed("report", title | config.get("report", {}))


rule report:
    input:
        lambda wildcards: input_files("intervals"),
        EVIDENCE,
        COSTS,
        ASSESSED,
        CONFUSED,
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
        explainer=f"{OUT}/explainer{SHOWN_NETWORK}",
        masks=f"{OUT}/masks{SHOWN}.parquet",
        bases=f"{OUT}/bases{SHOWN}.parquet",
        perturbations=f"{OUT}/perturbations.parquet",
        metrics=f"{OUT}/metrics.parquet",
        json=f"{OUT}/metrics.json",
    output:
        f"{OUT}/report.html",
    params:
        evidence=repeated("--evidence", EVIDENCE),
        costs=repeated("--costs", COSTS),
        assessed=repeated("--assessment", ASSESSED),
        confused=repeated("--confusion", CONFUSED),
        intervals=lambda wildcards: input_option("intervals"),
        options=lambda wildcards: report_options(),
    threads: config["threads"]
    log:
        f"{OUT}/logs/report.log",
    shell:
        "{BIN:q}readlens-report --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --explainer {input.explainer:q} --masks {input.masks:q} --bases {input.bases:q}"
        " --perturbations {input.perturbations:q} --metrics {input.metrics:q} --checks {input.json:q}"
        " {params.evidence} {params.costs} {params.assessed} {params.confused} {params.intervals}"
        " --output {output:q} {params.options} --threads {threads} 2> {log:q}"


ASSESSMENTS = [f"{OUT}/{place}assessment.parquet" for place in PLACES]
WHOLE_BASELINE = if_there("baseline", f"baseline{WHOLE_SAMPLE}.parquet")


def command() -> str:
    """The call that computes this experiment."""
    return " ".join(
        ["snakemake --profile pipelines/profiles/default --configfile", *map(relative, workflow.configfiles)]
    )


# How right the classifier is, branch by branch, over all seeds.
rule classifier_page:
    input:
        script=SCRIPTS / "classifier.py",
        tokens=WHOLE_TOKENS,
        assessments=ASSESSMENTS,
        baseline=WHOLE_BASELINE,
    output:
        f"{OUT}/classifier.md",
    params:
        title=lambda wildcards: config.get("title", OUT),
        source=lambda wildcards: f"{command()} -- classifier",
        assessments=repeated("--assessment", ASSESSMENTS),
        baseline=repeated("--baseline", WHOLE_BASELINE),
        seconds=repeated("--seconds", [f"{OUT}/seconds/{place}" for place in PLACES]),
    shell:
        "{PYTHON:q} {input.script:q} {params.assessments} {params.baseline} --tokens {input.tokens:q}"
        " {params.seconds}"
        " --title {params.title:q} --source {params.source:q} > {output:q}"


rule tables:
    input:
        EVIDENCE,
        COSTS,
        script=SCRIPTS / "tables.py",
        metrics=f"{OUT}/metrics.parquet",
        json=f"{OUT}/metrics.json",
    output:
        f"{OUT}/tables.md",
    params:
        title=lambda wildcards: config.get("title", OUT),
        source=lambda wildcards: command(),
        methods=lambda wildcards: repeated("--method", config.get("tables", {}).get("methods", [])),
    shell:
        "{PYTHON:q} {input.script:q} {OUT:q} --title {params.title:q} --source {params.source:q} {params.methods}"
        " > {output:q}"


rule enrichment:
    input:
        lambda wildcards: input_files("regions"),
        script=SCRIPTS / "enrichment.py",
        bases=[f"{OUT}/bases{key}.parquet" for key in [REFERENCE, *COMPARED.get("seed", [])]] if COMPARED else [],
    output:
        f"{OUT}/enrichment.md",
    params:
        regions=lambda wildcards: INPUT.get("regions"),
    shell:
        "{PYTHON:q} {input.script:q} {params.regions:q} {input.bases:q} > {output:q}"
