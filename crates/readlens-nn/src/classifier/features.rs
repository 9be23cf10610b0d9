//! The features of a window, by channel.

use readlens_channels::{Channel, Window};
use readlens_kmer::Tokenization;

use crate::batch::WindowTokens;
use crate::fused_tables::{ChannelFeatures, WindowFeatures};

/// The features of a window; the factor of their sum is 1 / √bases.
///
/// # Errors
/// The tokens are not those of a window.
pub(crate) fn window_features(
    window: WindowTokens<'_>,
    tokenization: &Tokenization,
    channels: &[Channel],
) -> candle_core::Result<WindowFeatures> {
    let window =
        Window::of(window.ids, tokenization, window.phase).map_err(candle_core::Error::wrap)?;
    let of_channel = |channel: &Channel| {
        let mut features = ChannelFeatures::default();
        channel.each(&window, |feature| features.push(feature));
        features
    };
    Ok(WindowFeatures {
        channels: channels.iter().map(of_channel).collect(),
        scale: 1.0 / (window.bases().max(1) as f32).sqrt(),
    })
}
