"""Masks of the Explainers and of their rivals, scattered over shards and merged."""


rule mask:
    input:
        tokens=lambda wildcards: f"{OUT}/{MASKS[wildcards.masks].tokens}.parquet",
        classifier=lambda wildcards: f"{OUT}/{MASKS[wildcards.masks].classifier}",
        networks=lambda wildcards: [f"{OUT}/explainer{key}" for key in MASKS[wildcards.masks].networks],
    output:
        masks=shard("masks{masks}"),
        bases=shard("bases{masks}"),
    params:
        networks=lambda wildcards, input: repeated("--explainer", input.networks),
        options=lambda wildcards: typed("mask", MASKS[wildcards.masks].options),
        shards=SHARDS,
    threads: config["threads"]
    log:
        f"{OUT}/logs/mask{{masks}}-{{shard}}-of-{SHARDS}.log",
    shell:
        "{BIN:q}readlens-mask --tokens {input.tokens:q} --classifier {input.classifier:q} {params.networks}"
        " --shard {wildcards.shard}/{params.shards} --output {output.masks:q} --bases {output.bases:q}"
        " {params.options} --threads {threads} 2> {log:q}"


# What a section says that leaves it out, as in `readlens run`: three methods, and the windows, area
# and blocks of the masks that all Explainers share.
RIVALS = {"method": ["integrated_gradients", "occlusion", "lime"]} | {
    name: MASK[name] for name in ("split", "area", "patch") if name in MASK
}


rule attribute:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
    output:
        masks=shard("attributions"),
        costs=shard("costs"),
    params:
        options=lambda wildcards: typed("attribute", RIVALS | config.get("attribute", {})),
        shards=SHARDS,
    threads: config["threads"]
    log:
        f"{OUT}/logs/attribute-{{shard}}-of-{SHARDS}.log",
    shell:
        "{BIN:q}readlens-attribute --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --shard {wildcards.shard}/{params.shards} --output {output.masks:q} --costs {output.costs:q}"
        " {params.options} --threads {threads} 2> {log:q}"


# The rivals' masks for the taxa of other windows.
rule wrong_attribute:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
    output:
        shard("wrong-attributions"),
    params:
        options=lambda wildcards: typed(
            "attribute", RIVALS | config.get("attribute", {}) | {"method": WRONG["method"]} | WRONG_OPTION
        ),
        shards=SHARDS,
    threads: config["threads"]
    log:
        f"{OUT}/logs/wrong-attributions-{{shard}}-of-{SHARDS}.log",
    shell:
        "{BIN:q}readlens-attribute --tokens {input.tokens:q} --classifier {input.classifier:q}"
        " --shard {wildcards.shard}/{params.shards} --output {output:q} {params.options} --threads {threads} 2> {log:q}"


# Costs keep one row per method and shard, because times are measured; who reads them averages over
# the windows.
rule merge:
    input:
        lambda wildcards: shards(wildcards.table),
    output:
        f"{OUT}/{{table}}.parquet",
    log:
        f"{OUT}/logs/merge-{{table}}.log",
    shell:
        "{BIN:q}readlens-merge {input:q} --output {output:q} --threads {threads} 2> {log:q}"
