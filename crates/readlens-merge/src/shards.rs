use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use readlens_fault::{Fault, Place, Result};
use readlens_tables::{KEY_MANIFEST, KEY_SHARD, Reader, Record};

use crate::place::ShardPlace;

/// Missing shards that a message lists.
const LISTED: usize = 10;

/// The shards of one table in order, checked against one another.
#[derive(Debug)]
pub(crate) struct Shards {
    /// Their files, first shard first.
    pub(crate) paths: Vec<PathBuf>,
    /// Rows of all together.
    pub(crate) rows: u64,
}

struct Shard {
    path: PathBuf,
    place: ShardPlace,
    rows: u64,
    ranks: Vec<String>,
    metadata: BTreeMap<String, String>,
}

impl Shards {
    /// Opens every file once and checks that together they are one table.
    pub(crate) fn check<R: Record>(paths: &[PathBuf]) -> Result<Self> {
        let mut shards = paths
            .iter()
            .map(|path| open::<R>(path, paths.len() == 1))
            .collect::<Result<Vec<_>>>()?;
        shards.sort_by_key(|shard| shard.place.index);
        for pair in shards.windows(2) {
            agree(&pair[0], &pair[1])?;
        }
        if let Some(first) = shards.first() {
            complete(first, &shards)?;
        }
        let rows = shards.iter().map(|shard| shard.rows).sum();
        Ok(Self { paths: shards.into_iter().map(|shard| shard.path).collect(), rows })
    }
}

/// Opens a shard. A whole table is the only shard of itself, so that a workflow may set the
/// number of shards to 1, where stages write no place.
fn open<R: Record>(path: &Path, is_only_one: bool) -> Result<Shard> {
    let reader = Reader::<R>::open(path)?;
    let mut metadata = reader.metadata().clone();
    let found = metadata.remove(KEY_SHARD);
    let place = match found.as_deref() {
        None if is_only_one => Some(ShardPlace::WHOLE),
        found => found.and_then(|text| text.parse().ok()),
    };
    let place = place.ok_or_else(|| {
        Fault::from(
            Fault::input(path)
                .at(Place::Part(format!("metadata {KEY_SHARD}")))
                .expected("the place of a shard, such as 2/7")
                .found(found.as_deref().unwrap_or("none, which means a whole table"))
                .remedy("pass files that a stage wrote with --shard i/n"),
        )
    })?;
    let (rows, ranks) = (reader.rows(), reader.ranks().to_vec());
    Ok(Shard { path: path.to_path_buf(), place, rows, ranks, metadata })
}

/// Refuses two shards that cannot be of one run.
fn agree(earlier: &Shard, shard: &Shard) -> Result<()> {
    let other = earlier.path.display();
    let fault = |place: Place| Fault::input(&shard.path).at(place);
    let place = || Place::Part(format!("shard {}", shard.place));
    if shard.place.count != earlier.place.count {
        return Err(fault(place())
            .expected(format!("a shard of {}, as in {other}", earlier.place.count))
            .found(format!("one of {}", shard.place.count))
            .remedy("pass the shards of one run")
            .into());
    }
    if shard.place.index == earlier.place.index {
        return Err(fault(place())
            .expected("every shard once")
            .found(format!("the same shard in {other}"))
            .remedy("pass one of the two")
            .into());
    }
    if shard.ranks != earlier.ranks {
        return Err(fault(place())
            .expected(format!("the rank columns {} of {other}", earlier.ranks.join(", ")))
            .found(shard.ranks.join(", "))
            .remedy("pass the shards of one run")
            .into());
    }
    let keys = earlier.metadata.keys().chain(shard.metadata.keys());
    for key in keys {
        if shard.metadata.get(key) != earlier.metadata.get(key) {
            return Err(fault(Place::Part(format!("metadata {key}")))
                .expected(format!("the same as in {other}"))
                .found(difference(key, shard, earlier))
                .remedy("pass shards of one run: same inputs, configuration, seed, version, build and kernels; \
                     READLENS_KERNELS pins the kernels on unlike machines")
                .into());
        }
    }
    Ok(())
}

/// What of the manifest differs, or the value itself for other keys.
fn difference(key: &str, shard: &Shard, earlier: &Shard) -> String {
    let text = |of: &Shard| of.metadata.get(key).cloned().unwrap_or_else(|| "nothing".to_owned());
    if key != KEY_MANIFEST {
        return text(shard);
    }
    let (one, two) = (text(shard), text(earlier));
    let same = one.chars().zip(two.chars()).take_while(|(a, b)| a == b).count();
    // Enough before the first difference to see which field it is in.
    let context: String = one.chars().skip(same.saturating_sub(40)).take(80).collect();
    format!("another manifest, at character {same}: …{context}")
}

/// Refuses a set with gaps; the places are sorted, without repeats and of one count.
fn complete(first: &Shard, shards: &[Shard]) -> Result<()> {
    let count = first.place.count as usize;
    if shards.len() == count {
        return Ok(());
    }
    let mut present = shards.iter().map(|shard| shard.place.index).peekable();
    let missing: Vec<String> = (1..=first.place.count)
        .filter(|index| present.next_if_eq(index).is_none())
        .take(LISTED)
        .map(|index| index.to_string())
        .collect();
    let more = if count - shards.len() > missing.len() { " and more" } else { "" };
    Err(Fault::input(&first.path)
        .expected(format!("all {count} shards"))
        .found(format!("no shard {}{more}", missing.join(", ")))
        .remedy("pass the missing files too")
        .into())
}
