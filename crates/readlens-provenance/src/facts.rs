//! What the inputs of a stage must agree on.

use crate::artefact::Artefact;

/// Something that all inputs of a stage must agree on.
pub(crate) struct Fact {
    /// Role of the artefact that it is about.
    pub role: &'static str,
    /// What an artefact is to it, for messages.
    pub verb: &'static str,
    /// Roles of the inputs that say something about it.
    pub said_by: &'static [&'static [&'static str]],
    /// Roles through which it is inherited.
    pub inherited_through: &'static [&'static [&'static str]],
}

impl Fact {
    pub(crate) fn is_said_by(&self, input: &Artefact) -> bool {
        is_among(self.said_by, &input.digest.role)
    }
}

pub(crate) fn is_among(groups: &[&[&str]], role: &str) -> bool {
    groups.iter().any(|roles| roles.contains(&role))
}

/// Masks, and what is made from them and read again by a later stage.
const MASKS_AND_AFTER: &[&str] = &["masks", "bases", "perturbations", "reference", "evidence"];
/// Every table that follows from masks or stands beside them.
const TABLES: &[&str] =
    &["masks", "bases", "perturbations", "reference", "evidence", "metrics", "checks", "costs"];

/// What the classifier says of the windows, and how right it is.
const OF_CLASSIFIER: &[&str] = &["predictions", "assessment", "confusion"];

/// Windows: a model may be applied to other windows than those it learned from, a table may not.
pub(crate) const TOKENS: Fact = Fact {
    role: "tokens",
    verb: "made from",
    said_by: &[&["tokens", "predictions"], TABLES],
    inherited_through: &[MASKS_AND_AFTER],
};

/// The classifier that is explained. A judge, and what a comparison compares with, is another.
pub(crate) const CLASSIFIER: Fact = Fact {
    role: "classifier",
    verb: "made from",
    said_by: &[&["classifier", "explainer"], OF_CLASSIFIER, TABLES],
    inherited_through: &[&["explainer"], MASKS_AND_AFTER],
};

/// Labelled windows that a classifier was judged on: they need not be those that are explained, as
/// new sequences have no labels.
pub(crate) const ASSESSED: Fact = Fact {
    role: "tokens",
    verb: "taken on",
    said_by: &[&["assessment", "confusion"]],
    inherited_through: &[],
};

/// Predictions of which figures are shown.
pub(crate) const PERTURBATIONS: Fact = Fact {
    role: "perturbations",
    verb: "made from",
    said_by: &[&["perturbations", "metrics", "checks"]],
    inherited_through: &[],
};

/// What a judge has seen: it answers the question of the classifier, from the same windows.
pub(crate) const TRAINING_TOKENS: Fact = Fact {
    role: "tokens",
    verb: "trained on",
    said_by: &[&["classifier", "judge"]],
    inherited_through: &[&["classifier"]],
};

/// The sequences that windows were cut from, however they were read.
pub(crate) const SEQUENCES: Fact = Fact {
    role: "sequences",
    verb: "made from",
    said_by: &[&["tokens"]],
    inherited_through: &[&["tokens"]],
};

/// Artefacts of which a table names several: the given one must be among them.
pub(crate) struct Member {
    pub role: &'static str,
    pub named_by: &'static [&'static str],
}

pub(crate) const MEMBERS: [Member; 2] = [
    Member { role: "masks", named_by: &["perturbations", "metrics", "checks"] },
    Member { role: "explainer", named_by: &["masks", "bases"] },
];
