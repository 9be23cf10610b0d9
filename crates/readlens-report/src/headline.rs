//! The result in sentences, computed from the figures and never from hope.

use readlens_kmer::{Alphabet, Kmers, Tokenization, Vocabulary};
use readlens_provenance::Learned;
use readlens_tables::vocabulary::{Method, MethodKind, Metric, Name, Operator};

use crate::classifier::Classifier;
use crate::metrics_table::{Figure, Figures, Subject};
use crate::survey::Survey;
use crate::text::{count_of, listed, percent, plural, spaced, visible};

/// Evidence is called redundant where the classifier is right so often with the marked bases
/// hidden, as a share of how often it is right at all.
const REDUNDANT: f64 = 0.9;
/// Letters of a taxon that the sentence shows.
const MAX_TAXON: usize = 120;

/// One large number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) value: String,
    pub(crate) caption: String,
    pub(crate) range: String,
    /// Whether it is about the mask, not about a control.
    pub(crate) is_mask: bool,
}

/// What a comparison of the mask with its control shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The intervals lie apart, in the mask's favour.
    Shown,
    /// The mask is ahead, but there are no intervals that lie apart.
    Open,
    /// The mask is not ahead.
    Against,
}

/// A comparison and its outcome, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) outcome: Outcome,
    pub(crate) text: String,
}

/// What was trained, on what, and what made the masks. `predicted` are the ranks that something was
/// predicted at, which stand for those of a classifier that is not given. `target` is the taxon
/// that all masks are for, as `genus=Treponema`.
pub(crate) fn sentence(
    classifier: &Classifier,
    predicted: &[Name],
    survey: &Survey,
    method: Option<&Method>,
    target: Option<&str>,
) -> String {
    // Numbers of taxa are those of the classifier, not those of the windows that are shown.
    let named: Vec<String> = if classifier.ranks.is_empty() {
        predicted.iter().map(|rank| spaced(rank)).collect()
    } else {
        let taxa = |n: usize| plural(n as u64, "taxon").replace("taxons", "taxa");
        classifier
            .ranks
            .iter()
            .map(|(rank, n)| format!("{} ({})", spaced(rank), taxa(*n)))
            .collect()
    };
    let windows: u64 = survey.windows.values().sum();
    let windows = plural(windows, "window");
    let learned = match classifier.learned {
        Some(Learned::FromThisTable) => {
            format!("It learned from {} of {windows}.", count_of(survey.training_windows()))
        }
        Some(Learned::FromTheseSequences) => format!(
            "It learned from another table of the sequences of these {windows}, so figures may be in sample."
        ),
        Some(Learned::FromOtherFiles) => {
            format!("It learned from other files of sequences than those of these {windows}.")
        }
        None => format!("The table of tokens has {windows}."),
    };
    let read = match method {
        None => "There are no masks.".to_owned(),
        Some(Method { kind, name, .. }) => match kind {
            MethodKind::Explainer => match target.and_then(|target| target.split_once('=')) {
                None => {
                    "An Explainer network marks the bases that the classifier reads.".to_owned()
                }
                Some((rank, taxon)) => format!(
                    "An Explainer network marks the bases that speak for the {} “{}”, whatever \
                     the classifier says.",
                    spaced(rank),
                    visible(taxon, MAX_TAXON)
                ),
            },
            MethodKind::Attribution => {
                format!("The method “{}” marks the bases that the classifier reads.", spaced(name))
            }
            MethodKind::Control => format!(
                "The control “{}” marks bases without knowing the classifier.",
                spaced(name)
            ),
        },
    };
    let subject = if named.is_empty() { "taxa".to_owned() } else { listed(&named) };
    format!(
        "A classifier names {subject} from {}. {learned} {read}",
        sequences_in_words(&survey.tokenization)
    )
}

/// What is cut into which tokens.
fn sequences_in_words(tokenization: &Tokenization) -> String {
    let sequences = match tokenization.alphabet {
        Alphabet::Protein => "protein sequences",
        _ => "nucleotide sequences",
    };
    match &tokenization.vocabulary {
        Vocabulary::Kmers(Kmers { k, stride, .. }) => format!(
            "{sequences}, which are cut into {k}-mers every {}",
            plural((*stride).into(), "base")
        ),
        Vocabulary::Listed(listed) => format!(
            "{sequences}, which are cut into tokens of its own list of {}",
            listed.tokens().len()
        ),
    }
}

/// The comparison at one rank that the page leads with.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) tiles: Vec<Tile>,
    pub(crate) findings: Vec<Finding>,
}

