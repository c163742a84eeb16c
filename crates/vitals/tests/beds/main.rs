//! Whole beds: what each check says of a made-up patient who is tampered with, and that it says nothing else.
#![expect(clippy::indexing_slicing, reason = "tests")]

mod bench;
mod honest;
mod tampered;
