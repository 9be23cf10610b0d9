//! The verdicts of an evaluation, by what they are about.

use readlens_tables::vocabulary::Method;

use crate::checks::{Check, Verdict};
use crate::methods::title_of_mask;
use crate::text::{spaced, visible};

/// Longest sentence that is shown whole.
const SENTENCE_CHARS: usize = 1_500;

/// What the checks ask, in words.
const QUESTIONS: [(&str, &str); 17] = [
    ("nothing_left", "Is the classifier unsure when it reads nothing?"),
    ("kmer_baselines", "Does the classifier beat counts of k-mers?"),
    ("controls", "Does the mask keep more than random masks of its size?"),
    ("inverse", "Does hiding the mask hurt more than hiding random stretches?"),
    ("soft_and_hard", "Does the hard mask keep up with the soft one?"),
    ("dose_response", "Does the mask beat a constant factor?"),
    ("foreign", "Does it matter whose mask it is?"),
    ("wrong_class", "Does it matter for which taxon the mask is made?"),
    ("judge", "Does an independent classifier read the same in it?"),
    ("probe", "Is the mask alone silent about the taxon?"),
    ("collapse", "Do masks differ between sequences?"),
    ("localisation", "Does the mask find the known evidence?"),
    ("seeds", "Do other seeds mark the same?"),
    ("strands", "Is the same marked on the other strand?"),
    ("frames", "Is the same marked in another frame?"),
    ("randomized_classifier", "Does the mask change with a randomised classifier?"),
    ("permuted_labels", "Does the mask change with permuted labels?"),
];

/// One verdict.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) style: &'static str,
    pub(crate) sign: &'static str,
    pub(crate) words: &'static str,
    pub(crate) question: String,
    pub(crate) sentence: String,
}

/// The verdicts about one mask, or about the classifier.
#[derive(Clone, Debug)]
pub(crate) struct VerdictGroup {
    pub(crate) heading: String,
    /// `2 failed, 11 passed`.
    pub(crate) counts: String,
    /// Whether it is about the classifier or the method that the page shows.
    pub(crate) is_open: bool,
    pub(crate) lines: Vec<Line>,
}

/// The verdicts by subject: those of the classifier and of the shown method first. Where the
/// shown method was not checked all groups are open.
pub(crate) fn verdict_groups(checks: &[Check], shown: Option<&Method>) -> Vec<VerdictGroup> {
    let is_shown =
        |check: &Check| check.mask.as_ref().is_some_and(|mask| Some(&mask.method) == shown);
    let has_shown = checks.iter().any(is_shown);
    let mut groups: Vec<(usize, VerdictGroup)> = Vec::new();
    for group in checks.chunk_by(|a, b| a.mask == b.mask) {
        let Some(first) = group.first() else { continue };
        let (place, heading) = match &first.mask {
            None => (0, "The classifier".to_owned()),
            Some(mask) => (if is_shown(first) { 1 } else { 2 }, title_of_mask(mask)),
        };
        let mut lines: Vec<(Verdict, Line)> =
            group.iter().map(|check| (check.verdict, line(check))).collect();
        let order = |verdict| Verdict::ALL.iter().position(|known| *known == verdict);
        lines.sort_by_key(|(verdict, _)| order(*verdict));
        let counts = Verdict::ALL.into_iter().filter_map(|verdict| {
            let count = group.iter().filter(|check| check.verdict == verdict).count();
            (count > 0).then(|| format!("{count} {}", verdict.words()))
        });
        let group = VerdictGroup {
            heading,
            counts: counts.collect::<Vec<_>>().join(", "),
            is_open: place < 2 || !has_shown,
            lines: lines.into_iter().map(|(_, line)| line).collect(),
        };
        groups.push((place, group));
    }
    groups.sort_by_key(|(place, _)| *place);
    groups.into_iter().map(|(_, group)| group).collect()
}

fn line(check: &Check) -> Line {
    let known = QUESTIONS.iter().find(|(name, _)| *name == check.name);
    Line {
        style: check.verdict.style(),
        sign: check.verdict.sign(),
        words: check.verdict.words(),
        question: known.map_or_else(|| spaced(&check.name), |(_, question)| (*question).to_owned()),
        sentence: visible(&check.sentence, SENTENCE_CHARS),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use readlens_tables::vocabulary::{MaskName, MethodKind, Ranks};

    use super::*;

    #[test]
    fn the_classifier_and_the_shown_method_come_first_and_failures_before_all() {
        let method = |kind, name: &str| Method { kind, name: name.parse().unwrap(), replicate: 1 };
        let check = |explainer: Option<&str>, name: &str, verdict| Check {
            name: name.to_owned(),
            mask: explainer.map(|explainer| MaskName {
                method: method(MethodKind::Explainer, explainer),
                ranks: Ranks::All,
            }),
            verdict,
            sentence: "because".to_owned(),
        };
        let checks = [
            check(None, "nothing_left", Verdict::Noted),
            check(Some("a"), "controls", Verdict::Passed),
            check(Some("b"), "controls", Verdict::Passed),
            check(Some("b"), "new_check", Verdict::Failed),
        ];
        let groups = verdict_groups(&checks, Some(&method(MethodKind::Explainer, "b")));
        let headings: Vec<&str> = groups.iter().map(|group| group.heading.as_str()).collect();
        let expected = [
            "The classifier",
            "Explainer (b), mask for all ranks",
            "Explainer (a), mask for all ranks",
        ];
        assert_eq!(headings, expected);
        assert_eq!(groups[1].counts, "1 failed, 1 passed");
        assert_eq!(groups[1].lines[0].question, "new check");
        assert!(groups[1].is_open && !groups[2].is_open);
        assert!(
            verdict_groups(&checks, Some(&method(MethodKind::Attribution, "b")))
                .iter()
                .all(|group| group.is_open)
        );
        assert!(verdict_groups(&[], None).is_empty());
    }
}
