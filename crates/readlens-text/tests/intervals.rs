//! Interval lists: what is read, and what is refused where.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use readlens_fault::{ExitCode, Result};
use readlens_text::{Interval, Intervals};

fn read(text: impl AsRef<[u8]>) -> Result<Intervals> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("truth.tsv");
    std::fs::write(&path, text).unwrap();
    Intervals::read(&path)
}

fn interval(start: u32, end: u32, name: &str) -> Interval {
    Interval { start, end, name: name.to_owned() }
}

#[test]
fn columns_are_found_by_name_and_order_is_kept() {
    let read = read(
        "name\tid\tend\tnotes\tstart\r\nV3\ta\t90\tx\t60\r\n\r\nV1\ta\t20\t\t0\r\n\tb\t1\t\t0",
    )
    .unwrap();
    assert_eq!(read.of("a").unwrap(), [interval(60, 90, "V3"), interval(0, 20, "V1")]);
    assert_eq!(read.of("b").unwrap(), [interval(0, 1, "")]);
}

#[test]
fn the_region_tables_of_the_demo_are_read_too() {
    let read = read("id\tregion\tstart0\tend0\na\tV4\t5\t7\n").unwrap();
    assert_eq!(read.of("a").unwrap(), [interval(5, 7, "V4")]);
}

#[test]
fn what_is_wrong_is_placed() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "an empty file"),
        (b"id\tstart\n", "column \"end\""),
        (b"a\t1\t2\n", "line 1"),
        (b"id\tstart\tend\na\t1\n", "line 2: expected 3 columns as in the header, found 2"),
        (b"id\tstart\tend\na\t1\t2\t3\n", "line 2: expected 3 columns as in the header, found 4"),
        (b"id\tstart\tend\n\na\t1\tx\n", "line 3: expected a whole number in column end"),
        (b"id\tstart\tend\na\t-1\t2\n", "whole number in column start"),
        (b"id\tstart\tend\na\t5\t5\n", "start below end"),
        (b"id\tstart\tend\n\xff\t5\t6\n", "UTF-8"),
    ];
    for (text, part) in cases {
        let fault = read(text).unwrap_err();
        assert_eq!(fault.exit_code(), ExitCode::BadInput);
        assert!(fault.to_string().contains(part), "{fault} lacks {part}");
    }
    let endless = vec![b'a'; 3 << 20];
    assert!(read(endless).unwrap_err().to_string().contains("longer"));
}
