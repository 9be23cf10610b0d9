use std::collections::BTreeMap;

use readlens_provenance::Manifest;
use serde::{Deserialize, Serialize};

/// Identifiers listed as examples.
pub(crate) const SHOWN_IDS: usize = 10;

/// What was read, kept and skipped, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Records of all inputs.
    pub records_read: u64,
    /// Their nucleotides.
    pub bases_read: u64,
    /// Records with at least one window.
    pub records_kept: u64,
    /// Records without a window, by reason: `empty` (no base at all) and `too_short` (fewer
    /// real tokens than asked for).
    pub skipped: BTreeMap<String, Examples>,
    /// Rows of the table of tokens.
    pub windows: u64,
    /// Real tokens, CLS not counted.
    pub tokens: u64,
    /// Real tokens that are UNK, as their k-mer holds anything but A, C, G, T and U.
    pub unknown_tokens: u64,
    /// Gaps (`-` and `.`) of aligned sequences, whether they were kept or taken out.
    pub gaps: u64,
    /// What became of reading frames; none where none was looked for.
    pub frames: Option<FrameSummary>,
    /// How records and taxonomy meet; none without a taxonomy.
    pub taxonomy: Option<TaxonomySummary>,
    /// Kept records and their windows by split; `unassigned` are those without one.
    pub splits: BTreeMap<String, SplitSummary>,
}

/// Windows whose reading frames were looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameSummary {
    /// Windows that the model was learned from; none where it was given.
    pub learned_from_windows: Option<u64>,
    /// Their nucleotides.
    pub learned_from_bases: Option<u64>,
    /// Whether they are of the split train alone.
    pub learned_from_train: Option<bool>,
    /// Bins of GC share, each with a model of its own.
    pub bins: u64,
    /// Those in which no codons were found: windows of such a GC share stay as they are.
    pub bins_without_codons: u64,
    /// Windows in frame on the forward strand.
    pub forward: u64,
    /// Windows in frame on the reverse strand.
    pub reverse: u64,
    /// Windows that stay as they are: no frame is clearly the best.
    pub not_found: u64,
    /// Windows that stay as they are: they are too short.
    pub too_short: u64,
}

impl FrameSummary {
    fn log(&self) {
        if let (Some(windows), Some(bases)) = (self.learned_from_windows, self.learned_from_bases) {
            tracing::info!("learned the reading frame from {windows} windows ({bases} nt)");
        }
        let in_frame = self.forward + self.reverse;
        let left = self.not_found + self.too_short;
        tracing::info!(
            "{in_frame} windows in frame, {} of them on the reverse strand; {left} stay as they are",
            self.reverse
        );
        if self.bins_without_codons > 0 {
            tracing::warn!(
                "{} of {} bins of GC share have no codons: they have no stop codon at all, or have \
                 them in frame more than half as often as out of frame, as ribosomal RNA does; \
                 windows in them stay as they are",
                self.bins_without_codons,
                self.bins
            );
        }
        if left > in_frame {
            tracing::warn!(
                "most windows have no clear reading frame, so --orient does little for them: it is \
                 for genes, transcripts, and genomes that are mostly genes"
            );
        }
    }
}

/// Records and table rows side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxonomySummary {
    /// Rows of the table.
    pub rows: u64,
    /// Rows that no record was read for.
    pub rows_without_record: u64,
    /// Records read without a row; they are kept with null taxa.
    pub records_without_row: Examples,
    /// Rows whose taxid was deleted from the taxdump; their taxa are null.
    pub deleted_rows: u64,
    /// Rows whose taxid the taxdump does not have, where it has no `merged.dmp` to say what became
    /// of it; their taxa are null.
    pub absent_rows: u64,
    /// Words that count as unknown taxa beside the missing values.
    pub unknown_words: Vec<String>,
    /// Cells or parts of lineages that are one of these words; with taxids, taxa.
    pub unknown_cells: u64,
    /// Parts of lineages that no rank was asked of, by their prefixes.
    pub skipped_parts: BTreeMap<String, u64>,
    /// The ranks in the order of the table of tokens.
    pub ranks: Vec<RankSummary>,
}

/// Taxa at one rank.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankSummary {
    /// Name of the rank.
    pub rank: String,
    /// Different taxa among the records kept.
    pub taxa: u64,
    /// Records kept that have one.
    pub records: u64,
    /// Taxa of the table that became null because they are in too few rows.
    pub rare_taxa: u64,
    /// Names that several taxa of the table share; each of these taxa is told apart.
    pub homonyms: u64,
    /// The first ten of the names by which they are told apart.
    pub homonym_taxa: Vec<String>,
    /// Rows of the table whose taxon is null as its name is that of several taxa and no parent says
    /// which.
    pub ambiguous_rows: u64,
}

/// Size of a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitSummary {
    /// Records kept.
    pub records: u64,
    /// Their windows.
    pub windows: u64,
}

/// A number of records and the first identifiers among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examples {
    /// How many.
    pub records: u64,
    /// The first ten.
    pub first_ids: Vec<String>,
}

