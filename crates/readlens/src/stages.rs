//! Every stage, once: subcommands, links, completions and manual pages are made from this list.

use readlens_stage::AnyStage;

/// What the name of a stage's own program begins with.
pub(crate) const PREFIX: &str = "readlens-";

/// The stage that has the name of a verb of the umbrella. `readlens NAME --tokens …` is the stage.
pub(crate) const BEHIND_A_VERB: &str = "predict";

/// Stages that are listed together.
#[derive(Debug)]
pub(crate) struct Group {
    /// What they are about.
    pub(crate) heading: &'static str,
    /// In the order of the data flow.
    pub(crate) stages: &'static [AnyStage],
}

/// All stages, in the order of the data flow.
pub(crate) const GROUPS: [Group; 5] = [
    Group {
        heading: "Sequences to tokens",
        stages: &[
            AnyStage::of::<readlens_simulate::Options>(),
            AnyStage::of::<readlens_tokenize::Options>(),
            AnyStage::of::<readlens_vary::Options>(),
        ],
    },
    Group {
        heading: "Networks",
        stages: &[
            AnyStage::of::<readlens_train::classifier::Options>(),
            AnyStage::of::<readlens_train::experts::Options>(),
            AnyStage::of::<readlens_train::combination::Options>(),
            AnyStage::of::<readlens_import::Options>(),
            AnyStage::of::<readlens_train::explainer::Options>(),
            AnyStage::of::<readlens_assess::Options>(),
            AnyStage::of::<readlens_predict::Options>(),
            AnyStage::of::<readlens_randomize::Options>(),
        ],
    },
    Group {
        heading: "Masks of what is read",
        stages: &[
            AnyStage::of::<readlens_mask::Options>(),
            AnyStage::of::<readlens_attribute::Options>(),
            AnyStage::of::<readlens_merge::Options>(),
            AnyStage::of::<readlens_tracks::Options>(),
        ],
    },
    Group {
        heading: "Proof with controls",
        stages: &[
            AnyStage::of::<readlens_perturb::Options>(),
            AnyStage::of::<readlens_baseline::Options>(),
            AnyStage::of::<readlens_probe::Options>(),
            AnyStage::of::<readlens_compare::Options>(),
            AnyStage::of::<readlens_evaluate::Options>(),
        ],
    },
    Group { heading: "Report", stages: &[AnyStage::of::<readlens_report::Options>()] },
];

/// All stages, in the order of the data flow.
pub(crate) fn all() -> impl Iterator<Item = AnyStage> {
    GROUPS.iter().flat_map(|group| group.stages).copied()
}

/// The stage of this name.
pub(crate) fn find(name: &str) -> Option<AnyStage> {
    all().find(|stage| stage.name() == name)
}
