//! Any text as a device profile: it loads with its examples kept, or the fault is told.
#![no_main]
use inventory::{Profile, Vocabulary};
use std::sync::OnceLock;

static WORDS: OnceLock<Vocabulary> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|text: &str| {
    let words = WORDS.get_or_init(|| Vocabulary::built_in().expect("the built-in vocabulary"));
    let _ = Profile::parse(text, "profile.toml", words).map_err(|fault| fault.to_string());
});
