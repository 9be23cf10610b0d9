//! Artefacts of two runs are never joined, by any stage. Manifests say what was built and what
//! computed.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod stages;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use readlens_provenance::{Manifest, read_json};
use readlens_tables::assessment::AssessmentRow;
use readlens_tables::bases::BaseRow;
use readlens_tables::confusion::ConfusionRow;
use readlens_tables::costs::CostRow;
use readlens_tables::masks::MaskRow;
use readlens_tables::metrics::MetricRow;
use readlens_tables::perturbations::PerturbationRow;
use readlens_tables::predictions::PredictionRow;
use readlens_tables::tokens::TokenRow;
use readlens_tables::training::TrainingRow;
use readlens_tables::{Reader, Record};
use serde_json::Value;
use stages::{run, succeed};

/// What an artefact says about the run that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// Which sequences it is about.
    Sequences,
    /// Which classifier it explains or is.
    Classifier,
    /// Which sequences a classifier learned from.
    Learned,
}
use Says::{Classifier, Learned, Sequences};

/// An input of a stage: how it is typed before the run's folder, the file, and what it says.
struct Role {
    option: &'static str,
    file: &'static str,
    is_needed: bool,
    says: &'static [Says],
}

const fn needed(option: &'static str, file: &'static str, says: &'static [Says]) -> Role {
    Role { option, file, is_needed: true, says }
}

const fn optional(option: &'static str, file: &'static str, says: &'static [Says]) -> Role {
    Role { option, file, is_needed: false, says }
}

const BOTH: &[Says] = &[Sequences, Classifier];

/// Every stage that joins artefacts, with its further options and its inputs.
const STAGES: [(&str, &str, &[Role]); 8] = [
    (
        "mask",
        "",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--explainer ", "explainer", &[Classifier]),
            optional("--explainer ", "explainer", &[Classifier]),
            optional("--classifier ", "classifier", &[Classifier]),
        ],
    ),
    ("merge", "", &[needed("", "shard-1.parquet", BOTH), needed("", "shard-2.parquet", BOTH)]),
    (
        "perturb",
        "--split test",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--classifier ", "classifier", &[Classifier, Learned]),
            needed("--masks ", "masks.parquet", BOTH),
            optional("--masks ", "attributions.parquet", BOTH),
            optional("--judge ", "judge", &[Learned]),
        ],
    ),
    (
        "probe",
        "--min-records 1 --replicates 5",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--masks ", "masks.parquet", BOTH),
            optional("--masks ", "attributions.parquet", BOTH),
        ],
    ),
    (
        "evaluate",
        "--replicates 5 --check",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--perturbations ", "perturbations.parquet", BOTH),
            needed("--masks ", "masks.parquet", BOTH),
            optional("--masks ", "attributions.parquet", BOTH),
            optional("--evidence ", "baseline.parquet", &[Sequences]),
            optional("--evidence ", "probe.parquet", BOTH),
            optional("--evidence ", "compare.parquet", BOTH),
        ],
    ),
    (
        "compare",
        "--replicates 5",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--reference ", "bases.parquet", BOTH),
            needed("--other seed=", "seed-bases.parquet", BOTH),
            optional("--other frame_shift=", "varied-bases.parquet", BOTH),
        ],
    ),
    (
        "report",
        "--sequences 2",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--masks ", "masks.parquet", BOTH),
            optional("--bases ", "bases.parquet", BOTH),
            optional("--perturbations ", "perturbations.parquet", BOTH),
            // The costs stand in a table of metrics.
            needed("--metrics ", "metrics.parquet", BOTH),
            optional("--checks ", "metrics.json", BOTH),
            optional("--costs ", "costs.parquet", BOTH),
            optional("--predictions ", "predictions.parquet", BOTH),
            // A classifier may be judged on other windows than those that it reads here.
            optional("--assessment ", "assessment.parquet", &[Classifier]),
            optional("--confusion ", "confusion.parquet", &[Classifier]),
            optional("--classifier ", "classifier", &[Classifier]),
            optional("--explainer ", "explainer", &[Classifier]),
            optional("--evidence ", "baseline.parquet", &[Sequences]),
            optional("--evidence ", "probe.parquet", BOTH),
            optional("--evidence ", "compare.parquet", BOTH),
        ],
    ),
    // Nothing that a training or `attribute` is given says which windows a classifier may read:
    // new reads are what it is for.
    (
        "attribute",
        "--method random_blocks --split test",
        &[
            needed("--tokens ", "tokens.parquet", &[Sequences]),
            needed("--classifier ", "classifier", &[Classifier]),
        ],
    ),
];

