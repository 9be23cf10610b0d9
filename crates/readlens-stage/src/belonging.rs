use readlens_fault::{Fault, Result};

/// Refuses options that have no effect, because `owner` is not given and they belong to it.
///
/// `options`: their names, and whether each is given.
///
/// # Errors
/// [`Fault::Usage`] with the names of the first such option and of its owner.
///
/// ```
/// use readlens_stage::refuse_without;
///
/// assert!(refuse_without("--bases", true, &[("--frames", true)]).is_ok());
/// let fault = refuse_without("--bases", false, &[("--frames", true)]).unwrap_err();
/// assert_eq!(fault.to_string(), "--frames belongs to --bases; pass that too");
/// ```
pub fn refuse_without(owner: &str, is_given: bool, options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) if !is_given => {
            Err(Fault::usage(format!("{option} belongs to {owner}; pass that too")))
        }
        _ => Ok(()),
    }
}
