//! Any text as a finding: it loads with its examples kept, or the fault is told.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = detect::Rule::parse(text, "data/findings/a.toml").map_err(|fault| fault.to_string());
});
