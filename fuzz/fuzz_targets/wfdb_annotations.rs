//! Any bytes as an annotation file: it reads, or the fault says where it ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match evaluate::wfdb::annotation::parse(bytes) {
        Ok(annotations) => assert!(annotations.len() <= bytes.len() / 2),
        Err(fault) => assert!(fault.0 < bytes.len()),
    }
});
