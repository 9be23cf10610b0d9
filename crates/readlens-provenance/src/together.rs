//! Whether the inputs of a stage belong together: the one place that decides it, for every stage.
//!
//! An artefact names what it was made from by role and digest ([`Manifest::inputs`]), and so do the
//! artefacts that it was made from ([`Manifest::lineage`]). A fact is something that all inputs
//! of a stage must agree on, such as the classifier that is explained. Files of other programs and
//! of versions that wrote no lineage say less, and what nobody says contradicts nothing.
//!
//! [`Manifest::inputs`]: crate::Manifest::inputs
//! [`Manifest::lineage`]: crate::Manifest::lineage

use std::collections::BTreeSet;

use readlens_fault::{Fault, Result};

use crate::artefact::Artefact;
use crate::digest::Sha256Digest;
use crate::facts::{
    ASSESSED, CLASSIFIER, Fact, MEMBERS, Member, PERTURBATIONS, SEQUENCES, TOKENS, TRAINING_TOKENS,
};
use crate::graph::{Graph, Sources, names, same};
use crate::manifest::InputDigest;

/// What a table that is compared with a reference explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explains {
    /// The classifier of the reference.
    TheSame,
    /// A randomised copy of it.
    ARandomizedCopy,
    /// Another classifier that was trained on the same windows.
    ATwin,
    /// Any classifier.
    Any,
}

/// A table that is compared with a reference.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// The masks.
    pub masks: &'a Artefact,
    /// The windows that they are of, where they are given.
    pub tokens: Option<&'a Artefact>,
    /// What they explain.
    pub explains: Explains,
}

/// Refuses inputs that contradict each other: any two that name an artefact in one role must name
/// the same one, and a table must name the masks and the Explainer that stand beside it.
///
/// # Errors
/// [`Fault::Input`] about the first input that contradicts another, with the names of both.
pub fn check_together(inputs: &[Artefact]) -> Result<()> {
    let graph = Graph::of(inputs);
    for fact in [TOKENS, CLASSIFIER, ASSESSED, PERTURBATIONS, TRAINING_TOKENS] {
        agree(&graph, &fact, inputs)?;
    }
    for member in MEMBERS {
        for given in inputs.iter().filter(|i| i.digest.role == member.role) {
            for table in inputs.iter().filter(|i| member.named_by.contains(&i.digest.role.as_str()))
            {
                contains(&graph, &member, given, table)?;
            }
        }
    }
    let of_role = |role: &'static str| inputs.iter().filter(move |i| i.digest.role == role);
    for evidence in of_role("evidence") {
        is_about(&graph, evidence, of_role("masks"))?;
    }
    for (bases, masks) in of_role("bases").flat_map(|b| of_role("masks").map(move |m| (b, m))) {
        let [of_bases, of_masks] =
            [bases, masks].map(|table| graph.direct(&table.digest.sha256, "explainer"));
        if !of_bases.is_empty() && !of_masks.is_empty() && !same(&of_bases, &of_masks) {
            return Err(contradiction(
                bases,
                format!("to be made by the Explainer of {}", masks.path.display()),
                format!("that it was made by another, {}", names(&of_bases)),
                SAME_RUN,
            ));
        }
    }
    Ok(())
}

/// What the classifier that an evaluation is about learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// The table of tokens itself.
    FromThisTable,
    /// Another table of the same sequences, perhaps of the same records.
    FromTheseSequences,
    /// A table of other files of sequences; whether they hold other sequences is not known.
    FromOtherFiles,
}

/// What the classifier that the inputs are about learned from, beside the tokens table among them;
/// none where they do not tell.
pub fn what_it_learned_from(inputs: &[Artefact]) -> Option<Learned> {
    let graph = Graph::of(inputs);
    let tokens = inputs.iter().find(|input| input.digest.role == TOKENS.role)?;
    let mut learned = Sources::new();
    for input in inputs.iter().filter(|input| CLASSIFIER.is_said_by(input)) {
        for classifier in graph.sources(&input.digest, &CLASSIFIER).into_values() {
            learned.extend(graph.sources(classifier, &TRAINING_TOKENS));
        }
    }
    if learned.is_empty() {
        return None;
    }
    let sequences = graph.sources(&tokens.digest, &SEQUENCES);
    let others = learned.values().map(|table| graph.sources(table, &SEQUENCES));
    let others: Sources<'_> = others.flatten().collect();
    if learned.contains_key(&tokens.digest.sha256) {
        Some(Learned::FromThisTable)
    } else if others.is_empty() || sequences.is_empty() {
        None
    } else if others.keys().any(|other| sequences.contains_key(other)) {
        Some(Learned::FromTheseSequences)
    } else {
        Some(Learned::FromOtherFiles)
    }
}

