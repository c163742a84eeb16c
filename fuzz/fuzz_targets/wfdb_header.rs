//! Any bytes as the header of a record and as its signal file: it reads, or the fault names a line.
#![no_main]

use evaluate::wfdb::{header::Header, signal};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        let waves = signal::decode(bytes, &header.signals, header.samples);
        assert!(waves.is_err() || waves.is_ok_and(|waves| waves.len() == header.signals.len()));
    }
});
