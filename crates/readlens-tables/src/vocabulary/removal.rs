use super::words::vocabulary;

vocabulary! {
    /// What stands in the place of hidden tokens.
    ///
    /// A figure that depends on the removal says as much about the removal as about the mask.
    Removal, "a removal": {
        Own = "own", "What the classifier's own masking makes of hidden tokens.";
        Mean = "mean", "The mean embedding of all k-mers.";
        Unknown = "unknown", "The token of unknown k-mers.";
        Shuffled = "shuffled", "The same bases with their dinucleotides in random order, within each hidden stretch.";
    }
}
