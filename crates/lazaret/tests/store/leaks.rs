//! No byte of a store tells a patient, whatever the scan was asked to show.

use super::{Folder, done, said};
use serde_json::Value;

/// Who is on the ward: names, their parts, numbers, doctors.
pub(super) fn identifiers(capture: &str) -> Vec<String> {
    let truth: Value =
        serde_json::from_slice(&std::fs::read(format!("{capture}.truth.json")).unwrap()).unwrap();
    let mut all = Vec::new();
    let mut name = |name: &str| {
        all.push(name.to_owned());
        // The family name alone; given names are short enough to stand in other words.
        all.extend(name.rsplit(' ').next().map(str::to_owned));
    };
    for bed in truth["beds"].as_array().unwrap() {
        for key in ["name", "number", "doctor"] {
            name(bed["patient"][key].as_str().unwrap());
        }
    }
    truth["other_patients"].as_array().unwrap().iter().for_each(|other| name(other.as_str().unwrap()));
    assert!(all.len() >= 18, "{all:?}");
    all
}

/// As it might lie in a file.
pub(super) fn encodings(text: &str) -> [Vec<u8>; 4] {
    let wide: Vec<u16> = text.encode_utf16().collect();
    [
        text.as_bytes().to_vec(),
        text.to_uppercase().into_bytes(),
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ]
}

pub(super) fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_byte_of_the_store_tells_a_patient() {
    let folder = Folder::new("leaks");
    let store = folder.text("s");
    let (first, second) = (folder.ward(1, &["leak"]), folder.ward(2, &["leak", "benign"]));
    let scan = |capture: &str| {
        let shown = ["--show-identifiers", "--reason", "the test of leaks"];
        let output = done(&[&["scan", "--format", "json", "--store", &store, capture], &shown[..]].concat());
        (output.stdout.clone(), said(&output))
    };
    let (report, told) = scan(&first);
    let patients = identifiers(&first);
    assert!(
        patients.iter().any(|name| holds(&report, name.as_bytes())),
        "the report does not show them: a blind test"
    );
    assert!(!patients.iter().any(|name| told.contains(name)));
    // An open reader keeps the write-ahead log of the second scan where it is.
    let reader = store::Reader::open(store.as_ref()).unwrap();
    scan(&second);
    let mut files = 0;
    for entry in std::fs::read_dir(&store).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        files += u32::from(!bytes.is_empty());
        for name in identifiers(&first).iter().chain(&identifiers(&second)) {
            for form in encodings(name) {
                assert!(!holds(&bytes, &form), "{} tells {name}", path.display());
            }
        }
    }
    assert!(std::fs::metadata(format!("{store}/store.sqlite-wal")).unwrap().len() > 0);
    assert!(files >= 4, "{files} files");
    drop(reader);
}