/// Makes every artefact of a run in the folder of its name.
fn make(directory: &Path, name: &str, data: u32, seed: u32) {
    std::fs::create_dir(directory.join(name)).unwrap();
    let steps = [
        (
            "simulate",
            format!(
                "--ranks phylum=2,genus=4 --train 80 --valid 8 --test 16 --length 90 \
                 --length-spread 0 --motif-length 18 --seed {data} --output R/data"
            ),
        ),
        (
            "tokenize",
            "R/data/sequences.fasta --taxonomy R/data/taxonomy.tsv --ranks phylum,genus \
             --split-column split --k 3 --stride 3 --output R/tokens.parquet"
                .to_owned(),
        ),
        (
            "train-classifier",
            format!("--tokens R/tokens.parquet --preset tiny --epochs 1 --seed {seed} --output R/classifier"),
        ),
        (
            "train-classifier",
            format!("--tokens R/tokens.parquet --preset tiny --epochs 1 --seed 1{seed} --output R/judge"),
        ),
        (
            "train-explainer",
            "--tokens R/tokens.parquet --classifier R/classifier --preset budget --dim 8 --epochs 1 \
             --output R/explainer"
                .to_owned(),
        ),
        (
            "mask",
            "--tokens R/tokens.parquet --explainer R/explainer --output R/masks.parquet \
             --bases R/bases.parquet --split test"
                .to_owned(),
        ),
        (
            "train-explainer",
            "--tokens R/tokens.parquet --classifier R/classifier --preset budget --dim 8 --epochs 1 \
             --seed 2 --output R/seed-explainer"
                .to_owned(),
        ),
        (
            "mask",
            "--tokens R/tokens.parquet --explainer R/seed-explainer --output R/seed-masks.parquet \
             --bases R/seed-bases.parquet --split test"
                .to_owned(),
        ),
        ("vary", "--tokens R/tokens.parquet --kind frame-shift --shift 1 --output R/varied.parquet".to_owned()),
        (
            "mask",
            "--tokens R/varied.parquet --explainer R/explainer --output R/varied-masks.parquet \
             --bases R/varied-bases.parquet --split test"
                .to_owned(),
        ),
        (
            "attribute",
            "--tokens R/tokens.parquet --classifier R/classifier --method random_blocks --split test \
             --output R/attributions.parquet --costs R/costs.parquet"
                .to_owned(),
        ),
        ("baseline", "--tokens R/tokens.parquet --k 2 --epochs 1 --replicates 5 --output R/baseline.parquet".to_owned()),
        (
            "assess",
            "--tokens R/tokens.parquet --classifier R/classifier --masked 0 --replicates 5 \
             --output R/assessment.parquet --confusion R/confusion.parquet"
                .to_owned(),
        ),
        (
            "predict",
            "--tokens R/tokens.parquet --classifier R/classifier --output R/predictions.parquet"
                .to_owned(),
        ),
        (
            "perturb",
            "--tokens R/tokens.parquet --classifier R/classifier --masks R/masks.parquet \
             --masks R/attributions.parquet --split test --output R/perturbations.parquet"
                .to_owned(),
        ),
        (
            "probe",
            "--tokens R/tokens.parquet --masks R/masks.parquet --masks R/attributions.parquet \
             --min-records 1 --replicates 5 --output R/probe.parquet"
                .to_owned(),
        ),
        (
            "evaluate",
            "--tokens R/tokens.parquet --masks R/masks.parquet --masks R/attributions.parquet \
             --perturbations R/perturbations.parquet --replicates 5 --check \
             --output R/metrics.parquet --json R/metrics.json"
                .to_owned(),
        ),
        (
            "compare",
            "--tokens R/tokens.parquet --reference R/bases.parquet --other seed=R/seed-bases.parquet \
             --replicates 5 --output R/compare.parquet"
                .to_owned(),
        ),
    ];
    for (stage, arguments) in steps {
        succeed(
            stage,
            directory,
            &format!("{} --quiet", arguments.replace("R/", &format!("{name}/"))),
        );
    }
    for shard in 1..=2 {
        let arguments = format!(
            "--tokens {name}/tokens.parquet --explainer {name}/explainer --shard {shard}/2 \
             --output {name}/shard-{shard}.parquet --quiet"
        );
        succeed("mask", directory, &arguments);
    }
}

