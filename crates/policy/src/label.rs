//! Labels that name a device's MUD file: what the QR code of a sticker holds (RFC 9238).
//!
//! ```text
//! "[)>" RS "06" GS "12N" | B000 maker US | B001 product US | B002 model US | M180 URL US | M06C MAC US | RS EOT
//! ```
//! The frame is that of SQRL codes: data records of a four-letter identifier, printable ASCII and a unit separator; a
//! field separator begins anew, and what was collected without a URL before it counts for nothing (§3.1). A MUD file says
//! nothing of whose it is; a label with a link address does, so `show --label` puts that address into the policy.
//!
//! RFC 9238 asks for B000 (maker), B002 (model) and M180 (URL), recommends B001 and, where it is the device's own, M06C.
//! A query in the URL is taken off (§3.2.4); punctuation in the link address is passed over (§3.2.5).

use model::Mac;

/// Longest label, in bytes: more than the 2,953 that a QR code holds (ISO/IEC 18004, version 40, level L). Our limit.
pub const LABEL_BYTES_MAX: usize = 4096;

const HEADER: &str = "[)>\u{1e}06\u{1d}12N";
const RECORD: char = '\u{1e}';
const FIELD: char = '\u{1c}';
const UNIT: char = '\u{1f}';
const END: char = '\u{4}';
/// Joins records in SQRL, so that text of ours does not hold it.
const JOIN: char = '+';

const MAKER: &str = "B000";
const PRODUCT: &str = "B001";
const MODEL: &str = "B002";
const URL: &str = "M180";
const LINK_ADDRESS: &str = "M06C";

/// A label does not have its form.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct LabelError(pub String);

/// What a label says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Label {
    /// Company or brand.
    pub maker: String,
    /// Product, where whoever made the label knew it.
    pub product: Option<String>,
    /// Model.
    pub model: String,
    /// Where the MUD file is.
    pub url: String,
    /// Link address of the device that it sticks to.
    pub mac: Option<Mac>,
}

impl Label {
    /// The label as text, for a QR code.
    ///
    /// # Errors
    /// [`LabelError`] where a value cannot stand in a label.
    pub fn write(&self) -> Result<String, LabelError> {
        if self.url.contains('?') {
            return Err(LabelError("a label's URL has no query (RFC 9238 §3.2.4)".to_owned()));
        }
        if !self.url.starts_with("https://") || self.url.contains(' ') {
            return Err(LabelError("a MUD URL begins with https:// and has no blank (RFC 8520)".to_owned()));
        }
        let mac = self.mac.map(|mac| mac.to_string().replace(':', "").to_uppercase());
        let records = [
            (MAKER, "the maker", Some(&self.maker)),
            (PRODUCT, "the product", self.product.as_ref()),
            (MODEL, "the model", Some(&self.model)),
            (URL, "the URL", Some(&self.url)),
            (LINK_ADDRESS, "the link address", mac.as_ref()),
        ];
        let mut out = HEADER.to_owned();
        for (id, what, text) in records {
            let Some(text) = text else { continue };
            if text.is_empty() || !text.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic()) {
                return Err(LabelError(format!(
                    "{what} must be printable ASCII, and not nothing (RFC 9238 §3.2)"
                )));
            }
            if text.len() > model::Text::BYTES_MAX {
                let most = model::Text::BYTES_MAX;
                return Err(LabelError(format!(
                    "{what} is longer than {most} bytes, which is what we read of it"
                )));
            }
            if text.contains(JOIN) {
                return Err(LabelError(format!("{what} must not hold `+`, which joins records (SQRL §3.1)")));
            }
            out.push_str(id);
            out.push_str(text);
            out.push(UNIT);
        }
        out.push(RECORD);
        out.push(END);
        if out.len() > LABEL_BYTES_MAX {
            return Err(LabelError(format!("is longer than {LABEL_BYTES_MAX} bytes")));
        }
        Ok(out)
    }

    /// Reads the text of a label, as a scanner gives it; and what there is to say about it.
    ///
    /// # Errors
    /// [`LabelError`] where it is none, or names no MUD file.
    pub fn read(text: &str) -> Result<(Self, Vec<String>), LabelError> {
        if text.len() > LABEL_BYTES_MAX {
            return Err(LabelError(format!("is longer than {LABEL_BYTES_MAX} bytes")));
        }
        // What stands before the header is a scanner's; a line's end after it too.
        let Some((_, rest)) = text.split_once(HEADER) else {
            return Err(LabelError(
                "is no label: it does not begin with [)> RS 06 GS 12N (RFC 9238 §3.1)".to_owned(),
            ));
        };
        let rest = rest.split_once("\u{1e}\u{4}").map_or(rest, |(before, _)| before);
        let rest = rest.trim_end_matches([RECORD, END, '\r', '\n']);
        let units = rest.split(FIELD).map(unit);
        let mut last = None;
        for (label, notes) in units {
            if !label.url.is_empty() {
                return label.checked(notes);
            }
            last = Some(label);
        }
        let named = last.is_some_and(|label| !label.maker.is_empty());
        let what = if named { "names a device and no MUD file" } else { "holds no record" };
        Err(LabelError(format!("{what}: record {URL} is missing (RFC 9238 §3.2.4)")))
    }

    fn checked(mut self, mut notes: Vec<String>) -> Result<(Self, Vec<String>), LabelError> {
        if let Some((before, _)) = self.url.split_once('?') {
            notes.push("the query of its URL was taken off (RFC 9238 §3.2.4)".to_owned());
            self.url = before.to_owned();
        }
        if !self.url.starts_with("https://") {
            return Err(LabelError("its MUD URL does not begin with https:// (RFC 8520)".to_owned()));
        }
        for (id, text) in [(MAKER, &self.maker), (MODEL, &self.model)] {
            if text.is_empty() {
                notes.push(format!("record {id}, which RFC 9238 asks for, is missing"));
            }
        }
        Ok((self, notes))
    }
}

