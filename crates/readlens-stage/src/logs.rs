use std::io::IsTerminal;

use tracing::Level;

use crate::options::{Common, LogFormat};
use crate::progress::BesideBars;

/// Sends logs to standard error; a second call in one process changes nothing.
pub(crate) fn init(common: &Common) {
    let level = if common.quiet { Level::WARN } else { Level::INFO };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| BesideBars)
        .with_target(false)
        // A log that cannot be written is lost; what is computed is not.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    // A logger that is already there belongs to the program that embeds the stage.
    let _ = match common.log_format {
        LogFormat::Text => builder.without_time().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
