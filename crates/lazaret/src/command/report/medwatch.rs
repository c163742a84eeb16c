//! Fields of FDA form 3500A (MedWatch, mandatory reporting), prefilled for a user facility.
//!
//! # Source
//! 21 CFR 803.30 (when) and 803.32 (what a user facility reports, block by block: A, B, D, E, F), as Cornell's Legal
//! Information Institute had them; excerpts of the instructions of form FDA 3500A, supplement 4/16. Not every number of blocks D and F was compared
//! with the form: the document says so. A field without a number is in that block, at a place that changed between revisions.
//! Blocks G and H are the manufacturer's.

use super::Case;
use export::form::{Form, Section};

pub(super) fn form(case: &Case) -> Form {
    let story = case.story();
    let aliases = case.of_asset(|asset| {
        let aliases = &asset.body.aliases;
        (!aliases.is_empty()).then(|| format!("also sold as {}", aliases.join(", ")))
    });
    let brand = format!(
        "as the label on the unit says; by its traffic it is a {}{}",
        case.of_asset(|asset| asset.model.clone().or_else(|| asset.class.clone())),
        if aliases.is_empty() { String::new() } else { format!(", {aliases}") }
    );
    Form {
        title: "FDA form 3500A (MedWatch), prefilled".to_owned(),
        notices: vec![
            "Nothing was sent to FDA or anybody else. A person decides whether this is reported, completes it, and files it \
             on the form as it stands."
                .to_owned(),
            "Blocks and fields are those of 21 CFR 803.32; numbers are meant to be those of form FDA 3500A as its instructions of 4/16 \
             have them, and not each was compared: go by the current form. Where a field has no number here, its place changed \
             between revisions of the form."
                .to_owned(),
            "Due within 10 work days of becoming aware where a device has or may have caused or contributed to a death (to \
             FDA and the manufacturer) or a serious injury (to the manufacturer): 21 CFR 803.30. Other malfunctions may be \
             reported voluntarily, on form 3500."
                .to_owned(),
            "What is filled in was read from network traffic. Lazaret cannot know whether a patient was harmed.".to_owned(),
        ],
        sections: vec![
            Section::new("A. Patient information")
                .blank("1", "Patient identifier", "in confidence; not a name, and not from the capture")
                .blank("2", "Age or date of birth", "")
                .blank("3", "Sex", "")
                .blank("4", "Weight", "")
                .blank("", "Ethnicity and race", "where the form's revision asks for it"),
            Section::new("B. Adverse event or product problem")
                .blank("1", "Adverse event and/or product problem", "the traffic shows a product problem; whether there was an adverse event, a person says")
                .blank("2", "Outcome attributed to adverse event", "")
                .known("3", "Date of event", &case.when(), "check against the ward's clock")
                .blank("4", "Date of this report", "the day on which a person signs it")
                .known("5", "Describe event or problem", &story, "add what was seen at the bedside")
                .blank("6", "Relevant tests and laboratory data, with dates", "")
                .blank("7", "Other relevant history, with preexisting conditions", ""),
            Section::new("D. Suspect medical device")
                .blank("1", "Brand name", &brand)
                .known("2a", "Common device name", &case.of_asset(|asset| asset.class.clone()), "by its traffic")
                .blank("2b", "Product code", "biomedical engineering; FDA's product classification")
                .known("3", "Manufacturer", &case.of_asset(|asset| asset.maker.clone()), "of the platform; name, city and state as on the label")
                .known("4a", "Model number", &case.of_asset(|asset| asset.model.clone()), "compare with the label: relabelled units are common")
                .known("4b", "Serial number", &case.of_asset(|asset| asset.serial.clone()), "where the device says it on the network")
                .known("4c", "Firmware", &case.of_asset(|asset| asset.firmware.clone()), "where the device says it on the network")
                .blank("4d", "Lot, catalogue number, expiration date", "the label")
                .blank("4e", "Unique device identifier (UDI)", "the label")
                .known("4f", "Network addresses", &case.of_asset(|asset| Some(asset.addresses.join(", "))), "to find the unit; no field of the form")
                .blank("5", "Operator of device", "")
                .blank("6", "Date of implantation", "if it was")
                .blank("7", "Date of explantation", "if it was")
                .blank("", "Single-use device that was reprocessed and reused on a patient", "if so, who reprocessed it")
                .blank("", "Serviced by a third party", "where the form's revision asks for it; biomedical engineering")
                .blank("", "Available for evaluation; returned to the manufacturer, and when", "keep it as it is, with its power on")
                .blank("", "Concomitant medical products and therapy dates", "not those that treated the event"),
            Section::new("E. Initial reporter")
                .blank("1", "Name, address, telephone", "who first told the facility, or the manufacturer")
                .blank("2", "Health professional", "")
                .blank("3", "Occupation", "")
                .blank("4", "Also sent report to FDA", ""),
            Section::new("F. For use by user facility or importer")
                .blank("1", "User facility or importer", "user facility")
                .blank("2", "Report number", "")
                .blank("3", "Name and address", "")
                .blank("4", "Contact person", "")
                .blank("5", "Telephone", "")
                .blank("6", "Date aware of event", "when a person of the facility learnt of it; the time to report runs from it")
                .blank("7", "Type of report", "initial, or a follow-up with the number of the first")
                .blank("8", "Date of this report", "")
                .blank("9", "Approximate age of device", "biomedical engineering")
                .blank("10", "Event problem codes: patient, device", "FDA's lists of codes")
                .blank("11", "Report sent to FDA", "")
                .blank("12", "Location where event occurred", "")
                .blank("13", "Report sent to manufacturer", "")
                .known("14", "Manufacturer", &case.of_asset(|asset| asset.maker.clone()), "of the platform; name and address as on the label"),
        ],
    }
}
