//! What Lazaret reads in the corpus of captures made by others, against `tshark -T json`.
//!
//! For every capture the fields of [`rows::ROWS`] are counted by value on both sides. A disagreement must stand
//! in `docs/book/src/differences.md` with its reason, word for word; one that stands there and no longer occurs
//! fails too. A failure prints the rows as they would have to be written.

#![expect(clippy::disallowed_methods, reason = "tshark is a program")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: what fails must stop it"
)]

mod differences;
mod ours;
mod rows;
mod theirs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex};

/// How often each value of each field occurred.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// What the tshark says that the page speaks of: others name and count some fields otherwise.
const TSHARK: &[u8] = b"TShark (Wireshark) 4.0.";

/// The corpus and tshark, or a visible reason why not.
fn ready() -> Option<PathBuf> {
    let version = std::process::Command::new("tshark").arg("--version").output();
    let missing = match (std::env::var_os("LAZARET_CORPUS"), version) {
        (Some(corpus), Ok(version)) if version.stdout.starts_with(TSHARK) => {
            return Some(PathBuf::from(corpus));
        }
        (None, _) => "LAZARET_CORPUS is not set",
        (_, Ok(_)) => "another version of tshark is installed, and the page speaks of 4.0",
        (_, Err(_)) => "tshark is not installed",
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}, and CI may not skip this");
    println!("skipped: {missing}");
    None
}

/// tshark runs side by side, over all tests of this process.
const TSHARKS_MAX: usize = 2;
static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

fn theirs(path: &Path) -> Counts {
    let mut running = RUNNING.lock().unwrap();
    while *running == TSHARKS_MAX {
        running = ENDED.wait(running).unwrap();
    }
    *running += 1;
    drop(running);
    let read = theirs::read(path);
    *RUNNING.lock().unwrap() -= 1;
    ENDED.notify_one();
    read.unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// JA4 fingerprints of TLS and DTLS that the manifest says `name` has, by its authors.
fn authors_ja4(manifest: &str, name: &str) -> Option<BTreeMap<String, u64>> {
    let row = manifest.lines().find(|line| line.starts_with(&format!("| pcap/{name} |")))?;
    let (_, vectors) = row.split_once("JA4 (origin test vectors): ")?;
    let vectors =
        vectors.trim_end_matches([' ', '|']).split(", ").map(|vector| vector.split_once('×').unwrap());
    // `q` is QUIC, whose first packets only a QUIC parser decrypts.
    let ours = vectors.filter(|(ja4, _)| !ja4.starts_with('q'));
    Some(ours.map(|(ja4, count)| (ja4.to_owned(), count.parse().unwrap())).collect())
}

/// Compares every capture of these folders of the corpus.
fn compare(folders: &[&str]) {
    let Some(corpus) = ready() else { return };
    let manifest = std::fs::read_to_string(corpus.join("MANIFEST.md")).unwrap();
    let mut found = Vec::new();
    let mut values = 0;
    for folder in folders {
        let mut captures: Vec<_> = std::fs::read_dir(corpus.join("pcap").join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        captures.sort();
        assert!(!captures.is_empty(), "no captures in {folder}");
        for path in captures {
            let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
            let (mut ours, mut theirs) = (ours::read(&path), theirs(&path));
            if let Some(vectors) = authors_ja4(&manifest, &name) {
                let found = ["tls.ja4", "dtls.ja4"].iter().filter_map(|field| ours.get(*field)).cloned();
                let found = found.flatten().collect();
                ours.insert(rows::JA4.to_owned(), found);
                theirs.insert(rows::JA4.to_owned(), vectors);
            }
            values += theirs.values().flat_map(BTreeMap::values).sum::<u64>();
            found.extend(differences::between(&name, &ours, &theirs));
        }
    }
    println!("{values} values of tshark compared, {} fields differ", found.len());
    let faults = differences::unexplained(folders, &found);
    assert!(faults.is_empty(), "{} rows:\n{}", faults.len(), faults.join("\n"));
}

macro_rules! folders {
    ($($name:ident: $($folder:literal),*;)*) => {
        $(#[test]
        fn $name() {
            compare(&[$($folder),*]);
        })*

        /// Folders that a test reads.
        const FOLDERS: &[&str] = &[$($($folder),*),*];
    };
}

folders! {
    damaged_captures_are_read_as_tshark_reads_them: "corrupt", "fragments", "ipv6";
    names_and_leases_are_those_of_tshark: "dhcp", "dns", "discovery";
    web_and_industry_are_those_of_tshark: "http", "ics", "malware";
    links_and_formats_are_those_of_tshark: "link-vlan", "pcapng", "mqtt-iot", "smb";
    medical_and_storage_are_those_of_tshark: "medical", "nfs-rpc", "ntp-snmp-syslog";
    sessions_and_files_are_those_of_tshark: "telnet-ftp-ssh-tftp", "tcp";
    encrypted_and_mixed_are_those_of_tshark: "tls", "mixed";
}

#[test]
fn every_folder_of_the_corpus_is_compared() {
    let Some(corpus) = ready() else { return };
    let folders = std::fs::read_dir(corpus.join("pcap")).unwrap().map(|entry| entry.unwrap().file_name());
    let missing: Vec<_> = folders.filter(|folder| !FOLDERS.contains(&folder.to_str().unwrap())).collect();
    assert!(missing.is_empty(), "no test reads {missing:?}");
}
