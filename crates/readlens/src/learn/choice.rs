//! What is chosen for the data: tokens, classifier and Explainer, by a survey of the sequences.

use readlens_fault::{Fault, Result};
use readlens_tokenize::Summary;

use super::given::Given;
use crate::card::Choice;

/// Longest record that stays whole, in nucleotides, and length of the windows of longer ones.
pub(crate) const WINDOW: u32 = 2000;
/// Nucleotides that neighbouring windows share.
pub(crate) const OVERLAP: u32 = 100;
/// Windows that an Explainer sees, over all epochs; where there are fewer, it sees them again.
const WINDOWS_TO_LEARN: u64 = 20_000;
/// Most epochs of an Explainer.
const MOST_EPOCHS: u64 = 12;
/// Windows of the split train above which an Explainer learns from the split valid, whose windows
/// the classifier has not learned.
const MANY_WINDOWS: u64 = 100_000;
/// Windows of the split valid that are enough for this.
const ENOUGH_VALID: u64 = 5_000;
/// Most windows that are judged under masks.
pub(crate) const JUDGED: u64 = 2_000;

/// What `learn` does with the data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choices {
    /// Options of the stage tokenize, beside those of windows.
    pub(crate) tokens: Vec<String>,
    /// Options of the stage train-explainer.
    pub(crate) explainer: Vec<String>,
    /// All of it in words.
    pub(crate) said: Vec<Choice>,
}

/// Options of windows, which do not depend on the survey.
pub(crate) fn windows() -> [String; 2] {
    [format!("--window={WINDOW}"), format!("--overlap={OVERLAP}")]
}

/// Chooses by what the survey found.
///
/// # Errors
/// A split that is needed has no window.
pub(crate) fn choose(survey: &Summary, given: Option<&Given>) -> Result<Choices> {
    let windows_of = |split: &str| survey.splits.get(split).map_or(0, |split| split.windows);
    for (split, what) in [
        ("train", "learn from"),
        ("valid", "choose the best epoch and calibrate on"),
        ("test", "judge the model on"),
    ] {
        if windows_of(split) == 0 {
            return Err(Fault::usage(format!(
                "no record is left to {what}: the split {split} of {} records is empty; give more \
                 records, or divide them with --split-fractions or --split-column",
                survey.records_kept
            )));
        }
    }
    let (mut all, tokens) = match given {
        Some(given) => of_given(given, survey),
        None => of_survey(survey),
    };
    let (train, valid) = (windows_of("train"), windows_of("valid"));
    let from_valid = train > MANY_WINDOWS && valid >= ENOUGH_VALID;
    let (learned, split) = if from_valid { (valid, "valid") } else { (train, "train") };
    let epochs = WINDOWS_TO_LEARN.div_ceil(learned).clamp(1, MOST_EPOCHS);
    all.push(said(
        "Explainer",
        format!("the default, {epochs} times over the windows of the split {split}"),
        format!(
            "there are {learned}; it is to see about {WINDOWS_TO_LEARN} in all, and none more than \
             {MOST_EPOCHS} times"
        ),
    ));
    all.push(said(
        "evaluation",
        format!("the split test, at most {JUDGED} windows of it under masks"),
        format!("it has {} windows", windows_of("test")),
    ));
    Ok(Choices {
        tokens,
        explainer: vec![format!("--epochs={epochs}"), format!("--learn-from={split}")],
        said: all,
    })
}

fn said(of: &str, chosen: impl Into<String>, because: impl Into<String>) -> Choice {
    Choice { of: of.to_owned(), chosen: chosen.into(), because: because.into() }
}

/// What is decided by a classifier that is there.
fn of_given(given: &Given, survey: &Summary) -> (Vec<Choice>, Vec<String>) {
    let because = format!("{} records have {} windows", survey.records_kept, survey.windows);
    let windows = match given.is_bounded {
        true => "records, and windows as long as the classifier reads of longer ones".to_owned(),
        false => format!("records, and windows of {WINDOW} nt of longer ones"),
    };
    let all = vec![
        said("windows", windows, because),
        said("tokens", given.tokens.clone(), "the classifier reads these"),
        said("classifier", "the one that was given", "it is explained as it is"),
    ];
    (all, Vec::new())
}

