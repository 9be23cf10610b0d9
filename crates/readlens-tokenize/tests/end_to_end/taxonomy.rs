//! Taxa, splits and groups from tables, lineages and the NCBI taxonomy.

use std::collections::{BTreeMap, BTreeSet};

use readlens_tables::vocabulary::Split;

use crate::bench::{Bench, Run};

const FASTA: &str = ">a\nACGTACGT\n>b\nACGTACGT\n>c\nACGTACGT\n>d\nACGTACGT\n";

/// The taxa of every record, by its identifier; `-` for null.
fn taxa(run: &Run) -> BTreeMap<&str, Vec<&str>> {
    run.rows
        .iter()
        .map(|row| {
            let taxa = row.taxa.iter().map(|taxon| taxon.as_deref().unwrap_or("-")).collect();
            (row.id.as_str(), taxa)
        })
        .collect()
}

fn expected() -> BTreeMap<&'static str, Vec<&'static str>> {
    BTreeMap::from([
        ("a", vec!["Bacteria", "Bacillota", "Bacillus"]),
        ("b", vec!["Viruses", "Uroviricota", "-"]),
        ("c", vec!["Bacteria", "-", "-"]),
        ("d", vec!["-", "-", "-"]),
    ])
}

fn node(taxid: u32, parent: u32, rank: &str) -> String {
    format!("{taxid}\t|\t{parent}\t|\t{rank}\t|\t\t|\t0\t|\n")
}

fn name(taxid: u32, name: &str) -> String {
    format!(
        "{taxid}\t|\tsynonym of {taxid}\t|\t\t|\tsynonym\t|\n\
         {taxid}\t|\t{name}\t|\t\t|\tscientific name\t|\n"
    )
}

/// A taxdump as NCBI wrote it until 2024 and as it writes it since.
fn write_taxdumps(bench: &Bench) {
    let names = [
        name(1, "root"),
        name(2, "Bacteria"),
        name(3, "Bacillota"),
        name(4, "Bacillus"),
        name(5, "Bacillus subtilis"),
        name(10, "Viruses"),
        name(11, "Uroviricota"),
        name(131_567, "cellular organisms"),
    ]
    .concat();
    for (directory, cellular, bacteria, viruses) in [
        ("old", "no rank", "superkingdom", "superkingdom"),
        ("new", "cellular root", "domain", "acellular root"),
    ] {
        let nodes = [
            node(1, 1, "no rank"),
            node(131_567, 1, cellular),
            node(2, 131_567, bacteria),
            node(3, 2, "phylum"),
            node(4, 3, "genus"),
            node(5, 4, "species"),
            node(10, 1, viruses),
            node(11, 10, "phylum"),
        ]
        .concat();
        bench
            .write(&format!("{directory}/nodes.dmp"), nodes)
            .write(&format!("{directory}/names.dmp"), &names)
            .write(&format!("{directory}/merged.dmp"), "55\t|\t5\t|\n")
            .write(&format!("{directory}/delnodes.dmp"), "77\t|\n");
    }
}

#[test]
fn columns_lineages_and_taxids_agree() {
    let bench = Bench::new();
    write_taxdumps(&bench);
    bench
        .write("in.fasta", FASTA)
        .write(
            "columns.tsv",
            "id\tgenus\tDomain\tphylum\nb\tg__\tViruses\tUroviricota\na\tBacillus\tBacteria\tBacillota\n\
             d\tunknown\tUnclassified\tNA\r\nc\t\tBacteria\t\n",
        )
        .write(
            "qiime.tsv",
            "Feature ID\tTaxon\tConfidence\n\
             a\tk__Bacteria; p__Bacillota; c__Bacilli; o__; f__; g__Bacillus; s__\t1\n\
             b\tk__Viruses; p__Uroviricota; c__; o__; f__; g__; s__\t1\n\
             c\tk__Bacteria\t1\nd\tUnassigned\t1\n",
        )
        .write(
            "gtdb.tsv",
            "id\tlineage\na\td__Bacteria;p__Bacillota;g__Bacillus\nb\td__Viruses|k__X|p__Uroviricota\n\
             c\td__Bacteria;p__unknown\nd\t\n",
        )
        .write("taxids.tsv", "id\ttaxid\na\t55\nb\t11\nc\t2\nd\t77\n");
    let columns = bench.run("in.fasta --taxonomy columns.tsv");
    assert_eq!(taxa(&columns), expected());
    assert_eq!(columns.ranks, ["superkingdom", "phylum", "genus"]);
    for arguments in [
        "--taxonomy qiime.tsv --id-column Feature_ID --lineage-column Taxon",
        "--taxonomy gtdb.tsv --lineage-column lineage",
        "--taxonomy taxids.tsv --taxid-column taxid --taxdump old",
        "--taxonomy taxids.tsv --taxid-column taxid --taxdump new",
        "--taxonomy taxids.tsv --taxid-column taxid --taxdump new --ranks superkingdom,phylum,genus",
    ] {
        if arguments.contains("Feature_ID") {
            let text = std::fs::read_to_string(bench.path("qiime.tsv")).unwrap();
            bench.write("qiime.tsv", text.replace("Feature ID", "Feature_ID"));
        }
        assert_eq!(taxa(&bench.run(&format!("in.fasta {arguments}"))), expected(), "{arguments}");
    }
    for dump in ["old", "new"] {
        for rank in ["superkingdom", "domain"] {
            let run = bench.run(&format!(
                "in.fasta --taxonomy taxids.tsv --taxid-column taxid --taxdump {dump} --ranks {rank}"
            ));
            assert_eq!(run.ranks, [rank]);
            let expected = expected().into_iter().map(|(id, taxa)| (id, vec![taxa[0]])).collect();
            assert_eq!(taxa(&run), expected);
            let roles: Vec<&str> = run.manifest.inputs.iter().map(|i| i.role.as_str()).collect();
            assert_eq!(
                roles,
                [
                    "sequences",
                    "taxonomy",
                    "taxdump nodes.dmp",
                    "taxdump merged.dmp",
                    "taxdump delnodes.dmp",
                    "taxdump names.dmp",
                ]
            );
        }
    }
}

