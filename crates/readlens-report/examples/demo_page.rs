//! Writes a page from the real 16S demo sequences with made-up masks and figures, to look at while
//! working on the page: `cargo run --release -p readlens-report --example demo_page -- FOLDER [N]`.
#![allow(clippy::unwrap_used, reason = "an example stops at the first surprise")]

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use readlens_report::{Config, Pages};
use readlens_stage::Context;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = std::path::PathBuf::from(arguments.next().unwrap());
    let sequences = arguments.next().map_or(24, |n| n.parse().unwrap());
    let mut fixture = fixture::Fixture::demo(3);
    if arguments.next().is_some() {
        fixture.mask_ranks = fixture::per_rank();
    }
    let inputs = fixture.write(&folder);
    let config = Config {
        title: "What the classifier read: 16S genes (made-up masks)".to_owned(),
        sequences,
        ..Config::default()
    };
    readlens_report::run(
        &inputs,
        config,
        &Pages::report(folder.join("report.html")),
        &Context::silent(),
    )
    .unwrap();
}