/// Which ranks cannot be compared; empty where all can.
pub(crate) fn incomparable(figures: &Figures) -> String {
    let one_taxon: Vec<String> = figures.one_taxon.iter().map(|rank| spaced(rank)).collect();
    if one_taxon.is_empty() {
        return String::new();
    }
    format!(
        "The classifier knows one taxon of {}, so nothing can be compared there.",
        listed(&one_taxon)
    )
}

impl Comparison {
    /// Compares mask and controls at the finest rank that has figures and more than one taxon; by
    /// accuracy, or by agreement where there are no labels.
    pub(crate) fn of(figures: &Figures, subject: Subject<'_>, ranks: &[Name]) -> Option<Self> {
        let at = |rank: &Name, operator: Operator, metric| {
            figures.get(subject, &operator.into(), rank, metric)
        };
        let count = figures.count();
        let can_be_compared = |rank: &&Name| {
            at(rank, Operator::HardMasked, count).is_some() && !figures.one_taxon.contains(rank)
        };
        let rank = ranks.iter().rev().find(can_be_compared)?;
        let accuracy = |operator| at(rank, operator, count);
        let right = if count == Metric::Accuracy { "right" } else { "as for the whole sequence" };
        let area = at(rank, Operator::HardMasked, Metric::KeptArea).map_or_else(
            || "the marked part".to_owned(),
            |f| format!("{}\u{a0}%", percent(f.value)),
        );
        let rank_name = spaced(rank);
        // The hardest control counts: the higher one of those that keep, the lower one of those
        // that hide.
        let pick = |controls: [Operator; 2], better: fn(f64, f64) -> bool| {
            controls
                .into_iter()
                .filter_map(accuracy)
                .reduce(|a, b| if better(b.value, a.value) { b } else { a })
        };
        let kept = accuracy(Operator::HardMasked);
        let kept_control = pick([Operator::RandomSegments, Operator::RandomBlock], |a, b| a > b);
        let hidden = accuracy(Operator::HardInverse);
        let hidden_control =
            pick([Operator::RandomSegmentsInverse, Operator::RandomBlockInverse], |a, b| a < b);
        let tile = |figure: Option<Figure>, caption: String, is_mask| {
            figure.map(|figure| Tile {
                value: format!("{}\u{a0}%", percent(figure.value)),
                range: range(figure),
                caption,
                is_mask,
            })
        };
        let tiles = [
            tile(
                // The prediction for the whole sequence agrees with itself.
                accuracy(Operator::Unmasked).filter(|_| count == Metric::Accuracy),
                format!("{rank_name} right from the whole sequence"),
                false,
            ),
            tile(kept, format!("{right} from only the {area} that the mask marks"), true),
            tile(kept_control, format!("{right} from random stretches of the same size"), false),
            tile(hidden, format!("{right} with the marked bases hidden"), true),
            tile(
                hidden_control,
                format!("{right} with random stretches of the same size hidden"),
                false,
            ),
        ];
        let mut findings = Vec::new();
        if let (Some(kept), Some(control)) = (kept, kept_control) {
            findings.push(keeping(&rank_name, right, &area, kept, control));
        }
        if let (Some(hidden), Some(control)) = (hidden, hidden_control) {
            findings.push(hiding(&rank_name, right, hidden, control));
            let is_enough = kept
                .zip(kept_control)
                .is_some_and(|(kept, control)| compare(kept, control) == Outcome::Shown);
            let whole = accuracy(Operator::Unmasked).filter(|_| is_enough);
            findings.extend(whole.and_then(|whole| meaning(whole, hidden, control)));
        }
        Some(Self { tiles: tiles.into_iter().flatten().collect(), findings })
    }
}

fn keeping(rank: &str, right: &str, area: &str, kept: Figure, control: Figure) -> Finding {
    let outcome = compare(kept, control);
    let numbers = format!(
        "with only the marked bases shown ({area} of the sequence), {}\u{a0}% of the {rank} names are {right}; with only random stretches of the same size shown, {}\u{a0}% are",
        percent(kept.value),
        percent(control.value)
    );
    let text = match outcome {
        Outcome::Shown => {
            format!(
                "The marked bases tell the classifier more than random stretches do: {numbers}."
            )
        }
        Outcome::Open => format!(
            "The mask is ahead of random stretches, but the intervals do not lie apart, so these windows do not settle it: {numbers}."
        ),
        Outcome::Against => format!(
            "The marked bases tell the classifier no more than random stretches do: {numbers}."
        ),
    };
    Finding { outcome, text }
}

