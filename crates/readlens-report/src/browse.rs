//! The page that looks up any window: its script reads the tables that lie beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use askama::Template;
use readlens_fault::{Fault, Result};
use readlens_kmer::{FIRST_KMER, Kmers, Tokenization, Vocabulary};
use readlens_provenance::{Artefact, Manifest};
use readlens_tables::Reader;
use readlens_tables::stretches::StretchRow;
use readlens_tables::vocabulary::Name;
use serde::Serialize;

use crate::config::{Config, Inputs};
use crate::content_policy::policy;
use crate::run::Findings;
use crate::text::{script_json, visible};

/// The style of the report, and what the page adds to it.
const STYLE: &str =
    concat!(include_str!("../templates/style.css"), include_str!("../browse/browse.css"));
/// The reader of Parquet tables.
const PARQUET: &str = include_str!("../vendor/hyparquet/hyparquet.js");
/// The page's own script: what a file declares, the files behind it see.
const SCRIPT: &str = concat!(
    include_str!("../browse/text.js"),
    include_str!("../browse/dom.js"),
    include_str!("../browse/notes.js"),
    include_str!("../browse/source.js"),
    include_str!("../browse/table.js"),
    include_str!("../browse/words.js"),
    include_str!("../browse/windows.js"),
    include_str!("../browse/masks.js"),
    include_str!("../browse/bases.js"),
    include_str!("../browse/predictions.js"),
    include_str!("../browse/stretches.js"),
    include_str!("../browse/letters.js"),
    include_str!("../browse/levels.js"),
    include_str!("../browse/columns.js"),
    include_str!("../browse/order.js"),
    include_str!("../browse/list.js"),
    include_str!("../browse/track.js"),
    include_str!("../browse/zoom.js"),
    include_str!("../browse/fasta.js"),
    include_str!("../browse/link.js"),
    include_str!("../browse/window.js"),
    include_str!("../browse/taxa_table.js"),
    include_str!("../browse/letter_lines.js"),
    include_str!("../browse/stretch_list.js"),
    include_str!("../browse/panel.js"),
    include_str!("../browse/picker.js"),
    include_str!("../browse/filters.js"),
    include_str!("../browse/main.js"),
);

/// The tables that the page reads, by their role.
fn tables(inputs: &Inputs) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    let is_read =
        |role: &str| matches!(role, "tokens" | "masks" | "bases" | "predictions" | "stretches");
    inputs.files().filter(move |(role, _)| is_read(role))
}

/// Refuses a page that would not find its tables: it looks for them in its own folder.
///
/// # Errors
/// [`Fault::Usage`]: a table lies elsewhere, has a name that is no text, or the page has no folder.
pub(crate) fn check_beside(page: &Path, inputs: &Inputs) -> Result<()> {
    if page == Path::new("-") {
        return Err(Fault::usage(
            "--browse cannot write to standard output, because the page reads the tables that lie \
             beside it; name a file in their folder",
        ));
    }
    for (role, table) in tables(inputs) {
        if folder_of(page).zip(folder_of(table)).is_none_or(|(page, table)| page != table) {
            let name = page.file_name().unwrap_or(page.as_os_str());
            return Err(Fault::usage(format!(
                "--browse {} reads the tables that lie beside it, but --{role} {} is in another \
                 folder; write the page there, as --browse {}, or put all tables into one folder",
                page.display(),
                table.display(),
                table.with_file_name(name).display(),
            )));
        }
        if table.file_name().and_then(|name| name.to_str()).is_none() {
            return Err(Fault::usage(format!(
                "--browse cannot name --{role} {} in a page, because its name is not UTF-8; rename it",
                table.display()
            )));
        }
    }
    Ok(())
}

/// The folder of a file, without links; none where there is no such folder.
fn folder_of(file: &Path) -> Option<PathBuf> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).canonicalize().ok()
}

/// Reads stretches once, so that the page does not fail where `report` could have said it. (The
/// other tables have been read for the report.)
///
/// # Errors
/// The table cannot be read.
pub(crate) fn check_stretches(inputs: &Inputs) -> Result<()> {
    let Some(path) = &inputs.stretches else { return Ok(()) };
    Reader::<StretchRow>::open(path)?.try_for_each(|row| row.map(drop))
}

