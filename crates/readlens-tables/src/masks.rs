//! Masks: what was read. Any attribution method writes this table.

use std::path::Path;

use readlens_fault::Result;

use crate::Reader;
use crate::mask_columns::names_a_mask;
use crate::record::record;
use crate::upgrade;
use crate::vocabulary::{MethodKind, Name, Ranks, TargetKind};

/// Key of the metadata of masks that all explain one taxon, typed by the user as `genus=Treponema`.
pub const KEY_TARGET: &str = "readlens.target";

record! {
    /// The mask of one window for one method and rank.
    MaskRow is a row of "masks" version 4 after 1, 2, 3 with upgrade::masks,
    by "mask", "attribute", "merge":
    "The mask of one window for one method and rank."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        method: Name => Category, "", "Name of the method that made the mask, such as `explainer` or `lime`.";
        method_kind: MethodKind => Category, "explainer, attribution or control", "Where the method's masks come from.";
        replicate: u32 => UInt32, "from 1", "Which of several runs of the same method it is, such as trainings with other seeds.";
        rank: Ranks => Category, "", "Rank whose prediction the mask explains, or `all`.";
        target: Option<String> => Category, "", "Taxon that was explained; null where the mask is for all ranks.";
        target_kind: TargetKind => Category, "predicted, label or other", "Whether the target is the classifier's own prediction, the label, or another taxon that was asked for.";
        asked: Vec<u32> => UInt32List, "from 0", "The taxa that were explained where target_kind is other: of each rank of the classifier the place among its taxa; empty otherwise.";
        mask: Vec<f32> => Float32List, "0 to 1", "How much each token was read; one value per real token, CLS and padding excluded.";
        hard: Vec<bool> => FlagList, "", "Whether the token counts as read; same length as mask.";
        deviation: Vec<f32> => Float32List, "0 to 0.5", "Standard deviation of the mask of each token over several Explainers, each with the same selection; empty where one made the mask.";
        area: f32 => Float32, "0 to 1", "Mean of mask.";
    }
    checked by MaskRow::check_mask;
}

names_a_mask!(MaskRow);

impl MaskRow {
    /// Whether it is a control: the mask explains what the classifier predicts for another window.
    pub fn is_wrong(&self) -> bool {
        self.target_kind == TargetKind::Other
    }
}

impl Reader<MaskRow> {
    /// The taxon that all masks of the table explain, if they were made for one.
    pub fn target(&self) -> Option<&str> {
        self.metadata().get(KEY_TARGET).map(String::as_str)
    }

    /// Opens a table of masks that a page can show: those of [`Self::open_own`], or masks that all
    /// explain one taxon.
    ///
    /// # Errors
    /// As [`Self::open_own`].
    pub fn open_shown(path: &Path) -> Result<Self> {
        let reader = Self::open(path)?;
        if reader.target().is_some() { Ok(reader) } else { Self::open_own(path) }
    }

    /// Opens a table of masks that explain each window's own taxa.
    ///
    /// # Errors
    /// As [`Reader::open`], or the masks were made for the taxa of other windows.
    pub fn open_own(path: &Path) -> Result<Self> {
        let mut first = Self::open(path)?;
        match first.next().transpose()? {
            Some(row) if row.is_wrong() => Err(first
                .fault()
                .expected("masks that explain what the classifier predicts for their windows")
                .found("masks for other taxa, which are a control")
                .remedy(
                    "give this table to readlens-perturb alone, beside the masks that it controls",
                )
                .into()),
            _ => Self::open(path),
        }
    }
}
