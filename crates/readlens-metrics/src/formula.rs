/// How a figure is made of the sums of a [`crate::Panel`], each over the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formula {
    /// The sum divided by the number of windows.
    Mean(usize),
    /// One sum divided by another.
    Ratio(usize, usize),
    /// The absolute values of all sums together, divided by the number of windows.
    Deviation,
    /// How far one mean lies above another; 0 where it lies below.
    Excess {
        /// The sum whose mean may lie above.
        of: usize,
        /// The sum that it is compared with.
        above: usize,
    },
    /// The mean `above`, less so many times the excess of `of` over it.
    LessExcess {
        /// The sum whose mean may lie above.
        of: usize,
        /// The sum that it is compared with.
        above: usize,
        /// How often the excess is taken off.
        times: u32,
    },
}