impl Examples {
    pub(crate) fn add(&mut self, id: &str) {
        self.records += 1;
        if self.first_ids.len() < SHOWN_IDS {
            self.first_ids.push(id.to_owned());
        }
    }
}

/// The summary as it is written: the figures with the manifest of the table they are about.
#[derive(Debug, Serialize)]
pub(crate) struct SummaryFile<'a> {
    #[serde(flatten)]
    pub summary: &'a Summary,
    pub manifest: &'a Manifest,
}

impl Summary {
    /// Says the figures in the log. Whether gaps were kept, and the bases of a token, tell why
    /// tokens are unknown.
    pub(crate) fn log(&self, has_kept_gaps: bool, bases_of_token: usize) {
        tracing::info!(
            "read {} records ({} nt), kept {} as {} windows with {} tokens ({} UNK)",
            self.records_read,
            self.bases_read,
            self.records_kept,
            self.windows,
            self.tokens,
            self.unknown_tokens
        );
        if self.unknown_tokens * 2 > self.tokens {
            // A gap can only make the tokens unknown that it stands in.
            let may_be_gaps = self.gaps * bases_of_token as u64 * 2 > self.unknown_tokens;
            let remedy = if has_kept_gaps && may_be_gaps {
                "the sequences are aligned: pass --gaps remove"
            } else {
                "the sequences are mostly ambiguity codes such as N"
            };
            tracing::warn!(
                "{} of {} tokens are UNK, so there is little to learn from: {remedy}",
                self.unknown_tokens,
                self.tokens
            );
        }
        if let Some(frames) = &self.frames {
            frames.log();
        }
        for (reason, examples) in &self.skipped {
            tracing::warn!("skipped {} records: {reason} ({})", examples.records, listed(examples));
        }
        if let Some(taxonomy) = &self.taxonomy {
            let without = &taxonomy.records_without_row;
            if without.records > 0 {
                tracing::warn!(
                    "{} records have no row in the taxonomy and get no taxa ({})",
                    without.records,
                    listed(without)
                );
            }
            if taxonomy.rows_without_record > 0 {
                tracing::info!(
                    "{} of {} taxonomy rows have no record",
                    taxonomy.rows_without_record,
                    taxonomy.rows
                );
            }
            taxonomy.log_notes();
            for rank in &taxonomy.ranks {
                if rank.homonyms > 0 {
                    tracing::warn!(
                        "{}: names with several parents, each a taxon below each of them: {} ({}{}); if these \
                         are no parents, rename their column",
                        rank.rank,
                        rank.homonyms,
                        rank.homonym_taxa
                            .iter()
                            .map(|name| shown(name))
                            .collect::<Vec<_>>()
                            .join(", "),
                        if rank.homonyms * 2 > rank.homonym_taxa.len() as u64 {
                            ", …"
                        } else {
                            ""
                        }
                    );
                }
                if rank.ambiguous_rows > 0 {
                    tracing::warn!(
                        "{}: {} rows name one of these without a parent that says which, and get \
                         none",
                        rank.rank,
                        rank.ambiguous_rows
                    );
                }
                tracing::info!(
                    "{}: {} taxa in {} records; {} rare taxa left out",
                    rank.rank,
                    rank.taxa,
                    rank.records,
                    rank.rare_taxa
                );
            }
        }
        for (split, size) in &self.splits {
            tracing::info!("split {split}: {} records, {} windows", size.records, size.windows);
        }
    }
}

impl TaxonomySummary {
    fn log_notes(&self) {
        if self.deleted_rows > 0 {
            tracing::warn!(
                "{} rows have a taxid that was deleted from the taxdump, and get no taxa",
                self.deleted_rows
            );
        }
        if self.absent_rows > 0 {
            tracing::warn!(
                "{} rows have a taxid that the taxdump does not have, and get no taxa; it has no \
                 merged.dmp that says what became of it",
                self.absent_rows
            );
        }
        if self.unknown_cells > 0 {
            tracing::info!(
                "{} names count as unknown ({}); --unknown chooses the words",
                self.unknown_cells,
                self.unknown_words.iter().map(|word| shown(word)).collect::<Vec<_>>().join(", ")
            );
        }
        if !self.skipped_parts.is_empty() {
            let parts = self.skipped_parts.iter();
            let parts: Vec<String> =
                parts.map(|(kind, count)| format!("{} {count} times", shown(kind))).collect();
            tracing::warn!(
                "parts of lineages that no rank was asked of were skipped: {}",
                parts.join(", ")
            );
        }
    }
}

/// A name from an input, short and safe on a terminal.
fn shown(name: &str) -> String {
    name.chars().take(60).flat_map(char::escape_debug).collect()
}

/// The examples on one line.
fn listed(examples: &Examples) -> String {
    let mut ids: Vec<String> = examples.first_ids.iter().map(|id| shown(id)).collect();
    if examples.records > ids.len() as u64 {
        ids.push("…".to_owned());
    }
    ids.join(", ")
}
