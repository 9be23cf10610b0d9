//! Names of the classes.

use std::collections::BTreeSet;

use readlens_fault::Result;
use readlens_nn::RankClasses;
use serde_json::Value;

use crate::config::Settings;

/// Most classes of a head.
pub(crate) const MOST_CLASSES: u64 = 1 << 20;
/// What transformers takes where a configuration says nothing.
const DEFAULT_CLASSES: usize = 2;

/// Most ranks of a model of several heads.
const MOST_RANKS: usize = 64;
/// Name of the only rank of a model that has labels and says nothing of ranks.
const ONLY_RANK: &str = "label";

/// The only rank of a model of one head: its labels in class order, from `id2label`, whose keys
/// must be 0 to n − 1. Without it they are LABEL_0, LABEL_1 and so on, as transformers calls
/// them.
pub(crate) fn only_rank(settings: &Settings) -> Result<Vec<RankClasses>> {
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
            refuse_twice(settings, "id2label", &labels)?;
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
    Ok(vec![RankClasses { rank: ONLY_RANK.to_owned(), taxa: labels }])
}

/// The ranks of a model of several heads, from the highest to the lowest: the field `ranks`, a list
/// of `{"rank": NAME, "taxa": [NAME, …]}`.
pub(crate) fn ranks(settings: &Settings) -> Result<Vec<RankClasses>> {
    let fault = || settings.fault("ranks").remedy("convert the model again");
    let found = settings.get("ranks").cloned().unwrap_or_default();
    let ranks: Vec<RankClasses> = serde_json::from_value(found)
        .map_err(|e| fault().expected("a list of ranks and their taxa").found(e))?;
    if ranks.is_empty() || ranks.len() > MOST_RANKS {
        let expected = format!("1 to {MOST_RANKS} ranks");
        return Err(fault().expected(expected).found(ranks.len()).into());
    }
    let names: Vec<String> = ranks.iter().map(|rank| rank.rank.clone()).collect();
    refuse_twice(settings, "ranks", &names)?;
    for RankClasses { rank, taxa } in &ranks {
        if taxa.len() < 2 {
            let expected = format!("two taxa or more of rank {rank}");
            return Err(fault().expected(expected).found(taxa.len()).into());
        }
        refuse_twice(settings, "ranks", taxa)?;
    }
    Ok(ranks)
}

fn refuse_twice(settings: &Settings, field: &str, names: &[String]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(twice) => Err(settings
            .fault(field)
            .expected("a name of its own for each")
            .found(format!("{twice:?} twice"))
            .remedy("give each class one label")
            .into()),
    }
}
