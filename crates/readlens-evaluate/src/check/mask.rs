//! Checks of what predictions under a mask say: does it do better than what costs nothing?

use readlens_tables::vocabulary::{Metric, Operator, Ranks};

use crate::check::comparison::{Comparison, compare};
use crate::check::evidence::Evidence;
use crate::check::finding::Finding;
use crate::check::{Outcome, Verdict};

/// The metric of the comparisons: a mask explains the classifier, so its own prediction is the
/// target, and windows without a label count too.
const AGREEMENT: Metric = Metric::Agreement;
/// How far the agreement under the hard mask may fall below that under the soft one.
const SOFT_HARD_GAP: f64 = 0.1;
/// How far the judge may fall behind the classifier under the mask.
const JUDGE_GAP: f64 = 0.15;

/// In what share of the windows the mask for another window's taxon may make the classifier say it.
const WRONG_CLASS: f64 = 0.5;

const PERTURB: &str = "run readlens-perturb with the masks";

/// Comparisons of `high` with each of `low` at every rank that both have.
fn against(
    evidence: &Evidence,
    high: impl Fn(&Ranks) -> Vec<Finding>,
    low: impl Fn(&Ranks) -> Vec<Finding>,
) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for rank in evidence.ranks() {
        for high in high(&rank) {
            let pair = |low: Finding| Comparison { high: high.clone(), low };
            comparisons.extend(low(&rank).into_iter().map(pair));
        }
    }
    comparisons
}

/// Figures of several operators at a rank, those that there are.
fn agreements(evidence: &Evidence, rank: &Ranks, operators: &[Operator]) -> Vec<Finding> {
    operators.iter().filter_map(|operator| evidence.find(*operator, rank, AGREEMENT)).collect()
}

/// The hard mask keeps the prediction more often than every control of equal area.
pub(crate) fn controls(evidence: &Evidence) -> Outcome {
    const CONTROLS: [Operator; 4] =
        [Operator::RandomBlock, Operator::RandomSegments, Operator::Shifted, Operator::Shuffled];
    let comparisons = against(
        evidence,
        |rank| agreements(evidence, rank, &[Operator::HardMasked]),
        |rank| agreements(evidence, rank, &CONTROLS),
    );
    let mut outcome = compare(
        &comparisons,
        "the hard mask keeps the prediction more often than every control of its own area",
        "the hard mask keeps the prediction no more often than what has its area and costs \
         nothing: what it shows is not special",
        PERTURB,
    );
    let is_missing = |control: &&Operator| comparisons.iter().all(|c| c.low.operator != **control);
    let missing: Vec<&str> = CONTROLS.iter().filter(is_missing).map(|c| c.name()).collect();
    if !comparisons.is_empty() && !missing.is_empty() {
        outcome.sentence.push_str(&format!("; without {}", missing.join(", ")));
        if outcome.verdict == Verdict::Passed {
            outcome.verdict = Verdict::NotMeasured;
        }
    }
    outcome
}

/// What the hard mask leaves out tells less than what a random mask of its area leaves out.
pub(crate) fn inverse(evidence: &Evidence) -> Outcome {
    let comparisons = against(
        evidence,
        |rank| {
            agreements(
                evidence,
                rank,
                &[Operator::RandomBlockInverse, Operator::RandomSegmentsInverse],
            )
        },
        |rank| agreements(evidence, rank, &[Operator::HardInverse]),
    );
    compare(
        &comparisons,
        "what the mask leaves out tells less than what a random mask of its area leaves out",
        "what the mask leaves out still tells the taxon as well as what a random mask leaves out: \
         the evidence is redundant, or the mask misses it, and a low inverse figure proves nothing",
        PERTURB,
    )
}

