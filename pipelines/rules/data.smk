"""Sequences, taxonomy and splits: from files, or simulated with known answers."""


rule simulate:
    output:
        directory(SIMULATED),
    params:
        options=options("simulate"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/simulate.log",
    shell:
        "{BIN:q}readlens-simulate --output {output:q} {params.options} --threads {threads} 2> {log:q}"


rule tokenize:
    input:
        input_files("sequences", "taxonomy"),
    output:
        tokens=f"{OUT}/tokens.parquet",
        summary=f"{OUT}/summary.json",
    params:
        sequences=INPUT["sequences"],
        taxonomy=input_option("taxonomy"),
        options=options("tokenize"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/tokenize.log",
    shell:
        "{BIN:q}readlens-tokenize {params.sequences:q} {params.taxonomy} --output {output.tokens:q}"
        " --summary {output.summary:q} {params.options} --threads {threads} 2> {log:q}"