/// Refuses tables that cannot be compared: the reference must belong to `tokens`, and every other
/// table must be of the same sequences and explain what its label says.
///
/// # Errors
/// [`Fault::Input`] about the first input that contradicts another, with the names of both.
pub fn check_compared(
    tokens: &Artefact,
    reference: &Artefact,
    others: &[Compared<'_>],
) -> Result<()> {
    check_together(&[tokens.clone(), reference.clone()])?;
    let all = others.iter().flat_map(|other| std::iter::once(other.masks).chain(other.tokens));
    let graph = Graph::of([tokens, reference].into_iter().chain(all));
    let classifier = graph.sources(&reference.digest, &CLASSIFIER);
    for other in others {
        let masks = other.masks;
        if masks.digest.sha256 == reference.digest.sha256 {
            return Err(contradiction(
                masks,
                format!("other masks than the reference {}", reference.path.display()),
                "the same file".to_owned(),
                "pass the masks of another seed, variant or classifier",
            ));
        }
        let read = graph.sources(&masks.digest, &TOKENS);
        if let Some(given) = other.tokens
            && let Some(another) = read.values().find(|t| t.sha256 != given.digest.sha256)
        {
            return Err(contradiction(
                masks,
                format!("to be made from the tokens {} given here", given.path.display()),
                format!("that it was made from another {}", another.name),
                SAME_RUN,
            ));
        }
        let sequences = graph.sources(&tokens.digest, &SEQUENCES);
        for windows in read.values().copied().chain(other.tokens.map(|t| &t.digest)) {
            let cut_from = graph.sources(windows, &SEQUENCES);
            if windows.sha256 != tokens.digest.sha256
                && !sequences.is_empty()
                && !cut_from.is_empty()
                && !same(&sequences, &cut_from)
            {
                return Err(contradiction(
                    masks,
                    format!("to be of the sequences of {}", tokens.path.display()),
                    format!("that it is of other sequences, {}", names(&cut_from)),
                    SAME_RUN,
                ));
            }
        }
        explains(&graph, other, reference, &classifier)?;
    }
    Ok(())
}

fn explains(
    graph: &Graph<'_>,
    other: &Compared<'_>,
    reference: &Artefact,
    wanted: &Sources<'_>,
) -> Result<()> {
    let found = graph.sources(&other.masks.digest, &CLASSIFIER);
    if wanted.is_empty() || found.is_empty() {
        return Ok(());
    }
    let whose = reference.path.display();
    let (holds, expected) = match other.explains {
        Explains::Any => (true, String::new()),
        Explains::TheSame => (
            same(wanted, &found),
            format!("to be made from the classifier that {whose} was made from"),
        ),
        Explains::ARandomizedCopy => (
            found.keys().all(|classifier| {
                let copied = graph.ancestors(classifier, "classifier");
                !graph.knows(classifier) || wanted.keys().any(|wanted| copied.contains(wanted))
            }),
            format!("to explain a randomised copy of the classifier of {whose}"),
        ),
        Explains::ATwin => {
            let trained = |classifiers: &Sources<'_>| -> BTreeSet<Sha256Digest> {
                let of = classifiers.values().map(|c| graph.sources(c, &TRAINING_TOKENS));
                of.flat_map(|tokens| tokens.into_keys().cloned().collect::<Vec<_>>()).collect()
            };
            let (one, two) = (trained(wanted), trained(&found));
            (
                !same(wanted, &found) && (one.is_empty() || two.is_empty() || one == two),
                format!(
                    "to explain another classifier, trained on the same tokens as that of {whose}"
                ),
            )
        }
    };
    if holds {
        return Ok(());
    }
    let found = if same(wanted, &found) {
        "that it explains the same classifier".to_owned()
    } else {
        format!("that it was made from another classifier, {}", names(&found))
    };
    Err(contradiction(other.masks, expected, found, LABEL))
}