/// What is chosen for the data: words, and options of the stage tokenize.
fn of_survey(survey: &Summary) -> (Vec<Choice>, Vec<String>) {
    let windows = match survey.windows > survey.records_kept {
        false => said("windows", "whole records", format!("none is longer than {WINDOW} nt")),
        true => said(
            "windows",
            format!(
                "records, and windows of {WINDOW} nt of longer ones, {OVERLAP} nt of which overlap"
            ),
            "the classifier reads a window at a time",
        ),
    };
    let in_frame = survey.frames.as_ref().map_or(0, |frames| frames.forward + frames.reverse);
    let is_coding = 2 * in_frame > survey.windows;
    let share = format!("{in_frame} of {} windows have a clear reading frame", survey.windows);
    let (tokens, options) = if is_coding {
        let options = ["--k=3", "--stride=3", "--orient=frame", "--orient-least-gap=-1000"];
        (said("tokens", "codons, every window in its likeliest frame", share), options.to_vec())
    } else {
        let chosen = "6-mers side by side, on the strand that is given";
        (said("tokens", chosen, share), vec!["--k=6", "--stride=6"])
    };
    let classifier = said(
        "classifier",
        "a bag of hashed channels, composition and naive Bayes experts, weighed on the split valid",
        "together they name more taxa than a transformer on all data that were measured, and on \
         genome fragments more than any of them",
    );
    (vec![windows, tokens, classifier], options.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use readlens_tokenize::{FrameSummary, SplitSummary};

    fn survey(windows: [u64; 3], in_frame: u64) -> Summary {
        let all: u64 = windows.iter().sum();
        let splits = ["train", "valid", "test"].into_iter().zip(windows);
        let split = |(name, windows): (&str, u64)| {
            (name.to_owned(), SplitSummary { records: windows, windows })
        };
        let frames = FrameSummary { forward: in_frame, ..FrameSummary::default() };
        Summary {
            records_kept: all,
            windows: all,
            frames: Some(frames),
            splits: splits.map(split).collect(),
            ..Summary::default()
        }
    }

    #[test]
    fn coding_sequences_are_read_as_codons() {
        let tokens = |in_frame| choose(&survey([80, 10, 10], in_frame), None).unwrap().tokens;
        assert_eq!(tokens(50), ["--k=6", "--stride=6"]);
        let codons = ["--k=3", "--stride=3", "--orient=frame", "--orient-least-gap=-1000"];
        assert_eq!(tokens(51), codons);
    }

    #[test]
    fn an_explainer_sees_as_many_windows_as_it_needs() {
        let options = |windows| choose(&survey(windows, 0), None).unwrap().explainer;
        assert_eq!(options([1_000, 100, 100]), ["--epochs=12", "--learn-from=train"]);
        assert_eq!(options([8_000, 1_000, 1_000]), ["--epochs=3", "--learn-from=train"]);
        assert_eq!(options([67_000, 6_000, 6_000]), ["--epochs=1", "--learn-from=train"]);
        assert_eq!(options([800_000, 10_000, 1]), ["--epochs=2", "--learn-from=valid"]);
        assert_eq!(options([800_000, 1_000, 1]), ["--epochs=1", "--learn-from=train"]);
    }

    #[test]
    fn a_split_without_windows_is_refused() {
        for (windows, split) in [([0, 1, 1], "train"), ([1, 0, 1], "valid"), ([1, 1, 0], "test")] {
            let fault = choose(&survey(windows, 0), None).unwrap_err().to_string();
            assert!(fault.contains(&format!("the split {split} of 2 records")), "{fault}");
        }
    }
}
