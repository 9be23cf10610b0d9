//! Which inputs belong together, on made-up artefacts.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use readlens_fault::{ExitCode, Result};
use readlens_provenance::{
    Artefact, Compared, Explains, InputDigest, Manifest, check_compared, check_together,
    digest_bytes,
};

/// What `stage` makes of the inputs in their roles.
fn made(name: &str, stage: &str, inputs: &[(&str, &Artefact)]) -> Artefact {
    let inputs: Vec<Artefact> = inputs.iter().map(|(role, a)| as_input(role, a)).collect();
    let manifest = Manifest::made_from(stage, &(), None, &inputs).unwrap();
    Artefact { manifest: Some(manifest), ..foreign(name) }
}

/// A file without a manifest.
fn foreign(name: &str) -> Artefact {
    let sha256 = digest_bytes(name.as_bytes());
    let digest = InputDigest { role: String::new(), name: name.to_owned(), sha256, bytes: 1 };
    Artefact { path: PathBuf::from(name), digest, manifest: None }
}

fn as_input(role: &str, artefact: &Artefact) -> Artefact {
    let mut input = artefact.clone();
    input.digest.role = role.to_owned();
    input
}

/// Everything that the stages make of one file of sequences.
struct Run {
    tokens: Artefact,
    classifier: Artefact,
    judge: Artefact,
    explainer: Artefact,
    masks: Artefact,
    perturbations: Artefact,
    metrics: Artefact,
}

impl Run {
    fn of(sequences: &str, seed: u32) -> Self {
        let name = |what: &str| format!("{sequences}-{seed}-{what}");
        let fasta = foreign(sequences);
        let tokens = made(&format!("{sequences}-tokens"), "tokenize", &[("sequences", &fasta)]);
        let learned = [("tokens", &tokens)];
        let classifier = made(&name("classifier"), "train-classifier", &learned);
        let judge = made(&name("judge"), "train-classifier", &learned);
        let both = [("tokens", &tokens), ("classifier", &classifier)];
        let explainer = made(&name("explainer"), "train-explainer", &both);
        let read = [("tokens", &tokens), ("explainer", &explainer)];
        let masks = made(&name("masks"), "mask", &read);
        let read = [("tokens", &tokens), ("classifier", &classifier), ("masks", &masks)];
        let perturbations = made(&name("perturbations"), "perturb", &read);
        let read = [("tokens", &tokens), ("perturbations", &perturbations), ("masks", &masks)];
        let metrics = made(&name("metrics"), "evaluate", &read);
        Self { tokens, classifier, judge, explainer, masks, perturbations, metrics }
    }
}

fn together(inputs: &[(&str, &Artefact)]) -> Result<()> {
    let inputs: Vec<Artefact> = inputs.iter().map(|(role, a)| as_input(role, a)).collect();
    check_together(&inputs)
}

/// The refusal names both files.
#[track_caller]
fn refused(outcome: Result<()>, names: [&Artefact; 2]) {
    let fault = outcome.unwrap_err();
    assert_eq!(fault.exit_code(), ExitCode::BadInput, "{fault}");
    for artefact in names {
        assert!(fault.to_string().contains(&artefact.digest.name), "{fault}");
    }
}

#[test]
fn masks_of_another_classifier_are_refused_through_their_explainer() {
    let (one, two) = (Run::of("a", 1), Run::of("a", 2));
    let inputs = [("tokens", &one.tokens), ("classifier", &one.classifier), ("masks", &one.masks)];
    together(&inputs).unwrap();
    let mixed = [inputs[0], ("classifier", &two.classifier), inputs[2]];
    refused(together(&mixed), [&one.masks, &two.classifier]);
    // Two tables of masks, whose classifiers are named two steps away.
    refused(together(&[("masks", &one.masks), ("masks", &two.masks)]), [&one.masks, &two.masks]);
    refused(
        together(&[("perturbations", &one.perturbations), ("explainer", &two.explainer)]),
        [&one.perturbations, &two.explainer],
    );
}

