#![no_main]

readlens_fuzz::fuzz!(readlens_fuzz_targets::model, readlens_fuzz::mutate_model);
