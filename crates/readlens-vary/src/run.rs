use std::collections::BTreeMap;
use std::path::Path;

use readlens_fault::Result;
use readlens_kmer::Tokenization;
use readlens_provenance::{Manifest, check_files};
use readlens_stage::Context;
use readlens_tables::tokens::{KEY_FRAME_MODEL, KEY_TOKENIZATION, TokenRow};
use readlens_tables::{Reader, Writer};

use crate::config::{Config, Kind};
use crate::variant::vary;

/// Writes the variant of every window of the table `tokens` to the table `output`, in its order.
///
/// # Errors
/// The table cannot be read, or has a row that no tokenizer wrote or a stride above k.
pub fn run(
    config: &Config,
    seed: u64,
    tokens: &Path,
    output: &Path,
    context: &Context,
) -> Result<()> {
    config.validate()?;
    check_files([output], [tokens])?;
    let mut reader = Reader::<TokenRow>::open(tokens)?;
    let tokenization: Tokenization = reader.metadata_json(KEY_TOKENIZATION, "the tokenization")?;
    // A seed where nothing is drawn would make equal tables look different.
    let seed_used = matches!(config.kind, Kind::Substitute { .. }).then_some(seed);
    let inputs = [reader.artefact("tokens")?];
    let manifest = Manifest::made_from("vary", config, seed_used, &inputs)?;
    let kept = [KEY_TOKENIZATION, KEY_FRAME_MODEL].map(|key| reader.metadata().get_key_value(key));
    let kept = kept.into_iter().flatten();
    let metadata: BTreeMap<String, String> =
        kept.map(|(key, text)| (key.clone(), text.clone())).collect();
    let mut writer = Writer::<TokenRow>::create(output, reader.ranks(), &manifest, &metadata)?;
    let progress = context.progress("windows", reader.rows());
    let mut emptied = 0_u64;
    while let Some(row) = reader.next().transpose()? {
        let variant = vary(&row, config.kind, &tokenization, seed, || reader.fault())?;
        let is_empty = |row: &TokenRow| row.tokens.len() <= usize::from(tokenization.cls);
        emptied += u64::from(is_empty(&variant) && !is_empty(&row));
        writer.push(&variant)?;
        progress.advance(1);
        context.check_interrupt("nothing was written; run the same command again")?;
    }
    let written = writer.rows();
    writer.finish()?;
    drop(progress);
    if emptied > 0 {
        tracing::warn!("{emptied} windows have no token left");
    }
    tracing::info!("wrote {written} windows to {}", output.display());
    Ok(())
}
