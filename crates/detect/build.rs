//! Compiles `data/findings` in: one list of (name, text), sorted by name.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../data/findings").canonicalize()?;
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let mut source = "static FINDINGS: &[(&str, &str)] = &[\n".to_owned();
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
        let name = format!("data/findings/{}", file.strip_prefix(&root)?.display());
        writeln!(source, "    ({name:?}, include_str!({:?})),", file.display().to_string())?;
    }
    source.push_str("];\n");
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("shelf.rs"), source)?;
    Ok(())
}
