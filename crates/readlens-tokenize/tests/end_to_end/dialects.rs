//! What the world writes: taxonomies, packed files and reads as databases, tools and machines make
//! them, and what is said about those that look right but are not.

use std::collections::BTreeMap;
use std::io::Write;

use crate::bench::{Bench, Run};

const FASTA: &str = ">s1\nACGTACGT\n>s2\nACGTACGT\n>s3\nACGTACGT\n>s4\nACGTACGT\n";

fn bench(taxonomy: &str) -> Bench {
    let bench = Bench::new();
    bench.write("in.fasta", FASTA).write("in.tsv", taxonomy);
    bench
}

/// The taxa of the records in their order, with blanks between ranks; `-` for null.
fn taxa(run: &Run) -> Vec<String> {
    let of_row = |taxa: &[Option<String>]| {
        taxa.iter().map(|taxon| taxon.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" ")
    };
    run.rows.iter().map(|row| of_row(&row.taxa)).collect()
}

fn ids(run: &Run) -> Vec<&str> {
    run.rows.iter().map(|row| row.id.as_str()).collect()
}

/// The log of a run that succeeds.
fn log(bench: &Bench, arguments: &str) -> String {
    let output = bench.call(arguments, b"");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    log
}

#[test]
fn genera_of_one_name_are_a_taxon_below_each_parent() {
    let bench = bench(
        "id\tsuperkingdom\tphylum\tgenus\ns1\tBacteria\tBacillota\tBacillus\n\
         s2\tEukaryota\tArthropoda\tBacillus\ns3\tBacteria\tPseudomonadota\tuncultured\n\
         s4\tBacteria\tBacillota\tuncultured\n",
    );
    bench.write(
        "lineages.tsv",
        "id\tl\ns1\td__Bacteria;p__Bacillota;g__Bacillus\n\
         s2\td__Eukaryota;p__Arthropoda;g__Bacillus\ns3\td__Bacteria;p__Pseudomonadota;g__uncultured\n\
         s4\td__Bacteria;p__Bacillota;g__\n",
    );
    let expected = [
        "Bacteria Bacillota Bacillus (Bacillota)",
        "Eukaryota Arthropoda Bacillus (Arthropoda)",
        "Bacteria Pseudomonadota -",
        "Bacteria Bacillota -",
    ];
    let columns = bench.run("in.fasta --taxonomy in.tsv");
    assert_eq!(taxa(&columns), expected);
    let summary = columns.summary.taxonomy.unwrap();
    let genus = &summary.ranks[2];
    assert_eq!((genus.taxa, genus.homonyms, genus.ambiguous_rows), (2, 1, 0));
    assert_eq!(genus.homonym_taxa, ["Bacillus (Arthropoda)", "Bacillus (Bacillota)"]);
    assert_eq!(summary.unknown_cells, 2);
    assert!(summary.unknown_words.contains(&"uncultured*".to_owned()));
    assert_eq!(taxa(&bench.run("in.fasta --taxonomy lineages.tsv --lineage-column l")), expected);
    let log = log(&bench, "in.fasta --taxonomy in.tsv");
    assert!(
        log.contains("WARN")
            && log
                .contains("genus: names with several parents, each a taxon below each of them: 1"),
        "{log}"
    );
    // Where no rank above is asked for, all that the table has tell taxa apart.
    for source in ["in.tsv", "lineages.tsv --lineage-column l"] {
        let run = bench.run(&format!("in.fasta --taxonomy {source} --ranks genus"));
        let expected = ["Bacillus (Bacillota)", "Bacillus (Arthropoda)", "-", "-"];
        assert_eq!(taxa(&run), expected, "{source}");
    }
    // Parents at a rank between those that are asked for count too, asked for or not.
    bench.write(
        "between.tsv",
        "id\tsuperkingdom\tphylum\tgenus\ns1\tEukaryota\tStreptophyta\tMorus\n\
         s2\tEukaryota\tChordata\tMorus\n",
    );
    let run = bench.run("in.fasta --taxonomy between.tsv --ranks superkingdom,genus");
    let expected = ["Eukaryota Morus (Streptophyta)", "Eukaryota Morus (Chordata)"];
    assert_eq!(taxa(&run)[..2], expected);
    // What a study calls a cohort is no parent.
    bench.write("cohort.tsv", "id\tcohort\tgenus\ns1\tIBD\tBacillus\ns2\thealthy\tBacillus\n");
    let run = bench.run("in.fasta --taxonomy cohort.tsv --ranks genus");
    assert_eq!(taxa(&run)[..2], ["Bacillus", "Bacillus"]);
    let run = bench.run("in.fasta --taxonomy cohort.tsv --ranks cohort,genus");
    assert_eq!(taxa(&run)[0], "IBD Bacillus (IBD)");
    // The order of the ranks is that of the table, not of the tree.
    let run = bench.run("in.fasta --taxonomy in.tsv --ranks genus,phylum");
    assert_eq!(taxa(&run)[1], "Bacillus (Arthropoda) Arthropoda");
    // Columns that are no ranks of a taxonomy have no parents.
    bench.write("habitat.tsv", "id\tphylum\thabitat\ns1\tP\tsoil\ns2\tQ\tsoil\n");
    let run = bench.run("in.fasta --taxonomy habitat.tsv --ranks phylum,habitat");
    assert_eq!(taxa(&run)[..2], ["P soil", "Q soil"]);
}