/// The hard mask does not fall far below the soft one, as it does where a layer norm undoes the
/// scaling.
pub(crate) fn soft_and_hard(evidence: &Evidence) -> Outcome {
    let pairs = against(
        evidence,
        |rank| agreements(evidence, rank, &[Operator::Masked]),
        |rank| agreements(evidence, rank, &[Operator::HardMasked]),
    );
    let gap = |pair: &Comparison| pair.high.value - pair.low.value;
    let Some(worst) = pairs.iter().max_by(|a, b| gap(a).total_cmp(&gap(b))) else {
        return Outcome::not_measured(PERTURB);
    };
    let fails = gap(worst) > SOFT_HARD_GAP && worst.high.is_above(&worst.low) != Some(false);
    let figures = pairs.iter().flat_map(|pair| [pair.high.clone(), pair.low.clone()]).collect();
    let sentence = format!(
        "the soft mask keeps {} of the predictions and the hard one {} at {}{}",
        worst.high.shown(),
        worst.low.shown(),
        worst.high.rank,
        if fails {
            ": the network undoes the scaling, so only figures of the hard mask count"
        } else if gap(worst) > SOFT_HARD_GAP {
            ", more than 10 points apart, but their intervals overlap"
        } else {
            ", at most 10 points apart"
        }
    );
    let verdict = if fails { Verdict::Failed } else { Verdict::Passed };
    Outcome { verdict, sentence, figures }
}

/// A constant mask of the mean area does worse than the mask.
///
/// Where it does as well but the hard mask keeps up with the soft one, only the soft figures are
/// worth nothing: that is noted, not failed.
pub(crate) fn dose_response(evidence: &Evidence) -> Outcome {
    let Some(area) = evidence.find(Operator::Mask, &Ranks::All, Metric::Area) else {
        return Outcome::not_measured(PERTURB);
    };
    let comparisons = against(
        evidence,
        |rank| agreements(evidence, rank, &[Operator::Masked]),
        |rank| {
            let curve = evidence.curve(Operator::Constant, rank, AGREEMENT);
            interpolated(&curve, area.value).into_iter().collect()
        },
    );
    let mut outcome = compare(
        &comparisons,
        "a constant mask of the same mean does worse than the mask",
        "a constant mask of the same mean does as well as the mask: its soft figures show that \
         scaling does not hide, not that the right tokens were kept",
        "run readlens-perturb, which tries constant masks",
    );
    if outcome.verdict == Verdict::Failed && soft_and_hard(evidence).verdict == Verdict::Passed {
        outcome.verdict = Verdict::Noted;
        outcome.sentence.push_str("; the hard mask keeps up, so go by its figures");
    }
    outcome.figures.push(area);
    outcome
}

/// The figure of a curve at a share between two of its own, on the straight line.
fn interpolated(curve: &[(f32, Finding)], share: f64) -> Option<Finding> {
    let next = curve.partition_point(|(known, _)| f64::from(*known) < share);
    let (high, high_finding) = curve.get(next)?;
    if next == 0 || f64::from(*high) == share {
        return (f64::from(*high) == share).then(|| high_finding.clone());
    }
    let (low, low_finding) = &curve[next - 1];
    let part = (share - f64::from(*low)) / f64::from(high - low);
    let between = |a: f64, b: f64| a + part * (b - a);
    let both = |a: Option<f64>, b: Option<f64>| Some(between(a?, b?));
    Some(Finding {
        share: Some(share as f32),
        value: between(low_finding.value, high_finding.value),
        ci_low: both(low_finding.ci_low, high_finding.ci_low),
        ci_high: both(low_finding.ci_high, high_finding.ci_high),
        ..high_finding.clone()
    })
}

/// The mask of another sequence does worse than the own one, but no worse than random segments.
///
/// In the first case the mask does not depend on the sequence; in the second the donor, which is
/// of another class where possible, pulls predictions away: its mask carries its class.
pub(crate) fn foreign(evidence: &Evidence) -> Outcome {
    let foreign = |rank: &Ranks| agreements(evidence, rank, &[Operator::ForeignMask]);
    let own =
        against(evidence, |rank| agreements(evidence, rank, &[Operator::HardMasked]), foreign);
    let random =
        against(evidence, |rank| agreements(evidence, rank, &[Operator::RandomSegments]), foreign);
    let outcome = compare(
        &own,
        "the mask of another sequence keeps the prediction less often than the own one",
        "the mask of another sequence keeps the prediction as often as the own one: the mask does \
         not depend on the sequence, or any mask does as well",
        PERTURB,
    );
    let pulled: Vec<&Comparison> =
        random.iter().filter(|c| c.high.is_above(&c.low) == Some(true)).collect();
    if outcome.verdict == Verdict::Passed
        && let Some(worst) = pulled.first()
    {
        let sentence = format!(
            "the mask of a sequence of another class keeps the prediction less often than random \
             segments ({} against {} at {}): the place of the mask itself carries the class",
            worst.low.shown(),
            worst.high.shown(),
            worst.high.rank
        );
        return Outcome { verdict: Verdict::Failed, sentence, figures: outcome.figures };
    }
    outcome
}

