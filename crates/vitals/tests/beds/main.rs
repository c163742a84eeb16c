//! Whole beds: what each check says of a made-up patient who is tampered with, and that it says nothing else.

mod bench;
mod honest;
mod tampered;