/// Refuses inputs that name different artefacts for one fact.
fn agree(graph: &Graph<'_>, fact: &Fact, inputs: &[Artefact]) -> Result<()> {
    let is_it = |input: &&Artefact| input.digest.role == fact.role;
    let says = |input: &&Artefact| fact.is_said_by(input);
    // What is given itself comes first: messages are about what was made from it.
    let given = inputs.iter().filter(is_it).chain(inputs.iter().filter(|i| !is_it(i)));
    let mut first: Option<(&InputDigest, &Artefact)> = None;
    for input in given.filter(says) {
        for found in graph.sources(&input.digest, fact).into_values() {
            let Some((wanted, of)) = first else {
                first = Some((found, input));
                continue;
            };
            if wanted.sha256 == found.sha256 {
                continue;
            }
            let Fact { role, verb, .. } = fact;
            let whose = of.path.display();
            let expected = if is_it(&of) {
                format!("to be {verb} the {role} {whose} given here")
            } else {
                format!("to be {verb} the {role} that {whose} was {verb}")
            };
            return Err(contradiction(
                input,
                expected,
                format!("that it was {verb} another {}", found.name),
                if input.digest.role == "judge" {
                    "train the judge on the tokens that the classifier was trained on"
                } else {
                    SAME_RUN
                },
            ));
        }
    }
    Ok(())
}

/// Refuses evidence about other masks than those that are given: a probe names masks, and a
/// comparison the Explainers of its reference. One that they share is enough, as either may be of
/// several.
fn is_about<'a>(
    graph: &Graph<'_>,
    evidence: &Artefact,
    masks: impl Iterator<Item = &'a Artefact> + Clone,
) -> Result<()> {
    let probed = graph.direct(&evidence.digest.sha256, "masks");
    let given: Vec<&Sha256Digest> = masks
        .clone()
        .filter(|masks| masks.manifest.is_some())
        .map(|masks| &masks.digest.sha256)
        .collect();
    let references = graph.direct(&evidence.digest.sha256, "reference");
    let explainers_of =
        |table: &Sha256Digest| graph.direct(table, "explainer").into_keys().collect::<Vec<_>>();
    let compared: Vec<_> = references.keys().flat_map(|table| explainers_of(table)).collect();
    let explaining: Vec<_> = given.iter().flat_map(|table| explainers_of(table)).collect();
    let is_other = |named: &[&Sha256Digest], given: &[&Sha256Digest]| {
        !named.is_empty() && !given.is_empty() && !named.iter().any(|one| given.contains(one))
    };
    let probed: Vec<&Sha256Digest> = probed.into_keys().collect();
    if !is_other(&probed, &given) && !is_other(&compared, &explaining) {
        return Ok(());
    }
    let masks: Vec<String> = masks.map(|masks| masks.path.display().to_string()).collect();
    Err(contradiction(
        evidence,
        format!("to be about the masks given here, {}", masks.join(", ")),
        "that it is about others".to_owned(),
        SAME_RUN,
    ))
}

/// Refuses a table that names artefacts of the role, but not the given one. A file without a
/// manifest passes: it may be the same masks, written again by another program.
fn contains(graph: &Graph<'_>, member: &Member, given: &Artefact, table: &Artefact) -> Result<()> {
    let named = graph.direct(&table.digest.sha256, member.role);
    if given.manifest.is_none() || named.is_empty() || named.contains_key(&given.digest.sha256) {
        return Ok(());
    }
    Err(contradiction(
        table,
        format!("to be made from the {} {} given here", member.role, given.path.display()),
        format!("that it was made from another {}", names(&named)),
        SAME_RUN,
    ))
}

/// What helps where files of different runs were mixed.
const SAME_RUN: &str = "pass files of one run together, or make this one again";
/// What helps where a label of a comparison does not fit.
const LABEL: &str = "choose the label that fits, or one of your own: --other LABEL=FILE";

fn contradiction(input: &Artefact, expected: String, found: String, remedy: &str) -> Fault {
    Fault::input(&input.path).expected(expected).found(found).remedy(remedy).into()
}
