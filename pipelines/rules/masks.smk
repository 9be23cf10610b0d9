"""Masks of all windows, scattered over shards and merged into the tables of an unsharded run."""


wildcard_constraints:
    shard=r"[1-9]\d*",
    table="masks|bases",


rule mask:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
        explainer=f"{OUT}/explainer",
    output:
        masks=temp(f"{OUT}/shards/masks-{{shard}}-of-{SHARDS}.parquet"),
        bases=temp(f"{OUT}/shards/bases-{{shard}}-of-{SHARDS}.parquet"),
    params:
        shards=SHARDS,
        options=options("mask"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/mask-{{shard}}-of-{SHARDS}.log",
    shell:
        "{BIN:q}readlens-mask --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --explainer {input.explainer:q} --shard {wildcards.shard}/{params.shards}"
        " --output {output.masks:q} --bases {output.bases:q}"
        " {params.options} --threads {threads} 2> {log:q}"


rule merge:
    input:
        expand(f"{OUT}/shards/{{{{table}}}}-{{shard}}-of-{SHARDS}.parquet", shard=range(1, SHARDS + 1)),
    output:
        f"{OUT}/{{table}}.parquet",
    log:
        f"{OUT}/logs/merge-{{table}}.log",
    shell:
        "{BIN:q}readlens-merge {input:q} --output {output:q} --threads {threads} 2> {log:q}"