const NODES: &str = "1\t|\t1\t|\tno rank\t|\n2\t|\t1\t|\tdomain\t|\n2759\t|\t1\t|\tdomain\t|\n\
    1239\t|\t2\t|\tphylum\t|\n6656\t|\t2759\t|\tphylum\t|\n1386\t|\t1239\t|\tgenus\t|\n\
    55087\t|\t6656\t|\tgenus\t|\n77777\t|\t6656\t|\tgenus\t|\n\n";
const NAMES: &str = "2\t|\tBacteria\t|\tBacteria <bacteria>\t|\tscientific name\t|\n\
    2759\t|\tEukaryota\t|\t\t|\tscientific name\t|\n1239\t|\tBacil|lota\t|\t\t|\tscientific name\t|\n\
    6656\t|\tArthropoda\t|\t\t|\tscientific name\t|\n\
    1386\t|\tBacillus\t|\tBacillus <firmicutes>\t|\tscientific name\t|\n\
    55087\t|\tBacillus\t|\tBacillus <walking sticks>\t|\tscientific name\t|\n\
    77777\t|\tBacillus\t|\t\t|\tscientific name\t|\n  \n";

#[test]
fn taxids_of_one_name_have_their_unique_names() {
    let bench = bench("id\ttaxid\ns1\t1386.0\ns2\t55087\ns3\t77777\ns4\tnan\n");
    bench.write("dump/nodes.dmp", NODES).write("dump/names.dmp", NAMES);
    let run = bench.run("in.fasta --taxonomy in.tsv --taxid-column taxid --taxdump dump");
    let expected = [
        "Bacteria Bacil|lota Bacillus <firmicutes>",
        "Eukaryota Arthropoda Bacillus <walking sticks>",
        "Eukaryota Arthropoda Bacillus (taxid 77777)",
        "- - -",
    ];
    assert_eq!(taxa(&run), expected);
    assert_eq!(run.summary.taxonomy.unwrap().ranks[2].homonyms, 1);
    // Without merged.dmp nobody can say what became of a taxid that is not there.
    bench.write("in.tsv", "id\ttaxid\ns1\t1386\ns2\t1424\n");
    let arguments = "in.fasta --taxonomy in.tsv --taxid-column taxid --taxdump dump";
    let run = bench.run(arguments);
    assert_eq!(taxa(&run)[..2], ["Bacteria Bacil|lota Bacillus", "- - -"]);
    assert_eq!(run.summary.taxonomy.unwrap().absent_rows, 1);
    assert!(log(&bench, arguments).contains("1 rows have a taxid that the taxdump does not have"));
    bench.write("in.tsv", "id\ttaxid\ns1\t1424\n");
    assert_eq!(bench.call(arguments, b"").status.code(), Some(3));
    // One alone needs no other name.
    bench.write("in.tsv", "id\ttaxid\ns1\t1386\ns2\t1386\n");
    let run = bench.run("in.fasta --taxonomy in.tsv --taxid-column taxid --taxdump dump");
    assert_eq!(taxa(&run)[0], "Bacteria Bacil|lota Bacillus");
}

