//! What a browser may run on the page: its own style and scripts, named by their digests.

use readlens_provenance::digest_bytes;

/// The style of the page.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");
/// The script of the page.
pub(crate) const SCRIPT: &str = include_str!("../templates/script.js");

/// The policy of a page with this style and these scripts and nothing else: whatever an input may
/// have smuggled in, a browser does not run it.
///
/// Source: Content Security Policy Level 3, section 8.3, which compares the digest of the text
/// between the tags.
pub(crate) fn policy(style: &str, scripts: &[&str]) -> String {
    let source = |text: &&str| format!("'sha256-{}'", digest_bytes(text.as_bytes()).base64());
    let scripts: Vec<String> = scripts.iter().map(source).collect();
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        source(&style),
        scripts.join(" ")
    )
}
