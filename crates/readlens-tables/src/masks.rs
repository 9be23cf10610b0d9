//! Masks: what was read. Any attribution method writes this table.

use crate::record::record;

/// Name in the column `rank` of a mask that explains all ranks at once.
pub const ALL_RANKS: &str = "all";

record! {
    /// The mask of one window for one method and rank.
    MaskRow is a row of "masks" version 1 by "mask":
    "The mask of one window for one method and rank."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        method: String => Category, "", "Attribution method, such as explainer or random.";
        rank: String => Category, "", "Rank whose prediction the mask explains, or `all`.";
        target: Option<String> => Category, "", "Taxon that was explained; null where the mask is for all ranks.";
        target_kind: String => Category, "predicted or label", "Whether the target is the classifier's own prediction or the label.";
        mask: Vec<f32> => Float32List, "0 to 1", "How much each token was read; one value per real token, CLS and padding excluded.";
        hard: Vec<bool> => FlagList, "", "Whether the token counts as read; same length as mask.";
        area: f32 => Float32, "0 to 1", "Mean of mask.";
    }
}