#[test]
fn rare_taxa_become_null_rank_by_rank() {
    let bench = Bench::new();
    bench
        .write("in.fasta", FASTA)
        .write("in.tsv", "id\tphylum\tgenus\na\tP\tG\nb\tP\tH\nc\tP\tG\nd\tQ\tI\nnot_read\tQ\tJ\n");
    let run = bench.run("in.fasta --taxonomy in.tsv --ranks phylum,genus --min-count 2");
    let expected = BTreeMap::from([
        ("a", vec!["P", "G"]),
        ("b", vec!["P", "-"]),
        ("c", vec!["P", "G"]),
        ("d", vec!["Q", "-"]),
    ]);
    assert_eq!(taxa(&run), expected);
    let summary = run.summary.taxonomy.unwrap();
    assert_eq!((summary.rows, summary.rows_without_record), (5, 1));
    let [phylum, genus] = &summary.ranks[..] else { panic!() };
    assert_eq!((phylum.taxa, phylum.records, phylum.rare_taxa), (2, 4, 0));
    assert_eq!((genus.taxa, genus.records, genus.rare_taxa), (1, 2, 3));
}

#[test]
fn records_without_a_row_are_kept_and_counted() {
    let bench = Bench::new();
    bench.write("in.fasta", FASTA).write("in.tsv", "id\tgenus\tsplit\nb\tG\ttest\nc\tG\t\n");
    let run = bench.run("in.fasta --taxonomy in.tsv --ranks genus --split-column split");
    let splits: Vec<_> = run.rows.iter().map(|row| row.split).collect();
    assert_eq!(splits, [None, Some(Split::Test), None, None]);
    assert_eq!(taxa(&run)["a"], ["-"]);
    let without = run.summary.taxonomy.unwrap().records_without_row;
    assert_eq!((without.records, without.first_ids), (2, vec!["a".to_owned(), "d".to_owned()]));
    assert_eq!(run.summary.splits["test"].records, 1);
    assert_eq!(run.summary.splits["unassigned"].records, 3);
}

/// 600 records in 60 groups of 10.
fn grouped(bench: &Bench, records: usize) {
    let fasta: String = (0..records).map(|i| format!(">r{i}\nACGTACGT\n")).collect();
    let table: String = (0..records).map(|i| format!("r{i}\tG\tgroup {}\n", i % 60)).collect();
    bench.write("in.fasta", fasta).write("in.tsv", format!("id\tgenus\tunit\n{table}"));
}

fn split_of(run: &Run) -> BTreeMap<String, Split> {
    run.rows.iter().map(|row| (row.id.clone(), row.split.unwrap())).collect()
}

#[test]
fn hashed_splits_are_stable_and_follow_the_seed() {
    let bench = Bench::new();
    grouped(&bench, 600);
    let all = bench.run("in.fasta --split-fractions 0.6,0.2,0.2 --seed 3");
    assert_eq!(all.manifest.seed, Some(3));
    // Binomial standard deviation 12.
    let train = all.summary.splits["train"].records as f64;
    assert!((train - 360.0).abs() < 60.0, "{train}");
    let other_seed = bench.run("in.fasta --split-fractions 0.6,0.2,0.2 --seed 4");
    assert_ne!(split_of(&all), split_of(&other_seed));
    grouped(&bench, 100);
    let some = bench.run("in.fasta --split-fractions 0.6,0.2,0.2 --seed 3");
    assert!(split_of(&some).iter().all(|(id, split)| split_of(&all)[id] == *split));
}

#[test]
fn groups_stay_together() {
    let bench = Bench::new();
    grouped(&bench, 600);
    let run = bench.run(
        "in.fasta --taxonomy in.tsv --ranks genus --split-fractions 0.5,0.25,0.25 --group-column unit",
    );
    let mut splits_of_group: BTreeMap<usize, BTreeSet<Split>> = BTreeMap::new();
    for (id, split) in split_of(&run) {
        let number: usize = id[1..].parse().unwrap();
        splits_of_group.entry(number % 60).or_default().insert(split);
    }
    assert_eq!(splits_of_group.len(), 60);
    assert!(splits_of_group.values().all(|splits| splits.len() == 1));
    assert_eq!(run.summary.splits.len(), 3);
}