/// The whole document.
#[derive(Debug, Template)]
#[template(path = "browse.html")]
pub(crate) struct BrowsePage {
    title: String,
    version: &'static str,
    /// Own manifest as JSON, safe in a script element.
    manifest: String,
    /// What the script is told, in the same form.
    tables: String,
    style: &'static str,
    parquet: &'static str,
    script: &'static str,
    /// What a browser may run on the page, and what it may ask for.
    policy: String,
}

/// What the script is told.
#[derive(Debug, Serialize)]
struct Facts<'a> {
    tables: BTreeMap<&'a str, TableFile<'a>>,
    /// From coarse to fine.
    ranks: &'a [Name],
    tokenization: TokenFacts<'a>,
    /// The method that the report shows.
    method: Option<MethodFacts<'a>>,
}

#[derive(Debug, Serialize)]
struct MethodFacts<'a> {
    name: &'a Name,
    replicate: u32,
}

#[derive(Debug, Serialize)]
struct TableFile<'a> {
    name: &'a str,
    bytes: u64,
}

/// How bases follow from tokens.
#[derive(Debug, Serialize)]
struct TokenFacts<'a> {
    #[serde(flatten)]
    vocabulary: VocabularyFacts<'a>,
    cls: bool,
    /// In the order of their codes.
    letters: &'a str,
    /// The complement of each of them.
    complements: String,
    unknown_letter: char,
    first_kmer: u32,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum VocabularyFacts<'a> {
    Kmers {
        k: u32,
        stride: u32,
    },
    Listed {
        /// Letters of each token, in the order of their ids.
        list: &'a [String],
    },
}

impl<'a> TokenFacts<'a> {
    fn of(tokenization: &'a Tokenization) -> Self {
        let alphabet = tokenization.alphabet;
        let mut complements = alphabet.reverse_complement(alphabet.letters());
        complements.reverse();
        Self {
            vocabulary: match &tokenization.vocabulary {
                Vocabulary::Kmers(Kmers { k, stride, .. }) => {
                    VocabularyFacts::Kmers { k: *k, stride: *stride }
                }
                Vocabulary::Listed(listed) => VocabularyFacts::Listed { list: listed.tokens() },
            },
            cls: tokenization.cls,
            letters: std::str::from_utf8(alphabet.letters()).unwrap_or_default(),
            complements: String::from_utf8_lossy(&complements).into_owned(),
            unknown_letter: char::from(alphabet.unknown_letter()),
            first_kmer: FIRST_KMER,
        }
    }
}

impl BrowsePage {
    /// Lays out the page; `artefacts` are the inputs of the report.
    ///
    /// # Errors
    /// The manifest cannot be written as JSON.
    pub(crate) fn of(
        findings: &Findings,
        config: &Config,
        inputs: &Inputs,
        artefacts: &[Artefact],
        manifest: &Manifest,
    ) -> Result<Self> {
        let read =
            artefacts.iter().filter(|a| tables(inputs).any(|(role, _)| role == a.digest.role));
        let facts = Facts {
            tables: read
                .map(|Artefact { digest, .. }| {
                    let file = TableFile { name: &digest.name, bytes: digest.bytes };
                    (digest.role.as_str(), file)
                })
                .collect(),
            ranks: &findings.survey.ranks,
            tokenization: TokenFacts::of(&findings.survey.tokenization),
            method: findings
                .masks
                .method
                .as_ref()
                .map(|method| MethodFacts { name: &method.name, replicate: method.replicate }),
        };
        let manifest = safe_json("the manifest", manifest)?;
        let tables = safe_json("what the page is told", &facts)?;
        let policy = policy(STYLE, &[&manifest, &tables, PARQUET, SCRIPT]);
        Ok(Self {
            title: visible(&config.title, 300),
            version: env!("CARGO_PKG_VERSION"),
            manifest,
            tables,
            style: STYLE,
            parquet: PARQUET,
            script: SCRIPT,
            // The tables come from where the page comes from.
            policy: format!("{policy}; connect-src 'self'"),
        })
    }
}

/// `value` as JSON that can stand in a script element.
fn safe_json(what: &str, value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(value)
        .map_err(|e| Fault::failed(format!("writing {what} as JSON"), e))?;
    Ok(script_json(&json))
}