#[test]
fn merges_are_followed_and_deletions_are_counted() {
    let bench = bench("id\ttaxid\ns1\t5\ns2\t6\ns3\t77\ns4\t0\n");
    bench
        .write("dump/nodes.dmp", NODES)
        .write("dump/names.dmp", NAMES)
        .write("dump/merged.dmp", "5\t|\t1424\t|\n1424\t|\t1386\t|\n6\t|\t77\t|\n\n")
        .write("dump/delnodes.dmp", "77\t|\n");
    let arguments = "in.fasta --taxonomy in.tsv --taxid-column taxid --taxdump dump --ranks genus";
    let run = bench.run(arguments);
    assert_eq!(taxa(&run), ["Bacillus", "-", "-", "-"]);
    assert_eq!(run.summary.taxonomy.unwrap().deleted_rows, 2);
    assert!(log(&bench, arguments).contains("2 rows have a taxid that was deleted"));
}

#[test]
fn missing_values_are_no_taxa_however_they_are_written() {
    for (null, other) in
        [("nan", "NaN"), ("None", "null"), ("N/A", "#N/A"), ("<NA>", "-"), (".", "NULL")]
    {
        let table = format!(
            "id\tphylum\tgenus\tsplit\ns1\t{null}\t{other}\t{null}\ns2\t{other}\tG\ttrain\n"
        );
        let run = bench(&table)
            .run("in.fasta --taxonomy in.tsv --ranks phylum,genus --split-column split");
        assert_eq!(taxa(&run)[..2], ["- -", "- G"], "{null}");
        assert_eq!(run.summary.splits["train"].records, 1);
    }
}

#[test]
fn the_words_for_unknown_can_be_chosen() {
    let table = "id\tgenus\ns1\tuncultured\ns2\tHuman gut metagenome\ns3\tMy genus\ns4\tG\n";
    let bench = bench(table);
    let with = |words: &str| {
        let arguments = format!("in.fasta --taxonomy in.tsv --ranks genus {words}");
        taxa(&bench.run(&arguments))
    };
    assert_eq!(with(""), ["-", "-", "My genus", "G"]);
    assert_eq!(with("--unknown my_genus,g"), ["uncultured", "Human gut metagenome", "-", "-"]);
    assert_eq!(with("--unknown="), ["uncultured", "Human gut metagenome", "My genus", "G"]);
}

#[test]
fn lineages_of_every_dialect_are_read() {
    let expected = "Bacteria Firmicutes Bacillus";
    let ranks = "--lineage-ranks superkingdom,phylum,class,order,family,genus";
    for (lineage, options) in [
        ("Bacteria;Firmicutes;Bacilli;Bacillales;Bacillaceae;Bacillus;", ranks),
        ("Bacteria(100);Firmicutes(100);Bacilli(99);Bacillales(99);B(98);Bacillus(80);", ranks),
        ("d__Bacteria|x__Terrabacteria group|p__Firmicutes|c__Bacilli|g__Bacillus", ""),
        ("d__Bacteria;p__Firmicutes;g__Bacillus;s__Bacillus aff. W 3a;09", ""),
    ] {
        let bench = bench(&format!("id\tTaxon\ns1\t{lineage}\ns2\tUnassigned\n"));
        let run =
            bench.run(&format!("in.fasta --taxonomy in.tsv --lineage-column Taxon {options}"));
        assert_eq!(taxa(&run)[..2], [expected, "- - -"], "{lineage}");
        let skipped = run.summary.taxonomy.unwrap().skipped_parts;
        let expected = if lineage.contains("x__") { vec![("x".to_owned(), 1)] } else { vec![] };
        assert_eq!(skipped, BTreeMap::from_iter(expected), "{lineage}");
    }
}

