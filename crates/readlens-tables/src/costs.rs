//! What attribution methods cost. The only table that holds measured time: it differs from run to
//! run.

use crate::record::record;

record! {
    /// What one attribution method cost.
    CostRow is a row of "costs" version 1, by "attribute", "merge":
    "What one attribution method cost; the one table with measured time, which differs from run to run."
    {
        method: String => Category, "", "Attribution method.";
        windows: u32 => UInt32, "windows", "Windows the method explained.";
        forward_passes: f64 => Float64, "passes per window", "Classifier passes of one window each, on average; without the pass that names the target, which is no method's own.";
        backward_passes: f64 => Float64, "passes per window", "Passes back to the mask, on average.";
        seconds: f64 => Float64, "s per window", "Wall-clock time of the method over its windows, worked on by all threads together; reading, writing and the pass that names the target left out.";
        threads: u32 => UInt32, "threads", "Worker threads of the run.";
        completeness_error: Option<f64> => Float64, "from 0", "Sum over windows of |sum of the attributions - (F(1) - F(0))| over the sum of |F(1) - F(0)|, with F the explained log-probability of the whole and of the fully hidden input; null for methods that are not path integrals.";
    }
}
