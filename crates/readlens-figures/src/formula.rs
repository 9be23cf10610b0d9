/// How a figure is made of the sums of a [`crate::Panel`], each over the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// The sum over the number of windows.
    Mean(usize),
    /// One sum over another.
    Ratio(usize, usize),
    /// The absolute values of all sums, over the number of windows.
    Deviation,
}
