//! The classifier's predictions under every mask, control and operator.

use crate::record::record;

record! {
    /// One prediction of one rank for one perturbed window.
    PerturbationRow is a row of "perturbations" version 1 by "perturb":
    "One prediction of one rank for one perturbed window."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        split: Option<String> => Category, "train, valid or test", "Split the record belongs to.";
        method: String => Category, "", "Attribution method of the mask; `none` where no mask was used.";
        mask_rank: String => Category, "", "Rank that the mask explains, or `all`; `none` where no mask was used.";
        operator: String => Category, "", "What was done to the input, such as unmasked, masked, inverse, hard_masked or random_block.";
        kept_area: f32 => Float32, "0 to 1", "Mean of the factors that multiplied the real tokens: 1 is untouched, 0 all hidden.";
        rank: String => Category, "", "Rank that was predicted.";
        predicted: String => Category, "", "Predicted taxon.";
        label: Option<String> => Category, "", "True taxon; null where unknown.";
        target: String => Category, "", "Taxon predicted for the untouched input.";
        p_predicted: f32 => Float32, "0 to 1", "Probability of the predicted taxon.";
        p_target: f32 => Float32, "0 to 1", "Probability of the target.";
        entropy: f32 => Float32, "0 to 1", "Entropy of the prediction over its maximum, ln of the number of taxa.";
        correct: Option<bool> => Flag, "", "Whether predicted is the label; null where the label is unknown.";
    }
}
