//! Names of the classes.

use std::collections::BTreeSet;

use readlens_fault::Result;
use serde_json::Value;

use crate::config::Settings;

/// Most classes of a head.
pub(crate) const MOST_CLASSES: u64 = 1 << 20;
/// What transformers takes where a configuration says nothing.
const DEFAULT_CLASSES: usize = 2;

/// The labels of a head in class order, from `id2label`, whose keys must be 0 to n − 1. Without it
/// they are LABEL_0 to LABEL_n, as transformers calls them.
pub(crate) fn labels(settings: &Settings) -> Result<Vec<String>> {
    let count = settings.maybe_size("num_labels", MOST_CLASSES)?;
    let labels = match settings.get("id2label") {
        None => {
            let default = |class| format!("LABEL_{class}");
            (0..count.unwrap_or(DEFAULT_CLASSES)).map(default).collect()
        }
        Some(Value::Object(fields)) => {
            let fault = || settings.fault("id2label").remedy("give each class one label");
            let mut labels = vec![None; fields.len()];
            for (key, label) in fields {
                let class = key.parse::<usize>().ok().filter(|class| class.to_string() == *key);
                let place = class.and_then(|class| labels.get_mut(class));
                let (Some(place), Some(label)) = (place, label.as_str()) else {
                    return Err(fault()
                        .expected(format!("labels of the classes 0 to {}", fields.len() - 1))
                        .found(format!("{key}: {label}"))
                        .into());
                };
                *place = Some(label.to_owned());
            }
            let labels: Vec<String> = labels.into_iter().flatten().collect();
            let mut seen = BTreeSet::new();
            if let Some(twice) = labels.iter().find(|label| !seen.insert(label.as_str())) {
                return Err(fault()
                    .expected("a label of its own for each class")
                    .found(format!("{twice:?} twice"))
                    .into());
            }
            labels
        }
        Some(other) => {
            let fault = settings.fault("id2label").expected("an object of labels");
            return Err(fault.found(other).remedy("restore config.json").into());
        }
    };
    if count.is_some_and(|count| count != labels.len()) {
        let fault =
            settings.fault("num_labels").expected(format!("{} as in id2label", labels.len()));
        return Err(fault.found(count.unwrap_or(0)).remedy("restore config.json").into());
    }
    if labels.len() < 2 {
        let fault = settings.fault("id2label").expected("two labels or more");
        let remedy = "a model of one label is a regression, which has no classes to explain";
        return Err(fault.found(labels.len()).remedy(remedy).into());
    }
    Ok(labels)
}
