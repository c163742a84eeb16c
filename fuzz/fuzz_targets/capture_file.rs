//! Any bytes as a capture, alone and merged with itself: every frame that is handed out is counted once.
#![no_main]
use ingest::{Batch, Captures, NamedReader, Options};
use std::io::Cursor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let reader = || -> NamedReader { ("fuzz".to_owned(), Box::new(Cursor::new(bytes.to_vec()))) };
    for readers in [vec![reader()], vec![reader(), reader()]] {
        let (mut captures, mut batch) = (Captures::from_readers(readers, &Options::default()), Batch::new());
        let mut frames = 0;
        while captures.fill(&mut batch) {
            frames +=
                batch.frames().filter(|frame| frame.bytes.len() <= frame.original_bytes as usize).count()
                    as u64;
        }
        assert_eq!(frames, captures.summaries().iter().map(|summary| summary.frames).sum::<u64>());
    }
});
