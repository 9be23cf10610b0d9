//! libFuzzer around the targets: each fuzzer is one call of [`fuzz!`].

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use libfuzzer_sys::fuzzer_mutate;
use readlens_fuzz_targets::{NEXT_FILE, Read};

/// Makes a fuzzer of a target, and of a mutator that knows its format where there is one.
#[macro_export]
macro_rules! fuzz {
    ($target:path) => {
        libfuzzer_sys::fuzz_target!(
            init: $crate::prepare(),
            |input: &[u8]| $crate::execute($target, input)
        );
    };
    ($target:path, $mutate:path) => {
        $crate::fuzz!($target);

        libfuzzer_sys::fuzz_mutator!(
            |data: &mut [u8], size: usize, longest: usize, seed: u32| {
                $mutate(data, size, longest, seed)
            }
        );
    };
}

/// What the last panic said.
static SAID: Mutex<String> = Mutex::new(String::new());

/// Keeps panics quiet, caught ones too: the project catches those of the Parquet decoder.
#[doc(hidden)]
pub fn prepare() {
    std::panic::set_hook(Box::new(|panic| {
        *SAID.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
}

/// A folder for the files of this process. The memory of the machine is best: the place is
/// `TMPDIR`, and whoever started the process removes what stands there.
fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("readlens-fuzz-{}", std::process::id()));
        if let Err(e) = std::fs::create_dir_all(&path) {
            eprintln!("{}: {e}", path.display());
            std::process::exit(1);
        }
        path
    })
}

/// Runs a target on an input; a panic that nobody caught is a crash.
#[doc(hidden)]
pub fn execute(target: Read, input: &[u8]) {
    let scratch = scratch();
    if catch_unwind(|| target(input, scratch)).is_err() {
        eprintln!("{}", SAID.lock().unwrap_or_else(PoisonError::into_inner));
        std::process::abort();
    }
}

/// Mutates the bytes of `part`, which may grow by `room`.
fn mutated(part: &[u8], room: usize) -> Vec<u8> {
    let mut bytes = part.to_vec();
    bytes.resize(part.len() + room, 0);
    let longest = bytes.len();
    if longest == 0 {
        // The engine ends the process where it has no room at all.
        return bytes;
    }
    let length = fuzzer_mutate(&mut bytes, part.len(), longest);
    bytes.truncate(length);
    bytes
}

/// Puts `parts` one after the other into `data`, if they fit.
fn join(data: &mut [u8], longest: usize, parts: &[&[u8]]) -> Option<usize> {
    let joined = parts.concat();
    (joined.len() <= longest).then(|| data[..joined.len()].copy_from_slice(&joined))?;
    Some(joined.len())
}

/// Mutates a Parquet file so that its footer is still found: in the pages, in the footer, whose
/// length is set right, or anywhere.
pub fn mutate_parquet(data: &mut [u8], size: usize, longest: usize, seed: u32) -> usize {
    const TAIL: usize = 8;
    let parts = size.checked_sub(TAIL).and_then(|end| {
        let length = u32::from_le_bytes(*data[..size][end..].first_chunk()?);
        Some((end.checked_sub(length as usize)?, end))
    });
    let joined = parts.filter(|_| seed % 8 != 0).and_then(|(start, end)| {
        let (pages, footer) = (&data[..start], &data[start..end]);
        if seed % 8 < 3 {
            // Pages are found by their place: none of them may move.
            let mut bytes = mutated(pages, 0);
            bytes.extend_from_slice(&pages[bytes.len()..]);
            data[..start].copy_from_slice(&bytes);
            return Some(size);
        }
        let footer = mutated(footer, longest.saturating_sub(size));
        let length = u32::try_from(footer.len()).ok()?.to_le_bytes();
        let pages = pages.to_vec();
        join(data, longest, &[&pages, &footer, &length, b"PAR1"])
    });
    joined.unwrap_or_else(|| fuzzer_mutate(data, size, longest))
}

/// Mutates a model directory so that it is still one: in the configuration, in the header of the
/// weights, whose length is set right, or anywhere.
pub fn mutate_model(data: &mut [u8], size: usize, longest: usize, seed: u32) -> usize {
    let room = longest.saturating_sub(size);
    let end = data[..size].iter().position(|&byte| byte == NEXT_FILE);
    let joined = end.filter(|_| seed % 8 != 0).and_then(|end| {
        let (config, rest) = (data[..end].to_vec(), data[end + 1..size].to_vec());
        if seed % 8 < 5 {
            return join(data, longest, &[&mutated(&config, room), &[NEXT_FILE], &rest]);
        }
        let length = usize::try_from(u64::from_le_bytes(*rest.first_chunk()?)).ok()?;
        let header = rest.get(8..length.checked_add(8)?)?;
        let changed = mutated(header, room);
        let length = (changed.len() as u64).to_le_bytes();
        let values = &rest[8 + header.len()..];
        join(data, longest, &[&config, &[NEXT_FILE], &length, &changed, values])
    });
    joined.unwrap_or_else(|| fuzzer_mutate(data, size, longest))
}
