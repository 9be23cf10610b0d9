/// Examples of classes, whose features are computed when they are asked for.
pub trait Examples: Sync {
    /// Number of examples.
    fn count(&self) -> usize;

    /// Number of features of each example.
    fn features(&self) -> usize;

    /// Overwrites `features`, which has [`Examples::features`] values, by those of an example:
    /// finite, and for naive Bayes at least 0.
    fn write(&self, example: usize, features: &mut [f32]);

    /// Class of an example, from 0.
    fn class(&self, example: usize) -> u32;
}