#[test]
fn tables_are_read_however_they_are_written() {
    let expected = ["A B", "A C", "- -", "- -"];
    for table in [
        "id\tphylum\tgenus\ns1 \tA\tB\ns2\u{a0}\t A\tC \n",
        "\u{feff}id,phylum,genus\r\ns1,A,\"B\"\r\n\"s2\",A,C\r\n",
        "id;phylum;genus\ns1;A;B\n\ns2;A;C\n",
    ] {
        let run = bench(table).run("in.fasta --taxonomy in.tsv --ranks phylum,genus");
        assert_eq!(taxa(&run), expected, "{table:?}");
    }
    let odd = bench("id\tgenus\ns1\t\"Nostoc\" azollae\ns2\tX\n");
    let arguments = "in.fasta --taxonomy in.tsv --ranks genus";
    assert_eq!(taxa(&odd.run(arguments))[0], "\"Nostoc\" azollae");
    assert!(log(&odd, arguments).contains("in.tsv, line 2: a cell begins with a quote"));
    // Quotes at one name of many may belong to it. At all names, or where they must be, they do
    // not.
    let one = bench("id\tgenus\ns1\tX\ns2\t\"Nostoc\"\ns3\tZ\n");
    let said = "in.tsv, line 3: in column \"genus\" the quotes around 1 of 3 cells are taken off";
    assert!(log(&one, arguments).contains(said), "{}", log(&one, arguments));
    for table in [
        "\"id\"\t\"genus\"\n\"s1\"\t\"X\"\n\"s2\"\t\"Y\"\n",
        "id,genus\ns1,\"X, Y\"\ns2,Z\ns3,\"\"\n",
        "\"id\",\"genus\"\n\"s1\",\"Potato\"\n\"s2\",NA\n\"s3\",NA\n",
        "id,genus,note\ns1,X,\"seen\"\ns2,Y,again\ns3,Z,again\n",
        "id\tgenus\ns1\t\"X\"\ns2\t\ns3\t\n",
    ] {
        assert!(!log(&bench(table), arguments).contains("quotes"), "{table:?}");
    }
}