#[test]
fn figures_of_other_predictions_and_masks_are_refused() {
    let one = Run::of("a", 1);
    let read = [("tokens", &one.tokens), ("explainer", &one.explainer)];
    let again = made("again", "mask", &read);
    let tables = [("metrics", &one.metrics), ("perturbations", &one.perturbations)];
    for table in tables {
        together(&[("masks", &one.masks), table]).unwrap();
        refused(together(&[("masks", &again), table]), [&again, table.1]);
    }
    // Another program may have written the same masks again.
    together(&[("masks", &foreign("own")), ("metrics", &one.metrics)]).unwrap();
    let read = [("tokens", &one.tokens), ("classifier", &one.classifier), ("masks", &one.masks)];
    let more = made("more", "perturb", &read);
    let inputs = [("metrics", &one.metrics), ("perturbations", &more)];
    refused(together(&inputs), [&one.metrics, &more]);
}

#[test]
fn bases_and_masks_are_of_one_explainer() {
    let (one, two) = (Run::of("a", 1), Run::of("a", 1));
    let other = made(
        "other-explainer",
        "train-explainer",
        &[("tokens", &one.tokens), ("classifier", &one.classifier)],
    );
    let read = [("tokens", &one.tokens), ("explainer", &other)];
    let bases = made("bases", "mask", &read);
    refused(together(&[("masks", &one.masks), ("bases", &bases)]), [&one.masks, &bases]);
    refused(together(&[("masks", &one.masks), ("explainer", &other)]), [&one.masks, &other]);
    // Several tables of one classifier stand beside each other, though.
    let masks = made("other-masks", "mask", &read);
    together(&[("masks", &two.masks), ("masks", &masks)]).unwrap();
}

#[test]
fn what_is_legitimate_passes() {
    let one = Run::of("a", 1);
    let other = Run::of("b", 1);
    // New reads for a trained model.
    let inputs = [("tokens", &other.tokens), ("explainer", &one.explainer)];
    together(&inputs).unwrap();
    let read = [("tokens", &other.tokens), ("explainer", &one.explainer)];
    let masks = made("new-masks", "mask", &read);
    together(&[
        ("tokens", &other.tokens),
        ("classifier", &one.classifier),
        ("explainer", &one.explainer),
        ("masks", &masks),
        ("judge", &one.judge),
    ])
    .unwrap();
    // An Explainer of a randomised classifier explains that one.
    let randomized = made("randomized", "randomize", &[("classifier", &one.classifier)]);
    let read = [("tokens", &one.tokens), ("classifier", &randomized)];
    let attributed = made("attributed", "attribute", &read);
    together(&[("classifier", &randomized), ("masks", &attributed), ("judge", &one.judge)])
        .unwrap();
    refused(
        together(&[("classifier", &one.classifier), ("masks", &attributed)]),
        [&one.classifier, &attributed],
    );
    // Metrics of several stages.
    let baseline = made("baseline", "baseline", &[("tokens", &one.tokens)]);
    let read = [("tokens", &one.tokens), ("masks", &one.masks)];
    let probe = made("probe", "probe", &read);
    let inputs = [("metrics", &one.metrics), ("evidence", &baseline), ("evidence", &probe)];
    together(&inputs).unwrap();
    let foreign_baseline = made("other-baseline", "baseline", &[("tokens", &other.tokens)]);
    refused(
        together(&[("metrics", &one.metrics), ("evidence", &foreign_baseline)]),
        [&one.metrics, &foreign_baseline],
    );
}

#[test]
fn a_judge_has_learned_from_the_windows_of_the_classifier() {
    let (one, other) = (Run::of("a", 1), Run::of("b", 1));
    refused(
        together(&[("classifier", &one.classifier), ("judge", &other.judge)]),
        [&one.classifier, &other.judge],
    );
}

