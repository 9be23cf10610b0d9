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

/// Refuses options that have no effect, because they belong to `owner` and `chosen` was chosen.
///
/// `options`: their names, and whether each is given.
///
/// # Errors
/// [`Fault::Usage`] with the names of the first such option, of its owner and of the choice.
///
/// ```
/// use readlens_stage::refuse_misplaced;
///
/// assert!(refuse_misplaced("--kind substitute", "frame-shift", &[("--rate", false)]).is_ok());
/// let given = [("--rate", true)];
/// let fault = refuse_misplaced("--kind substitute", "frame-shift", &given).unwrap_err();
/// assert_eq!(fault.to_string(), "--rate belongs to --kind substitute, not to frame-shift");
/// ```
pub fn refuse_misplaced(owner: &str, chosen: &str, options: &[(&str, bool)]) -> Result<()> {
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => {
            Err(Fault::usage(format!("{option} belongs to {owner}, not to {chosen}")))
        }
        None => Ok(()),
    }
}
