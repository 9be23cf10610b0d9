"""Evidence beside the masks: k-mer models, stability and sanity, what a mask alone tells."""


# Evaluate compares it with the windows that are explained, the page of the classifier with all.
rule baseline:
    input:
        tokens=f"{OUT}/tokens{{sample}}.parquet",
    output:
        f"{OUT}/baseline{{sample}}.parquet",
    params:
        options=lambda wildcards: options("baseline"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/baseline{{sample}}.log",
    shell:
        "{BIN:q}readlens-baseline --tokens {input.tokens:q} --output {output:q} {params.options}"
        " --threads {threads} 2> {log:q}"


rule assess:
    input:
        tokens=WHOLE_TOKENS,
        classifier=f"{OUT}/{{place}}classifier",
    output:
        figures=f"{OUT}/{{place}}assessment.parquet",
        confusion=f"{OUT}/{{place}}confusion.parquet",
    params:
        options=lambda wildcards: options("assess"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/{{place}}assess.log",
    shell:
        "{BIN:q}readlens-assess --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --output {output.figures:q} --confusion {output.confusion:q} {params.options} --threads {threads} 2> {log:q}"


rule compare:
    input:
        [f"{OUT}/bases{key}.parquet" for keys in COMPARED.values() for key in keys],
        tokens=f"{OUT}/tokens.parquet",
        reference=f"{OUT}/bases{REFERENCE}.parquet" if COMPARED else [],
    output:
        f"{OUT}/compare.parquet",
    params:
        others=" ".join(
            f"--other {quote(f'{label}={OUT}/bases{key}.parquet')}" for label, keys in COMPARED.items() for key in keys
        ),
        options=lambda wildcards: options("compare"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/compare.log",
    shell:
        "{BIN:q}readlens-compare --tokens {input.tokens:q} --reference {input.reference:q} {params.others}"
        " --output {output:q} {params.options} --threads {threads} 2> {log:q}"


rule probe:
    input:
        tokens=f"{OUT}/tokens.parquet",
        masks=MASK_TABLES,
    output:
        f"{OUT}/probe.parquet",
    params:
        masks=repeated("--masks", MASK_TABLES),
        options=lambda wildcards: options("probe"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/probe.log",
    shell:
        "{BIN:q}readlens-probe --tokens {input.tokens:q} {params.masks} --output {output:q} {params.options}"
        " --threads {threads} 2> {log:q}"