/// Runs a stage on inputs of the named runs.
fn join(directory: &Path, stage: &str, options: &str, inputs: &[(&Role, &str)]) -> Output {
    let mut arguments = format!("{options} --quiet --threads 1 --output out");
    for (Role { option, file, .. }, run) in inputs {
        arguments.push_str(&format!(" {option}{run}/{file}"));
    }
    run(stage, directory, &arguments)
}

#[test]
fn artefacts_of_two_runs_are_refused_by_every_stage_that_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    make(directory, "one", 1, 1);
    // The same windows and another training; other windows.
    make(directory, "seed", 1, 2);
    make(directory, "data", 2, 1);
    for (other, differing) in
        [("seed", &[Classifier][..]), ("data", &[Sequences, Classifier, Learned][..])]
    {
        let mut refused = 0;
        for (stage, options, roles) in STAGES {
            for foreign in 0..roles.len() {
                let mut tried = BTreeSet::new();
                for beside in (0..roles.len()).filter(|beside| *beside != foreign) {
                    let given: Vec<usize> = (0..roles.len())
                        .filter(|i| roles[*i].is_needed || [foreign, beside].contains(i))
                        .collect();
                    if !tried.insert(given.clone()) {
                        continue;
                    }
                    let of = |i: usize| if i == foreign { other } else { "one" };
                    let inputs: Vec<(&Role, &str)> =
                        given.iter().map(|&i| (&roles[i], of(i))).collect();
                    let contradicts = |i: usize| {
                        let says = |s: &Says| differing.contains(s) && roles[i].says.contains(s);
                        i != foreign && roles[foreign].says.iter().any(says)
                    };
                    let others: Vec<String> = (given.iter().copied().filter(|&i| contradicts(i)))
                        .map(|i| format!("one/{}", roles[i].file))
                        .collect();
                    let output = join(directory, stage, options, &inputs);
                    let stderr = String::from_utf8_lossy(&output.stderr);
                    let what = format!(
                        "{stage} with {other}/{} beside {}: {:?}\n{stderr}",
                        roles[foreign].file, roles[beside].file, output.status
                    );
                    if others.is_empty() {
                        assert!(output.status.success(), "{what}");
                        std::fs::remove_file(directory.join("out")).unwrap();
                        continue;
                    }
                    refused += 1;
                    assert_eq!(output.status.code(), Some(3), "{what}");
                    assert!(stderr.contains(&format!("{other}/{}", roles[foreign].file)), "{what}");
                    assert!(others.iter().any(|name| stderr.contains(name)), "{what}");
                    assert!(!directory.join("out").exists(), "{what}");
                }
            }
        }
        assert!(refused > 100, "{refused}");
    }
}

