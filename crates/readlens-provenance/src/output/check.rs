use std::path::Path;

use readlens_fault::{Fault, Result};

use super::directory_kind::DirectoryKind;
use super::lock::OutputLock;
use super::overwriting::refuse_overwriting;
use super::target::{FileTarget, directory_target};

/// Decides before work begins whether a stage may write the files `outputs`.
///
/// # Errors
/// [`Fault::Usage`]: one cannot be an output file, or is an input, lies in an input directory,
/// holds an input or is another output; two of them go to standard output; something else has the
/// name of the lock that several files need.
pub fn check_files(
    outputs: impl IntoIterator<Item: AsRef<Path>> + Clone,
    inputs: impl IntoIterator<Item: AsRef<Path>>,
) -> Result<()> {
    let files = inputs.into_iter().filter(|path| path.as_ref() != Path::new("-"));
    refuse_overwriting(outputs.clone(), files)?;
    let mut named = Vec::new();
    for output in outputs {
        if let FileTarget::Named(path) = FileTarget::of(output.as_ref())? {
            named.push(path);
        }
    }
    match named.as_slice() {
        // Files that appear together are locked then.
        [main, _, ..] => OutputLock::check(main),
        _ => Ok(()),
    }
}

/// Decides before work begins whether a stage may write the directory `output` of this kind.
///
/// # Errors
/// [`Fault::Usage`]: it cannot be an output directory, may not be replaced, is an input, lies in
/// one or holds one.
pub fn check_directory(
    output: &Path,
    kind: &DirectoryKind,
    inputs: impl IntoIterator<Item: AsRef<Path>>,
) -> Result<()> {
    refuse_overwriting([output], inputs)?;
    directory_target(output, kind).map(drop)
}

/// Refuses an output file that is standard output, for a stage that prints something else there.
///
/// # Errors
/// [`Fault::Usage`].
pub fn refuse_standard_output(outputs: impl IntoIterator<Item: AsRef<Path>>) -> Result<()> {
    match outputs.into_iter().any(|output| output.as_ref() == Path::new("-")) {
        true => Err(Fault::usage(
            "cannot write to standard output, where the summary is printed; name a file",
        )),
        false => Ok(()),
    }
}