fn hiding(rank: &str, right: &str, hidden: Figure, control: Figure) -> Finding {
    let compared = compare(control, hidden);
    let numbers = format!(
        "with the marked bases hidden, {}\u{a0}% of the {rank} names are still {right}; with random stretches of the same size hidden, {}\u{a0}% are",
        percent(hidden.value),
        percent(control.value)
    );
    let text = match compared {
        Outcome::Shown => {
            format!("Hiding the marked bases hurts more than hiding random stretches: {numbers}.")
        }
        Outcome::Open => format!(
            "Hiding the marked bases hurts more than hiding random stretches, but the intervals do not lie apart, so these windows do not settle it: {numbers}."
        ),
        Outcome::Against => format!(
            "Hiding the marked bases hurts no more than hiding random stretches: {numbers}."
        ),
    };
    // Where evidence is redundant no small mask can make the classifier fail: that is no fault of
    // the mask.
    let outcome = if compared == Outcome::Against { Outcome::Open } else { compared };
    Finding { outcome, text }
}

/// What it means that the marked bases are enough, where the figures say it. Evidence that stands
/// in one place has one best mask. Evidence that is repeated has two: a small one that leaves the
/// other copies, and a large one that holds all of them.
fn meaning(whole: Figure, hidden: Figure, control: Figure) -> Option<Finding> {
    if hidden.value >= REDUNDANT * whole.value {
        let text = "So the marked bases are enough for the classifier, but it hardly needs them: other \
                    bases say the same. This mask is the small one of two that serve. The large one \
                    marks the repetitions too, and hiding it hurts; an Explainer finds it when tokens \
                    cost less (--token-price 0.4)."
            .to_owned();
        // Repeated evidence is no fault of the mask.
        return Some(Finding { outcome: Outcome::Open, text });
    }
    (compare(control, hidden) == Outcome::Shown).then(|| Finding {
        outcome: Outcome::Shown,
        text: "So the marked bases are enough for the classifier, and it needs them.".to_owned(),
    })
}

/// Whether `ahead` is above `behind`, and their intervals apart.
fn compare(ahead: Figure, behind: Figure) -> Outcome {
    let apart = match (ahead.interval, behind.interval) {
        (Some((low, _)), Some((_, high))) => low > high,
        _ => false,
    };
    match (apart, ahead.value > behind.value) {
        (true, _) => Outcome::Shown,
        (false, true) => Outcome::Open,
        (false, false) => Outcome::Against,
    }
}

fn range(figure: Figure) -> String {
    figure.interval.map_or_else(String::new, |(low, high)| {
        format!("95 % interval {}–{}", percent(low), percent(high))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, low: f64, high: f64) -> Figure {
        Figure { value, interval: Some((low, high)), n: 100 }
    }

    #[test]
    fn a_finding_is_claimed_only_where_the_intervals_lie_apart() {
        assert_eq!(compare(figure(0.9, 0.85, 0.95), figure(0.6, 0.5, 0.7)), Outcome::Shown);
        assert_eq!(compare(figure(0.7, 0.6, 0.8), figure(0.6, 0.5, 0.7)), Outcome::Open);
        assert_eq!(compare(figure(0.5, 0.4, 0.6), figure(0.6, 0.5, 0.7)), Outcome::Against);
        let bare = Figure { value: 0.9, interval: None, n: 1 };
        assert_eq!(compare(bare, figure(0.1, 0.0, 0.2)), Outcome::Open);
    }

    #[test]
    fn a_mask_is_enough_or_needed_where_the_figures_say_so() {
        let (whole, control) = (figure(0.7, 0.6, 0.8), figure(0.68, 0.6, 0.75));
        let of = |hidden: Figure| meaning(whole, hidden, control).map(|f| (f.outcome, f.text));
        assert!(of(figure(0.3, 0.2, 0.4)).is_some_and(|(outcome, text)| {
            outcome == Outcome::Shown && text.ends_with("and it needs them.")
        }));
        assert!(of(figure(0.66, 0.6, 0.7)).is_some_and(|(outcome, text)| {
            outcome == Outcome::Open && text.contains("the small one of two")
        }));
        // Less, but the intervals do not lie apart.
        assert_eq!(of(figure(0.6, 0.5, 0.7)), None);
    }

    #[test]
    fn hiding_is_good_when_it_lowers_accuracy() {
        let finding = hiding("genus", "right", figure(0.2, 0.1, 0.3), figure(0.9, 0.8, 0.95));
        assert_eq!(finding.outcome, Outcome::Shown);
        assert!(finding.text.contains("20.0\u{a0}% of the genus names"));
    }
}
