#![no_main]

readlens_fuzz::fuzz!(readlens_fuzz_targets::tables, readlens_fuzz::mutate_parquet);
