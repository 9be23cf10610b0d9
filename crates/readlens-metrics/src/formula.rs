/// How a figure is made of the sums of a [`crate::Panel`], each over the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// The sum divided by the number of windows.
    Mean(usize),
    /// One sum divided by another.
    Ratio(usize, usize),
    /// The absolute values of all sums together, divided by the number of windows.
    Deviation,
}
