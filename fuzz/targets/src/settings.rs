//! How the umbrella reads a flow. It is a program, so its file is compiled here once more.
#![allow(dead_code, reason = "the umbrella uses the rest")]

#[path = "../../../crates/readlens/src/run/settings.rs"]
mod of_umbrella;

pub(crate) use of_umbrella::{Settings, arguments};