/// Another Explainer of the same classifier: its figures are none of these masks.
#[test]
fn evidence_is_about_the_masks_and_nothing_is_compared_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    make(directory, "one", 1, 1);
    let refused = |stage: &str, arguments: &str, names: [&str; 2]| {
        let output = run(stage, directory, &format!("{arguments} --quiet --output one/out"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stage} {arguments}: {stderr}");
        assert!(names.iter().all(|name| stderr.contains(name)), "{stderr}");
    };
    let tokens = "--tokens one/tokens.parquet";
    let itself = format!("{tokens} --reference one/bases.parquet --other seed=one/bases.parquet");
    refused("compare", &itself, ["one/bases.parquet", "the same file"]);
    let permuted =
        format!("{tokens} --reference one/bases.parquet --other permuted=one/seed-bases.parquet");
    refused("compare", &permuted, ["one/seed-bases.parquet", "the same classifier"]);

    let perturb = format!(
        "{tokens} --classifier one/classifier --masks one/seed-masks.parquet --split test \
         --output one/seed-perturbations.parquet --quiet"
    );
    succeed("perturb", directory, &perturb);
    let of_seed = format!(
        "{tokens} --masks one/seed-masks.parquet --perturbations one/seed-perturbations.parquet \
         --replicates 5 --check"
    );
    for evidence in ["one/probe.parquet", "one/compare.parquet"] {
        let other = format!("{of_seed} --evidence {evidence}");
        refused("evaluate", &other, [evidence, "one/seed-masks.parquet"]);
    }
    let own = format!("{of_seed} --evidence one/baseline.parquet --quiet --output one/out");
    succeed("evaluate", directory, &own);
}

/// The manifest of a table.
fn in_table<R: Record>(path: &Path) -> Manifest {
    Reader::<R>::open(path).unwrap().manifest().unwrap().unwrap()
}

#[test]
fn manifests_of_a_run_say_what_was_built_and_what_computed() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path();
    make(directory, "one", 1, 1);
    let report = "--tokens one/tokens.parquet --masks one/masks.parquet --metrics one/metrics.parquet \
                  --perturbations one/perturbations.parquet --output one/report.html --quiet";
    succeed("report", directory, report);
    let file = |name: &str| directory.join("one").join(name);
    let document: Value = read_json(&file("metrics.json")).unwrap();
    let page = std::fs::read_to_string(file("report.html")).unwrap();
    let own = page.split("id=\"readlens-manifest\">").nth(1).unwrap();
    let own = own.split("</script>").next().unwrap();
    let mut manifests: Vec<Value> = vec![
        read_json(&file("data/manifest.json")).unwrap(),
        read_json(&file("classifier/manifest.json")).unwrap(),
        read_json(&file("explainer/manifest.json")).unwrap(),
        document["manifest"].clone(),
        serde_json::from_str(own).unwrap(),
    ];
    let tables = [
        in_table::<TokenRow>(&file("tokens.parquet")),
        in_table::<TokenRow>(&file("varied.parquet")),
        in_table::<TrainingRow>(&file("classifier/training.parquet")),
        in_table::<MaskRow>(&file("masks.parquet")),
        in_table::<BaseRow>(&file("bases.parquet")),
        in_table::<MaskRow>(&file("attributions.parquet")),
        in_table::<CostRow>(&file("costs.parquet")),
        in_table::<PerturbationRow>(&file("perturbations.parquet")),
        in_table::<AssessmentRow>(&file("assessment.parquet")),
        in_table::<ConfusionRow>(&file("confusion.parquet")),
        in_table::<PredictionRow>(&file("predictions.parquet")),
        in_table::<MetricRow>(&file("metrics.parquet")),
        in_table::<MetricRow>(&file("baseline.parquet")),
        in_table::<MetricRow>(&file("probe.parquet")),
        in_table::<MetricRow>(&file("compare.parquet")),
    ];
    manifests.extend(tables.iter().map(|manifest| serde_json::to_value(manifest).unwrap()));
    for manifest in &manifests {
        // The binaries say what they were built from.
        let build = &manifest["build"];
        assert!(build["rust"].as_str().unwrap().starts_with("rustc "), "{build}");
        let computes = [
            "train-classifier",
            "assess",
            "predict",
            "train-explainer",
            "mask",
            "attribute",
            "perturb",
        ];
        let stage = manifest["stage"].as_str().unwrap();
        let linear = ["baseline", "probe"];
        let computes = computes.contains(&stage) || linear.contains(&stage);
        assert_eq!(manifest["compute"]["device"].as_str(), computes.then_some("cpu"), "{stage}");
    }
}
