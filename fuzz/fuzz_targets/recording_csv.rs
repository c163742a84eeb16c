//! Any bytes as a table of a recording: every column is as long as the others.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let table = evaluate::bidmc::Table::parse(bytes);
    let length = table.column_at(0).map(<[_]>::len);
    assert_eq!(table.column_at(1).map_or(length, |column| Some(column.len())), length);
});
