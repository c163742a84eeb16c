//! Compiles `data/profiles`, `data/vocab` and `data/advisories` in: one list of (name, text), sorted by name,
//! so that adding a product is adding a file.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../data");
    let mut source = String::new();
    for (list, folder) in [("PROFILES", "profiles"), ("VOCABULARY", "vocab"), ("ADVISORIES", "advisories")] {
        let root = data.join(folder).canonicalize()?;
        println!("cargo:rerun-if-changed={}", root.display());
        let mut files = Vec::new();
        find(&root, &mut files)?;
        files.sort();
        writeln!(source, "pub(crate) static {list}: &[(&str, &str)] = &[")?;
        for file in files {
            let name = format!("data/{folder}/{}", file.strip_prefix(&root)?.display()).replace('\\', "/");
            writeln!(source, "    ({name:?}, include_str!({:?})),", file.display().to_string())?;
        }
        source.push_str("];\n");
    }
    fs::write(Path::new(&std::env::var("OUT_DIR")?).join("shelf.rs"), source)?;
    Ok(())
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    Ok(())
}
