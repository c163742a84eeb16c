//! Any text as a site file: a fault names a place, and what is read can be asked.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(site) = inventory::Site::parse(text, "site.toml") {
        let _ = site.owns([10, 0, 0, 1].into());
    }
});