/// The records of one unit of data.
fn unit(text: &str) -> (Label, Vec<String>) {
    let (mut label, mut notes, mut passed) = (Label::default(), Vec::new(), 0_usize);
    // A unit may have a header of its own.
    let records = text.strip_prefix(HEADER).unwrap_or(text).split(UNIT);
    for record in records.filter(|record| !record.trim().is_empty()) {
        let Some((id, value)) = record.split_at_checked(4) else {
            passed += 1;
            continue;
        };
        let value = model::Text::from(value);
        let value = value.as_str();
        match id {
            MAKER => value.clone_into(&mut label.maker),
            PRODUCT => label.product = Some(value.to_owned()),
            MODEL => value.clone_into(&mut label.model),
            URL => value.clone_into(&mut label.url),
            LINK_ADDRESS => match link_address(value) {
                Ok(mac) => label.mac = Some(mac),
                Err(why) => notes.push(why.to_owned()),
            },
            _ => passed += 1,
        }
    }
    if passed > 0 {
        notes.push(format!("{passed} records that say nothing of MUD were passed over"));
    }
    (label, notes)
}

/// Twelve hexadecimal digits with any punctuation.
fn link_address(text: &str) -> Result<Mac, &'static str> {
    let digits: String = text.chars().filter(|letter| !matches!(letter, ':' | '-' | '.' | ' ')).collect();
    let malformed = "its link address is none";
    match digits.len() {
        12 => {}
        16 if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
            return Err("its link address has 64 bits, which no policy here can name");
        }
        _ => return Err(malformed),
    }
    let pairs: Vec<&str> = (0..6).filter_map(|at| digits.get(2 * at..2 * at + 2)).collect();
    pairs.join(":").parse().map_err(|_| malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> Label {
        Label {
            maker: "Contec Medical".to_owned(),
            product: Some("Patient monitor".to_owned()),
            model: "CMS8000".to_owned(),
            url: "https://mud.example.org/cms8000.json".to_owned(),
            mac: Some(Mac([2, 0x1B, 0x5E, 0x10, 0, 7])),
        }
    }

    #[test]
    fn a_label_has_the_octets_of_the_rfc_and_reads_back() {
        let text = label().write().unwrap();
        assert_eq!(
            text.as_bytes(),
            b"[)>\x1e06\x1d12NB000Contec Medical\x1fB001Patient monitor\x1fB002CMS8000\x1f\
              M180https://mud.example.org/cms8000.json\x1fM06C021B5E100007\x1f\x1e\x04"
        );
        assert_eq!(Label::read(&text).unwrap(), (label(), Vec::new()));
        // Scanners end what they give with a line's end.
        assert_eq!(Label::read(&format!("{text}\r\n")).unwrap().0, label());
        let bare = Label { product: None, mac: None, ..label() };
        assert_eq!(Label::read(&bare.write().unwrap()).unwrap().0, bare);
    }

    #[test]
    fn what_cannot_stand_in_a_label_is_refused() {
        let plain = label();
        for (odd, why) in [
            (Label { url: "https://x.example/m?a=1".to_owned(), ..plain.clone() }, "no query"),
            (Label { url: "http://x.example/m".to_owned(), ..plain.clone() }, "https://"),
            (Label { maker: String::new(), ..plain.clone() }, "the maker"),
            (Label { model: "a\u{1f}M180https://evil.example".to_owned(), ..plain.clone() }, "the model"),
            (Label { maker: "Müller".to_owned(), ..plain.clone() }, "ASCII"),
            (Label { product: Some("A+B".to_owned()), ..plain.clone() }, "`+`"),
            (Label { model: "x".repeat(1025), ..plain.clone() }, "longer than 1024 bytes"),
            (Label { url: format!("https://x.example/{}", "x".repeat(4096)), ..plain.clone() }, "longer"),
        ] {
            let fault = odd.write().unwrap_err().to_string();
            assert!(fault.contains(why), "{odd:?}: {fault}");
        }
    }

    #[test]
    fn what_scanners_give_is_read_as_the_rfc_says() {
        let unit = |records: &str| format!("[)>\u{1e}06\u{1d}12N{records}\u{1e}\u{4}");
        let url = "M180https://x.example/m";
        for mac in ["02-1b-5e-10-00-07", "02:1B:5E:10:00:07", "021b 5e10 0007", "021b.5e10.0007"] {
            let text = unit(&format!("B000m\u{1f}B002n\u{1f}{url}\u{1f}M06C{mac}\u{1f}"));
            assert_eq!(
                Label::read(&text).unwrap(),
                (
                    Label {
                        maker: "m".into(),
                        model: "n".into(),
                        url: url[4..].into(),
                        ..Label { product: None, ..label() }
                    },
                    Vec::new()
                )
            );
        }
        // A new unit of data: what was collected without a URL is forgotten.
        let two =
            unit(&format!("B000other\u{1f}B002old\u{1f}\u{1c}B000m\u{1f}{url}?v=2\u{1f}X999flag\u{1f}"));
        let (label, notes) = Label::read(&two).unwrap();
        assert_eq!((label.maker.as_str(), label.url.as_str(), label.model.as_str()), ("m", &url[4..], ""));
        let notes = notes.join("; ");
        assert!(notes.contains("1 records") && notes.contains("query") && notes.contains("B002"), "{notes}");
        let wide = unit(&format!("B000m\u{1f}B002n\u{1f}{url}\u{1f}M06C021B5EFFFE100007\u{1f}"));
        let (label, notes) = Label::read(&wide).unwrap();
        assert!(label.mac.is_none() && notes[0].contains("64 bits"), "{notes:?}");
        for (text, why) in [
            ("https://x.example/m", "no label"),
            (&unit("B000m\u{1f}B002n\u{1f}"), "no MUD file"),
            (&unit(""), "no record"),
            (&unit("M180http://x.example\u{1f}"), "https://"),
            (&"x".repeat(5000), "longer"),
        ] {
            assert!(Label::read(text).unwrap_err().to_string().contains(why), "{text:?}");
        }
    }

    #[test]
    fn no_cut_and_no_noise_breaks_the_reader() {
        let text = label().write().unwrap();
        for cut in 0..text.len() {
            drop(Label::read(&text[..cut]));
            let mut noisy = text.clone().into_bytes();
            noisy[cut] = (cut % 128) as u8;
            drop(Label::read(std::str::from_utf8(&noisy).unwrap()));
        }
    }
}
