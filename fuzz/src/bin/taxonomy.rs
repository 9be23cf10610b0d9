#![no_main]

readlens_fuzz::fuzz!(readlens_fuzz_targets::taxonomy);