fn member(bytes: &[u8], is_block: bool) -> Vec<u8> {
    let mut builder = flate2::GzBuilder::new();
    if is_block {
        builder = builder.extra([b'B', b'C', 2, 0, 0, 0]);
    }
    let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn zeros_end_a_gzip_file_and_an_empty_block_a_bgzip_file() {
    let bench = Bench::new();
    let (head, tail) = FASTA.as_bytes().split_at(FASTA.len() / 2);
    bench
        .write("plain", FASTA)
        .write("zeros", [member(FASTA.as_bytes(), false), vec![0; 1 << 18]].concat())
        .write("whole", [member(head, true), member(tail, true), member(b"", true)].concat())
        .write("cut", member(head, true));
    let expected = bench.run("plain").rows;
    assert_eq!(bench.run("zeros").rows, expected);
    assert_eq!(bench.run("whole").rows, expected);
    assert!(!log(&bench, "zeros").contains("WARN") && !log(&bench, "whole").contains("WARN"));
    let log = log(&bench, "cut");
    let said = "cut: read to the end of bgzip data without the empty block";
    assert!(log.contains("WARN") && log.contains(said), "{log}");
    bench
        .write("mates", fastq(&["m 1:N:0:A"]))
        .write("cut_fastq", member(fastq(&["m 2:N:0:A"]).as_bytes(), true));
    let log = self::log(&bench, "mates cut_fastq");
    assert_eq!(log.matches("without the empty block").count(), 1, "{log}");
    // Nor is it said twice where the frame is learned first.
    let long: String =
        (0..300).map(|i| format!(">{i}\n{}\n", "ACGTTGCATGCCAGT".repeat(30))).collect();
    bench.write("long", member(long.as_bytes(), true));
    let log = self::log(&bench, "long --orient");
    assert_eq!(log.matches("without the empty block").count(), 1, "{log}");
}

#[test]
fn gaps_are_said_taken_out_or_refused() {
    let bench = Bench::new();
    bench.write("in.fasta", ">a\nACG-TA.C--GTA-CGT\n").write("plain.fasta", ">a\nACGTACGTACGT\n");
    let kept = bench.run("in.fasta --k 4");
    assert_eq!((kept.summary.gaps, kept.summary.unknown_tokens, kept.summary.tokens), (5, 4, 4));
    let warned = log(&bench, "in.fasta --k 4");
    assert!(warned.contains("WARN") && warned.contains("pass --gaps remove"), "{warned}");
    let removed = bench.run("in.fasta --k 4 --gaps remove");
    assert_eq!(removed.rows, bench.run("plain.fasta --k 4").rows);
    assert_eq!((removed.summary.gaps, removed.summary.bases_read), (5, 12));
    assert_eq!(bench.call("in.fasta --gaps refuse", b"").status.code(), Some(3));
    assert!(!log(&bench, "plain.fasta --gaps refuse").contains("WARN"));
    // A few gaps are not why most tokens are unknown, and gaps that are out cannot be.
    bench.write("many_n.fasta", format!(">a\nAC-GT{}\n", "N".repeat(100)));
    for arguments in ["many_n.fasta --k 4", "many_n.fasta --k 4 --gaps remove"] {
        let warned = log(&bench, arguments);
        assert!(warned.contains("mostly ambiguity codes"), "{warned}");
    }
}

fn fastq(records: &[&str]) -> String {
    records.iter().map(|header| format!("@{header}\nACGTACGT\n+\nIIIIIIII\n")).collect()
}

#[test]
fn mates_of_one_name_are_told_apart() {
    let bench = Bench::new();
    let mates = ["r0 1:N:0:AC", "r0 2:N:0:AC", "r1 1:N:0:AC", "r1 2:N:0:AC"];
    bench
        .write("pairs", fastq(&mates))
        .write("first", fastq(&[mates[0], mates[2]]))
        .write("second", fastq(&[mates[1], mates[3]]))
        .write("in.tsv", "id\tgenus\nr0\tG\nr1/2\tH\n");
    let run = bench.run("pairs --taxonomy in.tsv --ranks genus");
    assert_eq!(ids(&run), ["r0/1", "r0/2", "r1/1", "r1/2"]);
    assert_eq!(taxa(&run), ["G", "G", "-", "H"]);
    assert_eq!(ids(&bench.run_on("-", fastq(&mates).as_bytes())), ["r0/1", "r0/2", "r1/1", "r1/2"]);
    assert_eq!(ids(&bench.run("first second")), ["r0/1", "r1/1", "r0/2", "r1/2"]);
    // Reads without their mates keep their names.
    assert_eq!(ids(&bench.run("first")), ["r0", "r1"]);
    // Mates stay in one split.
    let names: Vec<String> =
        (0..60).flat_map(|i| [format!("x{i} 1:N:0:A"), format!("x{i} 2:N:0:A")]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.write("many", fastq(&names));
    let run = bench.run("many --split-fractions 0.5,0.25,0.25");
    assert_eq!(run.rows.len(), 120);
    assert!(run.rows.chunks(2).all(|pair| pair[0].split == pair[1].split));
    assert_eq!(run.summary.splits.len(), 3);
}

#[test]
fn records_of_one_name_get_numbers_where_they_are_allowed() {
    let bench = Bench::new();
    bench.write("in.fasta", ">a x\nACGTACGT\n>a y\nACGTACGT\n>a#2\nACGTACGT\n>a\nACGTACGT\n");
    bench.write("in.tsv", "id\tgenus\na\tG\n");
    let run = bench.run("in.fasta --allow-duplicate-ids --taxonomy in.tsv --ranks genus");
    assert_eq!(ids(&run), ["a", "a#2", "a#2#2", "a#3"]);
    assert_eq!(taxa(&run), ["G", "G", "-", "G"]);
    // A number makes no record another one with that name.
    bench.write("rows.tsv", "id\tgenus\na\tG\na#2\tH\n");
    let run = bench.run("in.fasta --allow-duplicate-ids --taxonomy rows.tsv --ranks genus");
    assert_eq!(ids(&run), ["a", "a#2", "a#2#2", "a#3"]);
    assert_eq!(taxa(&run), ["G", "G", "H", "G"]);
}

#[test]
fn identifiers_and_names_are_bounded_as_they_are_written() {
    let bench = bench("id\ttaxid\ns1\t1386\n");
    let long = "x".repeat(1 << 16);
    bench.write("long.fasta", format!(">{long}\nACGTACGT\n>{long}\nACGTACGT\n"));
    let output = bench.call("long.fasta --allow-duplicate-ids", b"");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{message}");
    let expected = "expected an identifier of at most 65536 bytes, found 65538 bytes";
    assert!(message.contains(expected) && message.len() < 1000, "{message}");
    let name = "y".repeat(4097);
    bench
        .write("dump/nodes.dmp", "1\t|\t1\t|\tno rank\t|\n1386\t|\t1\t|\tgenus\t|\n")
        .write("dump/names.dmp", format!("1386\t|\t{name}\t|\t\t|\tscientific name\t|\n"));
    let arguments = "in.fasta --taxonomy in.tsv --taxid-column taxid --taxdump dump --ranks genus";
    let output = bench.call(arguments, b"");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{message}");
    let expected = "expected names of at most 4096 bytes, found 4097 bytes";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn ranks_of_one_meaning_are_refused() {
    let bench = bench("id\tdomain\ns1\tBacteria\n");
    let output = bench.call("in.fasta --taxonomy in.tsv --ranks domain,superkingdom", b"");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("\"domain\" and \"superkingdom\", which are one rank"), "{message}");
}
