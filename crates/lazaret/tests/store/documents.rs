//! Documents out of a store: prefilled, never with a patient in them, and what is not known visibly blank.

use super::{Folder, lazaret, printed, said, status};
use serde_json::Value;

fn text_of(arguments: &[&str]) -> String {
    printed(&super::done(arguments))
}

/// The store of a ward whose monitor leaks, and the id of a finding about it.
pub(super) fn leaking(folder: &Folder) -> (String, String) {
    let (store, ward) = (folder.text("store"), folder.ward(11, &["leak"]));
    text_of(&["scan", "--quiet", "--store", &store, "--output", &folder.text("report.txt"), &ward]);
    let list = text_of(&[
        "findings",
        "--store",
        &store,
        "--format",
        "json",
        "list",
        "--rule",
        "patient-data-offsite",
    ]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let id = list["findings"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned();
    (store, id)
}

#[test]
fn reports_for_authorities_hold_what_is_known_leave_the_rest_blank_and_name_no_patient() {
    let folder = Folder::new("documents");
    let (store, id) = leaking(&folder);
    let truth = std::fs::read_to_string(folder.text("ward-11.pcap.truth.json")).unwrap();
    for kind in ["medwatch", "cisa"] {
        let text = text_of(&["report", "--store", &store, kind, &id, "--format", "text"]);
        assert!(text.contains("Nothing was sent") && text.contains(&id), "{text}");
        assert!(text.contains("202.114.4.119") && text.contains("Contec"), "{text}");
        assert!(text.matches("____").count() > 10, "{text}");
        let page = folder.text(&format!("{kind}.html"));
        let written = lazaret(&["report", "--store", &store, kind, &id, "-o", &page]);
        assert_eq!((status(&written), printed(&written).as_str()), (0, ""), "{}", said(&written));
        assert!(said(&written).contains("left for a person"), "{}", said(&written));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("class=\"blank\"") && page.contains("Nothing was sent"));
        for name in patients(&truth) {
            assert!(!page.contains(&name) && !text.contains(&name), "{name} stands in it");
        }
    }
    let none = lazaret(&["report", "--store", &store, "cisa", "f-0000000000000000"]);
    assert_eq!(status(&none), 2, "{}", said(&none));
}

/// Names and numbers of patients in the truth beside a simulated capture.
pub(super) fn patients(truth: &str) -> Vec<String> {
    let truth: Value = serde_json::from_str(truth).unwrap();
    let beds = truth["beds"].as_array().unwrap().iter();
    let parts =
        beds.flat_map(|bed| ["name", "number"].map(|part| bed["patient"][part].as_str().map(str::to_owned)));
    let found: Vec<String> = parts.flatten().collect();
    assert!(found.len() >= 2, "{truth}");
    found
}

#[test]
fn a_finding_and_its_page_show_the_playbook() {
    let folder = Folder::new("playbook");
    let (store, id) = leaking(&folder);
    let shown = text_of(&["findings", "--store", &store, "show", &id]);
    for words in [
        "Tell, in this order:",
        "At the bedside first:",
        "Unplug first:",
        "When to stop using the unit:",
        "FDA: ",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let page = text_of(&["scan", "--quiet", "--format", "html", &folder.text("ward-11.pcap")]);
    assert!(
        page.contains("what to unplug first") && page.contains("ICSMA-25-030-01, Contec"),
        "no playbook in the page"
    );
    let all = text_of(&["playbook", "--format", "json"]);
    let all: Value = serde_json::from_str(&all).unwrap();
    assert!(all["playbooks"].as_array().unwrap().len() >= 19, "{all}");
    let one = text_of(&["playbook", "remote-mount"]);
    assert!(one.contains("Stop using it now") && one.contains("ICSMA-25-030-01"), "{one}");
    let none = lazaret(&["playbook", "no-such-rule"]);
    assert!(status(&none) == 2 && said(&none).contains("remote-mount"), "{}", said(&none));
}

#[test]
fn devices_that_no_policy_names_are_not_contained() {
    let folder = Folder::new("contained");
    let (store, _) = leaking(&folder);
    let report = text_of(&["report", "--store", &store, "containment", "--format", "json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let devices = report["devices"].as_array().unwrap();
    assert!(devices.len() >= 3, "{report}");
    for device in devices {
        assert_eq!(
            (&device["standing"], &device["proof"]),
            (&"not-contained".into(), &Value::Null),
            "{device}"
        );
    }
    let wrong =
        lazaret(&["report", "--store", &store, "containment", "--from", "2026-01-02", "--to", "2026-01-01"]);
    assert_eq!(status(&wrong), 2, "{}", said(&wrong));
}