/// A mask that was made for another window's taxon does not make the classifier say that taxon.
///
/// Where it does, sparse inputs fool the classifier, and that it keeps its own prediction under the
/// mask proves little. Judged is the last rank, where a random block seldom says the taxon anyway.
pub(crate) fn wrong_class(evidence: &Evidence) -> Outcome {
    const REMEDY: &str = "make masks of a method that explains a given taxon with --wrong-class, \
                          and pass them to readlens-perturb too";
    let ranks = evidence.ranks();
    let Some(rank) = ranks.last() else { return Outcome::not_measured(REMEDY) };
    let of = |operator: Operator| evidence.find(operator, rank, AGREEMENT);
    let Some(wrong) = of(Operator::WrongClass) else { return Outcome::not_measured(REMEDY) };
    let fails = wrong.value > WRONG_CLASS && wrong.ci_low.is_none_or(|low| low > WRONG_CLASS);
    let block = of(Operator::WrongClassBlock);
    let beside = block.as_ref().map_or(String::new(), |block| {
        format!(", under a random block of its area in {}", block.shown())
    });
    let sentence = format!(
        "under the mask for another window's {rank} the classifier says that {rank} in {} of the \
         windows{beside}{}",
        wrong.shown(),
        if fails {
            ": the mask can make it say what the sequence is not, so what it keeps of the own \
             prediction proves little"
        } else {
            ""
        }
    );
    let all = ranks.iter().flat_map(|rank| {
        agreements(evidence, rank, &[Operator::WrongClass, Operator::WrongClassBlock])
    });
    let verdict = if fails { Verdict::Failed } else { Verdict::Passed };
    Outcome { verdict, sentence, figures: all.collect() }
}

/// A judge that never saw the Explainer reads in the hard mask what the classifier does.
///
/// Compared is what each keeps of its own accuracy on the untouched input (EVAL-X: Jethani et al.
/// 2021), and how much further the judge falls behind than under random blocks of the same area.
pub(crate) fn judge(evidence: &Evidence) -> Outcome {
    const REMEDY: &str = "train a judge on random masks and pass it to readlens-perturb --judge";
    let mut figures = Vec::new();
    let mut worst: Option<(f64, bool, String)> = None;
    for rank in evidence.ranks() {
        let of = |operator: Operator| evidence.find(operator, &rank, AGREEMENT);
        let (Some(own), Some(judged), Some(untouched)) =
            (of(Operator::HardMasked), of(Operator::JudgeHardMasked), of(Operator::JudgeUnmasked))
        else {
            continue;
        };
        if untouched.value <= 0.0 {
            continue;
        }
        let blocks = of(Operator::RandomBlock).zip(of(Operator::JudgeRandomBlock));
        let usual = blocks
            .as_ref()
            .map_or(0.0, |(own, judged)| (own.value - judged.value / untouched.value).max(0.0));
        let gap = own.value - judged.value / untouched.value - usual;
        let is_apart = own
            .ci_low
            .zip(judged.ci_high)
            .is_none_or(|(low, high)| low - high / untouched.value - usual > 0.0);
        let sentence = format!(
            "under the mask the classifier keeps {} of its predictions and the judge {:.1} % of \
             those it has in common with it on the untouched input, {} at {rank}",
            own.shown(),
            100.0 * judged.value / untouched.value,
            if gap > 0.0 {
                format!("{:.1} points further behind than under random blocks", 100.0 * gap)
            } else {
                "no further behind than under random blocks".to_owned()
            }
        );
        figures.extend([own, judged, untouched]);
        figures.extend(blocks.into_iter().flat_map(|(own, judged)| [own, judged]));
        if worst.as_ref().is_none_or(|(known, ..)| gap > *known) {
            worst = Some((gap, is_apart, sentence));
        }
    }
    let Some((gap, is_apart, sentence)) = worst else {
        return Outcome::not_measured(REMEDY);
    };
    if gap > JUDGE_GAP && is_apart {
        let sentence = format!(
            "{sentence}: the mask speaks to this classifier alone, which is how an encoding does"
        );
        Outcome { verdict: Verdict::Failed, sentence, figures }
    } else {
        Outcome { verdict: Verdict::Passed, sentence, figures }
    }
}
