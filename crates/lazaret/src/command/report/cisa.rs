//! Fields of an incident report to CISA, prefilled.
//!
//! # Source
//! CISA, "Federal Incident Notification Guidelines" (in effect since 1 April 2017): impact on functions, on information,
//! recoverability, first detection, systems and users, place in the network, contact, attack vector, indicators,
//! mitigation. CISA, "Sharing Cyber Event Information" (April 2022), its ten key elements. The form at cisa.gov asks on
//! from there (a draft of all its questions, information collection 202501-1670-001, has 120 pages).

use super::Case;
use export::form::{Form, Section};
use store::StoredDetail;

pub(super) fn form(case: &Case) -> Form {
    let finding = &case.card.finding;
    let hashes: Vec<String> = finding
        .body
        .details
        .iter()
        .filter(|(name, _)| name.starts_with("sha256"))
        .map(|(_, detail)| match detail {
            StoredDetail::List(list) => list.join(", "),
            detail => super::spelled(detail),
        })
        .collect();
    let peer = finding.body.peer.as_ref().map(|peer| match peer.port {
        0 => format!("{} ({})", peer.ip, peer.location),
        port => format!("{} port {port}/{} ({})", peer.ip, peer.transport, peer.location),
    });
    let device = [
        case.of_asset(|asset| asset.class.clone()),
        case.of_asset(|asset| asset.maker.clone()),
        case.of_asset(|asset| asset.model.clone()),
    ];
    let device: Vec<String> = device.into_iter().filter(|text| !text.is_empty()).collect();
    Form {
        title: "CISA incident report, prefilled".to_owned(),
        notices: vec![
            "Nothing was sent to CISA or anybody else. A person decides whether this is reported, completes it, and files it \
             (report@cisa.gov, or the form at cisa.gov/report, whose fields may have changed)."
                .to_owned(),
            "Fields follow CISA's Federal Incident Notification Guidelines (2017) and the ten key elements that it asks everybody for \
             (2022); those are marked with their number."
                .to_owned(),
            "Seen on the network, passively. No patient identifier is in it; add none.".to_owned(),
        ],
        sections: vec![
            Section::new("Who reports")
                .blank("7", "Point of contact: name, e-mail, telephone", "")
                .blank("6", "Organization", "")
                .known("9", "Critical infrastructure sector", "Healthcare and Public Health", "")
                .blank("10", "Others informed (FDA, manufacturer, HHS, law enforcement, H-ISAC)", "")
                .blank("", "Sharing (TLP)", "the reporter's to choose"),
            Section::new("Impact")
                .blank("", "Functional impact", "was care affected? the ward says")
                .known("", "Information impact", impact(&finding.rule), "the privacy officer assesses it")
                .blank("", "Recoverability", "")
                .blank("5", "Number of people or systems affected; records, users", "this finding is about one device; look for the others of its model"),
            Section::new("When")
                .known("1", "Date and time of the activity", &case.when(), "it may have begun before anybody listened")
                .blank("", "First detected", "by a person of the site")
                .blank("", "Time zone of the site", ""),
            Section::new("What")
                .known("3", "Type of observed activity", &finding.title, "")
                .known("4", "Narrative", &case.story(), "")
                .known("8", "Severity, as Lazaret has it", &format!("{}, {}", finding.severity.as_str(), finding.certainty.as_str()), "")
                .known("", "Affected system", &device.join(", "), "by its traffic; relabelled units are common")
                .known("", "Firmware", &case.of_asset(|asset| asset.firmware.clone()), "where the device says it")
                .known("", "Its addresses", &case.of_asset(|asset| Some(asset.addresses.join(", "))), "")
                .blank("2", "Location of the incident", "site and ward")
                .blank("", "Network location of the observed activity", "which segment"),
            Section::new("How")
                .known("", "MITRE ATT&CK techniques", &case.list(|body| &body.attack), "")
                .known("", "Vulnerabilities (CVE)", &case.list(|body| &body.cves), "")
                .known("", "Advisories", &case.list(|body| &body.advisories), "")
                .blank("", "Attack vector", "where it is known"),
            Section::new("Indicators")
                .known("", "Peer", &peer.unwrap_or_default(), "")
                .known("", "Hashes of files (SHA-256)", &hashes.join(", "), "")
                .blank("", "Other indicators", ""),
            Section::new("Response")
                .blank("", "Mitigation: what was done, when", "")
                .blank("", "Evidence kept, and where", "captures, bundles of `lazaret evidence`, the unit itself")
                .blank("", "Help wanted from CISA", ""),
        ],
    }
}

/// What the rule itself says of information; nothing where it says nothing.
fn impact(rule: &str) -> &'static str {
    match rule {
        "patient-data-offsite" => "Patient data were seen leaving the site",
        "patient-data-cleartext" => {
            "Patient data were seen in clear on the network; none was seen leaving the site"
        }
        "cleartext-credentials" | "default-credentials" => "A log-in was seen in clear",
        _ => "",
    }
}
