//! The classifier's predictions under every mask, control and operator.

use crate::mask_columns::may_name_a_mask;
use crate::record::record;
use crate::upgrade;
use crate::vocabulary::{MethodKind, Name, Operator, Ranks, Removal, Split, Word};

record! {
    /// One prediction of one rank for one perturbed window.
    PerturbationRow is a row of "perturbations" version 3 after 2 with upgrade::perturbations,
    by "perturb", "merge":
    "One prediction of one rank for one perturbed window."
    {
        id: String => Text, "", "Identifier of the sequence record.";
        window: u32 => UInt32, "from 0", "Ordinal of the window in its record, as in the tokens table.";
        split: Option<Split> => Category, "train, valid or test", "Split the record belongs to.";
        method: Option<Name> => Category, "", "Name of the method that made the mask; null where no mask was used.";
        method_kind: Option<MethodKind> => Category, "explainer, attribution or control", "Where the method's masks come from; null where method is.";
        replicate: Option<u32> => UInt32, "from 1", "Which of several runs of the method it is; null where method is.";
        mask_rank: Option<Ranks> => Category, "", "Rank that the mask explains, or `all`; null where method is.";
        operator: Word<Operator> => Category, "", "What was done to the input, such as unmasked, masked, inverse, hard_masked or random_block.";
        share: Option<f32> => Float32, "0 to 1", "Fraction of the real tokens that a graded operator keeps or removes, or the level of a constant mask; null for operators without one.";
        removal: Removal => Category, "own, mean, unknown or shuffled", "What stands for hidden tokens: own is what the classifier's own masking does, mean the mean k-mer embedding, unknown the unknown token, shuffled the same bases with their dinucleotides in random order.";
        kept_area: f32 => Float32, "0 to 1", "Mean of the factors that multiplied the real tokens: 1 is untouched, 0 all hidden.";
        hidden_mask: Option<f32> => Float32, "0 to 1", "Sum over the real tokens of (1 - factor) times the mask, divided by the sum of the mask: the fraction of the mask that was hidden, 0 for a mask of zeros; null without mask.";
        rank: Name => Category, "", "Rank that was predicted.";
        predicted: String => Category, "", "Predicted taxon.";
        label: Option<String> => Category, "", "True taxon; null where unknown.";
        target: String => Category, "", "Taxon predicted for the untouched input; with the operators wrong_class and wrong_class_block for that of another window.";
        p_predicted: f32 => Float32, "0 to 1", "Probability of the predicted taxon.";
        p_target: f32 => Float32, "0 to 1", "Probability of the target.";
        entropy: f32 => Float32, "0 to 1", "Entropy of the prediction divided by its maximum, the logarithm of the number of taxa.";
        correct: Option<bool> => Flag, "", "Whether predicted is the label; null where the label is unknown.";
    }
    checked by PerturbationRow::check_mask;
}

may_name_a_mask!(PerturbationRow);
