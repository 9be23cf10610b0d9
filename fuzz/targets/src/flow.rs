use std::path::Path;

use readlens_fault::Result;
use toml::Table;

use crate::settings::{Settings, arguments};
use crate::{check, write};

/// The file of `readlens run`, down to the command lines of the stages.
pub fn flow(input: &[u8], scratch: &Path) -> bool {
    check(read(input, &scratch.join("flow.toml")))
}

fn read(input: &[u8], path: &Path) -> Result<()> {
    write(path, input)?;
    let settings = Settings::read(path)?;
    let stages: [(&str, Option<&Table>); 10] = [
        ("simulate", settings.simulate.as_ref()),
        ("tokenize", Some(&settings.tokenize)),
        ("baseline", settings.baseline.as_ref()),
        ("train-classifier", Some(&settings.train_classifier)),
        ("train-explainer", Some(&settings.train_explainer)),
        ("mask", Some(&settings.mask)),
        ("attribute", settings.attribute.as_ref()),
        ("perturb", Some(&settings.perturb)),
        ("evaluate", Some(&settings.evaluate)),
        ("report", Some(&settings.report)),
    ];
    for (stage, table) in stages {
        arguments(stage, table.unwrap_or(&Table::new()))?;
    }
    settings.input_in(Path::new("out"));
    Ok(())
}