#[test]
fn manifests_without_a_lineage_and_files_without_a_manifest_pass() {
    let (one, two) = (Run::of("a", 1), Run::of("a", 2));
    let mut old = one.masks.clone();
    old.manifest.as_mut().unwrap().lineage.clear();
    together(&[("classifier", &two.classifier), ("masks", &old)]).unwrap();
    // What another input knows about it still counts.
    refused(
        together(&[
            ("classifier", &two.classifier),
            ("masks", &old),
            ("explainer", &one.explainer),
        ]),
        [&two.classifier, &old],
    );
    together(&[("classifier", &two.classifier), ("masks", &foreign("own"))]).unwrap();
}

#[test]
fn a_lineage_in_a_circle_ends() {
    let mut masks = made("masks", "mask", &[("explainer", &foreign("explainer"))]);
    let manifest = masks.manifest.as_mut().unwrap();
    let circle = made("circle", "mask", &[("explainer", &foreign("explainer"))]).manifest.unwrap();
    let origin = readlens_provenance::Origin { stage: circle.stage, inputs: circle.inputs };
    manifest.lineage.insert(digest_bytes(b"explainer"), origin);
    together(&[("masks", &masks), ("classifier", &foreign("classifier"))]).unwrap();
}

fn compared(run: &Run, other: &Artefact, explains: Explains) -> Result<()> {
    let masks = as_input("other x", other);
    let compared = Compared { masks: &masks, tokens: None, explains };
    let tokens = as_input("tokens", &run.tokens);
    check_compared(&tokens, &as_input("reference", &run.masks), &[compared])
}

#[test]
fn comparisons_are_of_the_same_sequences_and_of_what_their_label_says() {
    let (one, two, other) = (Run::of("a", 1), Run::of("a", 2), Run::of("b", 1));
    for explains in [Explains::TheSame, Explains::Any] {
        let fault = compared(&one, &one.masks, explains).unwrap_err();
        assert!(fault.to_string().contains("found the same file"), "{fault}");
    }
    // Another Explainer of the same classifier.
    let read = [("tokens", &one.tokens), ("classifier", &one.classifier)];
    let explainer = made("seed-explainer", "train-explainer", &read);
    let seed = made("seed-masks", "mask", &[("tokens", &one.tokens), ("explainer", &explainer)]);
    compared(&one, &seed, Explains::TheSame).unwrap();
    refused(compared(&one, &seed, Explains::ATwin), [&one.masks, &seed]);
    refused(compared(&one, &two.masks, Explains::TheSame), [&one.masks, &two.masks]);
    compared(&one, &two.masks, Explains::ATwin).unwrap();
    compared(&one, &two.masks, Explains::Any).unwrap();
    refused(compared(&one, &two.masks, Explains::ARandomizedCopy), [&one.masks, &two.masks]);
    for explains in [Explains::TheSame, Explains::Any, Explains::ATwin] {
        refused(compared(&one, &other.masks, explains), [&one.tokens, &other.masks]);
    }
    // The same windows read otherwise.
    let varied = made("varied", "vary", &[("tokens", &one.tokens)]);
    let masks = made("varied-masks", "mask", &[("tokens", &varied), ("explainer", &one.explainer)]);
    compared(&one, &masks, Explains::TheSame).unwrap();
    // A randomised copy, and an Explainer of it.
    let copy = made("copy", "randomize", &[("classifier", &one.classifier)]);
    let read = [("tokens", &one.tokens), ("classifier", &copy)];
    let explainer = made("copy-explainer", "train-explainer", &read);
    let masks = made("copy-masks", "mask", &[("tokens", &one.tokens), ("explainer", &explainer)]);
    compared(&one, &masks, Explains::ARandomizedCopy).unwrap();
    refused(compared(&one, &masks, Explains::TheSame), [&one.masks, &masks]);
    refused(compared(&two, &masks, Explains::ARandomizedCopy), [&two.masks, &masks]);
}
