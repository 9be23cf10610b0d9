"""What is said of each sequence, and what was read of it, in the formats of other tools."""


# Calibrated on the split valid of the table that the classifier was trained on. Not in shards,
# because texts are about all records.
rule predict:
    input:
        tokens=f"{OUT}/tokens.parquet",
        classifier=f"{OUT}/classifier",
    output:
        windows=f"{OUT}/predictions.parquet",
        records=f"{OUT}/records.parquet",
        tsv=f"{OUT}/records.tsv",
        kraken=f"{OUT}/kraken-report.txt",
        krona=f"{OUT}/krona.txt",
    params:
        options=lambda wildcards: options("predict"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/predict.log",
    shell:
        "{BIN:q}readlens-predict --tokens {input.tokens:q} --calibration-tokens {input.tokens:q}"
        " --classifier {input.classifier:q} --output {output.windows:q} --records {output.records:q}"
        " --tsv {output.tsv:q} --kraken-report {output.kraken:q} --krona {output.krona:q} {params.options}"
        " --threads {threads} 2> {log:q}"


RECORDS = if_there("predict", "records.parquet")


rule tracks:
    input:
        lambda wildcards: input_files("sequences"),
        bases=f"{OUT}/bases{SHOWN}.parquet",
        records=RECORDS,
    output:
        stretches=f"{OUT}/stretches.parquet",
        bed=f"{OUT}/tracks/stretches.bed",
        gff3=f"{OUT}/tracks/stretches.gff3",
        bedgraph=f"{OUT}/tracks/mask.bedgraph",
        bigwig=f"{OUT}/tracks/mask.bw",
        fasta=f"{OUT}/tracks/read.fasta",
    params:
        sequences=lambda wildcards: repeated("--sequences", INPUT["sequences"]),
        records=repeated("--predictions", RECORDS),
        options=lambda wildcards: options("tracks"),
    threads: config["threads"]
    log:
        f"{OUT}/logs/tracks.log",
    shell:
        "{BIN:q}readlens-tracks --bases {input.bases:q} {params.records} {params.sequences}"
        " --stretches {output.stretches:q} --bed {output.bed:q} --gff3 {output.gff3:q}"
        " --bedgraph {output.bedgraph:q} --bigwig {output.bigwig:q} --masked-fasta {output.fasta:q}"
        " {params.options} --threads {threads} 2> {log:q}"
