//! What the outputs of a model mean.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use readlens_fault::{Fault, Result};
use readlens_nn::RankClasses;
use readlens_tables::vocabulary::Name;
use readlens_text::Table;

/// Columns of the table.
const COLUMNS: [&str; 3] = ["label", "rank", "taxon"];

/// Rank and taxon of each label, in the order of the table.
#[derive(Debug)]
pub(crate) struct Meanings {
    file: PathBuf,
    rows: Vec<Meaning>,
}

#[derive(Debug)]
struct Meaning {
    label: String,
    rank: String,
    taxon: String,
}

impl Meanings {
    /// Labels that are the taxa of one rank.
    pub(crate) fn of_one_rank(rank: &str, labels: &[String]) -> Self {
        let meaning = |label: &String| Meaning {
            label: label.clone(),
            rank: rank.to_owned(),
            taxon: label.clone(),
        };
        Self { file: PathBuf::new(), rows: labels.iter().map(meaning).collect() }
    }

    /// Reads the table at `path`.
    ///
    /// # Errors
    /// It is no table, a column is missing, a cell is empty or no name, or a label or a taxon of a
    /// rank stands in two rows.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut table = Table::open(path, "table of labels")?;
        let remedy = "name the columns label, rank and taxon";
        let place = |name: &str| table.column(name, remedy, |_| false);
        let [label, rank, taxon] = COLUMNS.map(place);
        let (label, rank, taxon) = (label?, rank?, taxon?);
        let (mut labels, mut taxa) = (BTreeSet::new(), BTreeSet::new());
        let mut rows = Vec::new();
        while table.next_row()? {
            let meaning = Meaning {
                label: table.name(label)?.to_owned(),
                rank: table.name(rank)?.to_owned(),
                taxon: table.name(taxon)?.to_owned(),
            };
            let wrong = |expected: &str, found: String, remedy: &str| -> Fault {
                table.fault().expected(expected).found(found).remedy(remedy).into()
            };
            if meaning.label.is_empty() || meaning.taxon.is_empty() {
                let found = "an empty cell".to_owned();
                return Err(wrong("a label and its taxon", found, "give each label a taxon"));
            }
            if let Err(bad) = Name::new(&meaning.rank) {
                return Err(wrong("the name of a rank", bad.to_string(), "name the rank"));
            }
            if !labels.insert(meaning.label.clone()) {
                let found = format!("{:?} twice", meaning.label);
                return Err(wrong("one row for each label", found, "leave one of the two"));
            }
            if !taxa.insert((meaning.rank.clone(), meaning.taxon.clone())) {
                let found = format!("{:?} twice at {}", meaning.taxon, meaning.rank);
                return Err(wrong("a taxon of its own for each label", found, "tell them apart"));
            }
            rows.push(meaning);
        }
        Ok(Self { file: path.to_path_buf(), rows })
    }

    /// The ranks that the only head among `tensors` stands for; the head is divided among them.
    ///
    /// Heads of ours read the probabilities of the ranks above too; those of an imported model have
    /// no weights for them.
    ///
    /// # Errors
    /// The labels are not those of the model, or a rank has only one.
    pub(crate) fn heads(
        self,
        model: &RankClasses,
        tensors: &mut HashMap<String, Tensor>,
    ) -> Result<Vec<RankClasses>> {
        let labels = &model.taxa;
        let wrong = |expected: &str, found: String| -> Fault {
            Fault::input(&self.file)
                .expected(expected)
                .found(found)
                .remedy("give each label of the model, and no other, one row")
                .into()
        };
        let mut ranks: Vec<(RankClasses, Vec<u32>)> = Vec::new();
        for Meaning { label, rank, taxon } in &self.rows {
            let Some(output) = labels.iter().position(|other| other == label) else {
                let shown: Vec<&str> = labels.iter().take(20).map(|label| label.as_str()).collect();
                let expected = format!("labels of the model: {}", shown.join(", "));
                return Err(wrong(&expected, format!("{label:?}")));
            };
            let at = ranks.iter().position(|(classes, _)| classes.rank == *rank);
            let at = at.unwrap_or_else(|| {
                ranks.push((RankClasses { rank: rank.clone(), taxa: Vec::new() }, Vec::new()));
                ranks.len() - 1
            });
            ranks[at].0.taxa.push(taxon.clone());
            ranks[at].1.push(output as u32);
        }
        let named: usize = ranks.iter().map(|(_, outputs)| outputs.len()).sum();
        if named != labels.len() {
            return Err(wrong(&format!("{} labels", labels.len()), named.to_string()));
        }
        if let Some((alone, _)) = ranks.iter().find(|(classes, _)| classes.taxa.len() < 2) {
            let found = format!("one at the rank {}", alone.rank);
            return Err(wrong("two labels or more at each rank", found));
        }
        let failed = |e| Fault::failed("dividing the outputs among ranks", e);
        divide(&ranks, tensors).map_err(failed)?;
        Ok(ranks.into_iter().map(|(classes, _)| classes).collect())
    }
}

fn divide(
    ranks: &[(RankClasses, Vec<u32>)],
    tensors: &mut HashMap<String, Tensor>,
) -> candle_core::Result<()> {
    let mut take = |name: &str| {
        let missing = || candle_core::Error::msg(format!("no tensor {name}"));
        tensors.remove(name).ok_or_else(missing)
    };
    let (weight, bias) = (take("heads.0.weight")?, take("heads.0.bias")?);
    let mut above = 0;
    for (i, (_, outputs)) in ranks.iter().enumerate() {
        let rows = Tensor::new(outputs.as_slice(), weight.device())?;
        let own = weight.index_select(&rows, 0)?.pad_with_zeros(1, above, 0)?;
        tensors.insert(format!("heads.{i}.weight"), own);
        tensors.insert(format!("heads.{i}.bias"), bias.index_select(&rows, 0)?);
        above += outputs.len();
    }
    Ok(())
}
