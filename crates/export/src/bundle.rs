//! Evidence bundles, `lazaret.evidence/1`: a finding with the frames that show it, which anybody can check.
//!
//! A bundle is a tar file of one folder, whose bytes are settled to the last: the same content gives the same bundle.
//!
//! ```text
//! evidence-f-0123456789abcdef/README.txt           how to check it without Lazaret
//!                             SHA256SUMS           hashes of all other files, as `sha256sum -c` reads them
//!                             SHA256SUMS.minisig   signature of that, as `minisign -V` reads it
//!                             capture.pcapng       the frames, redacted
//!                             context.json         versions, captures, losses, what was left out
//!                             finding.json         the finding
//!                             rule.toml            the rule that made it
//!                             signer.pub           the public key; whose it is nobody knows from this file
//! ```
//! Reading is strict: every header, all padding and the end are compared with what writing would give, every file with
//! its hash. So one flipped bit is found wherever it is, and [`Flaw`] says where.
//!
//! # Source
//! POSIX.1-2024 pax, "ustar Interchange Format"; GNU coreutils, `sha256sum`.

use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Write};

/// Name of this format.
pub const SCHEMA: &str = "lazaret.evidence/1";
/// Longest bundle that is read, in bytes. Our limit, four times what an excerpt can hold.
pub const BUNDLE_BYTES_MAX: u64 = 256 << 20;
/// The files, in the order in which they stand.
pub const FILES: [&str; 8] = [README, SUMS, SIGNATURE, CAPTURE, CONTEXT, FINDING, RULE, SIGNER];
/// How to check it.
pub const README: &str = "README.txt";
/// Hashes of the others.
pub const SUMS: &str = "SHA256SUMS";
/// Signature of the hashes.
pub const SIGNATURE: &str = "SHA256SUMS.minisig";
/// The frames.
pub const CAPTURE: &str = "capture.pcapng";
/// Versions, captures, losses.
pub const CONTEXT: &str = "context.json";
/// The finding.
pub const FINDING: &str = "finding.json";
/// The rule.
pub const RULE: &str = "rule.toml";
/// The public key.
pub const SIGNER: &str = "signer.pub";

const BLOCK: usize = 512;
/// Longest name of the folder, in bytes. Our limit; ustar takes 100 with the file's name.
const FOLDER_BYTES_MAX: usize = 64;

/// Something in a bundle that is not as it was made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Flaw {
    /// First byte of the bundle at which it shows.
    pub at: usize,
    /// What lies there.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (from byte {}): {}", self.place, self.at, self.what)
    }
}

/// What goes into a bundle, beside what is made of it.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// [`CAPTURE`].
    pub capture: &'a [u8],
    /// [`CONTEXT`].
    pub context: &'a [u8],
    /// [`FINDING`].
    pub finding: &'a [u8],
    /// [`RULE`].
    pub rule: &'a [u8],
    /// [`SIGNER`].
    pub signer: &'a [u8],
}

impl<'a> Content<'a> {
    /// The files that are hashed, in order.
    fn hashed(self) -> [(&'static str, &'a [u8]); 6] {
        [
            (README, README_TEXT.as_bytes()),
            (CAPTURE, self.capture),
            (CONTEXT, self.context),
            (FINDING, self.finding),
            (RULE, self.rule),
            (SIGNER, self.signer),
        ]
    }

    /// The hashes: what is to be signed.
    #[must_use]
    pub fn sums(self) -> String {
        sums(self.hashed())
    }

    /// Writes the bundle of `folder` with the signature of [`Self::sums`].
    ///
    /// # Errors
    /// When writing fails, or the folder's name is too long or not of plain letters.
    pub fn write(self, folder: &str, signature: &str, to: &mut dyn Write) -> io::Result<()> {
        if !is_folder(folder.as_bytes()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a folder of a bundle"));
        }
        let sums = self.sums();
        let hashed = self.hashed();
        for name in FILES {
            let bytes = match name {
                SUMS => sums.as_bytes(),
                SIGNATURE => signature.as_bytes(),
                _ => hashed.iter().find(|(file, _)| *file == name).map_or(&[][..], |(_, bytes)| bytes),
            };
            to.write_all(&header(folder.as_bytes(), name, bytes.len()))?;
            to.write_all(bytes)?;
            to.write_all([0; BLOCK].get(..padding(bytes.len())).unwrap_or_default())?;
        }
        to.write_all(&[0; 2 * BLOCK])
    }
}

fn sums<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let line = |(name, bytes): (&str, &[u8])| format!("{}  {name}\n", digest(bytes));
    files.into_iter().map(line).collect()
}

fn digest(bytes: &[u8]) -> model::Digest256 {
    model::Digest256(Sha256::digest(bytes).into())
}

fn is_folder(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    (1..=FOLDER_BYTES_MAX).contains(&name.len()) && name.iter().all(plain)
}

const fn padding(bytes: usize) -> usize {
    bytes.next_multiple_of(BLOCK) - bytes
}

/// Fields of a header: name, offset, bytes.
const HEADER_FIELDS: &[(&str, usize)] = &[
    ("name", 0),
    ("mode", 100),
    ("uid", 108),
    ("gid", 116),
    ("size", 124),
    ("mtime", 136),
    ("checksum", 148),
    ("type", 156),
    ("linkname", 157),
    ("magic", 257),
    ("version", 263),
    ("uname", 265),
    ("gname", 297),
    ("devmajor", 329),
    ("devminor", 337),
    ("prefix", 345),
    ("padding", 500),
];

/// The one header that a file of `bytes` bytes has: owner root, mode 644, time 0.
fn header(folder: &[u8], name: &str, bytes: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &[u8]| {
        if let Some(place) = header.get_mut(at..at + text.len()) {
            place.copy_from_slice(text);
        }
    };
    put(0, &[folder, b"/", name.as_bytes()].concat());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{bytes:011o}\0").as_bytes());
    put(136, b"00000000000\0        0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = header.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    header
}

/// A bundle whose form is whole.
#[derive(Debug)]
pub struct Bundle<'a> {
    /// Name of its folder.
    pub folder: &'a str,
    /// Each file: its bytes and where they start in the bundle.
    files: Vec<(&'static str, usize, &'a [u8])>,
}

impl<'a> Bundle<'a> {
    /// Reads the form of a bundle: headers, padding and end.
    ///
    /// # Errors
    /// The first place where it is not what writing gives.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let folder = folder_of(bytes)?;
        let mut files = Vec::new();
        let mut at = 0;
        for name in FILES {
            let place = || format!("header of `{name}`");
            let cut = || flaw(bytes.len(), place(), "the bundle ends here; it was cut");
            let found = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()).ok_or_else(cut)?;
            let size = size_of(found).ok_or_else(|| {
                flaw(at + 124, format!("header of `{name}`, field `size`"), "not a length in octal")
            })?;
            let expected = header(folder.as_bytes(), name, size);
            if let Some(offset) = difference(found, &expected) {
                let field = HEADER_FIELDS.iter().rev().find(|(_, from)| *from <= offset);
                let field = field.map_or("name", |(field, _)| field);
                // A size that was changed shows as a checksum that does not fit it.
                let what = "not what a bundle of these files has";
                return Err(flaw(at + offset, format!("header of `{name}`, field `{field}`"), what));
            }
            let start = at + BLOCK;
            let content = bytes.get(start..start.saturating_add(size)).ok_or_else(|| {
                flaw(bytes.len(), format!("`{name}`"), "the bundle ends inside of it; it was cut")
            })?;
            let end = start + size;
            let behind = bytes.get(end..end + padding(size)).ok_or_else(|| {
                flaw(bytes.len(), format!("padding after `{name}`"), "the bundle ends here; it was cut")
            })?;
            if let Some(offset) = behind.iter().position(|byte| *byte != 0) {
                return Err(flaw(end + offset, format!("padding after `{name}`"), "not zero"));
            }
            files.push((name, start, content));
            at = end + padding(size);
        }
        let end = bytes.get(at..).unwrap_or_default();
        if let Some(offset) = end.iter().position(|byte| *byte != 0) {
            return Err(flaw(at + offset, "end of the bundle".to_owned(), "not zero"));
        }
        if end.len() != 2 * BLOCK {
            return Err(flaw(bytes.len(), "end of the bundle".to_owned(), "not two blocks of zeros"));
        }
        Ok(Self { folder, files })
    }

    /// The bytes of a file.
    #[must_use]
    pub fn file(&self, name: &str) -> &'a [u8] {
        self.files.iter().find(|(file, ..)| *file == name).map_or(&[], |(.., bytes)| bytes)
    }

    /// The same as text.
    ///
    /// # Errors
    /// When it is not text.
    pub fn text(&self, name: &'static str) -> Result<&'a str, Flaw> {
        let bytes = self.file(name);
        std::str::from_utf8(bytes).map_err(|fault| {
            flaw(self.start(name) + fault.valid_up_to(), format!("`{name}`"), "not text in UTF-8")
        })
    }

    /// Where a file's bytes start in the bundle.
    #[must_use]
    pub fn start(&self, name: &str) -> usize {
        self.files.iter().find(|(file, ..)| *file == name).map_or(0, |(_, start, _)| *start)
    }

    /// Compares every file with its hash; what differs. Whether the hashes are those that were signed is another
    /// question.
    #[must_use]
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let told = self.file(SUMS);
        let hashed = self.files.iter().filter(|(name, ..)| !matches!(*name, SUMS | SIGNATURE));
        let expected: Vec<(&str, usize, String)> =
            hashed.map(|(name, start, bytes)| (*name, *start, sums([(*name, *bytes)]))).collect();
        let mut at = self.start(SUMS);
        let mut lines = told.split_inclusive(|byte| *byte == b'\n');
        for (name, start, line) in &expected {
            let found = lines.next().unwrap_or_default();
            if found != line.as_bytes() {
                let what = format!("its SHA-256 is not the one that `{SUMS}` says (from byte {at})");
                flaws.push(flaw(*start, format!("`{name}`"), &what));
            }
            at += found.len();
        }
        if lines.next().is_some() {
            flaws.push(flaw(at, format!("`{SUMS}`"), "more lines than there are files"));
        }
        flaws
    }
}

fn flaw(at: usize, place: String, what: &str) -> Flaw {
    Flaw { at, place, what: what.to_owned() }
}

fn folder_of(bytes: &[u8]) -> Result<&str, Flaw> {
    let name = bytes.get(..BLOCK).unwrap_or(bytes).split(|byte| *byte == b'/').next().unwrap_or_default();
    let plain = is_folder(name) && name.starts_with(b"evidence-");
    let text = std::str::from_utf8(name).ok().filter(|_| plain);
    text.ok_or_else(|| flaw(0, "start".to_owned(), "not an evidence bundle of Lazaret"))
}

fn size_of(header: &[u8; BLOCK]) -> Option<usize> {
    let digits = header.get(124..135)?;
    if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
        return None;
    }
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

fn difference(a: &[u8], b: &[u8]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a != b)
}

/// Any bytes as a bundle, a key and a signature: for the fuzz target `bundle` and its replay.
///
/// # Panics
/// When a bundle reads without a flaw and is not what writing its files gives.
#[doc(hidden)]
#[expect(clippy::panic, reason = "a check for tests: failing loudly is its job")]
pub fn any_bytes(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let known = crate::signature::SecretKey::new(&[1; crate::signature::RANDOM_BYTES]).public();
        drop((crate::signature::SecretKey::read(text), crate::signature::PublicKey::read(text)));
        drop(known.verify(b"", text));
    }
    let Ok(bundle) = Bundle::read(bytes) else { return };
    if !bundle.flaws().is_empty() || bundle.file(README) != README_TEXT.as_bytes() {
        return;
    }
    let content = Content {
        capture: bundle.file(CAPTURE),
        context: bundle.file(CONTEXT),
        finding: bundle.file(FINDING),
        rule: bundle.file(RULE),
        signer: bundle.file(SIGNER),
    };
    let Ok(signature) = bundle.text(SIGNATURE) else { return };
    let mut written = Vec::new();
    if content.write(bundle.folder, signature, &mut written).is_err() || written != bytes {
        panic!("a bundle that reads is not what writing gives");
    }
}

/// [`README`]: the same in every bundle of this format.
const README_TEXT: &str = "\
Evidence bundle of Lazaret, format lazaret.evidence/1

finding.json     what was found; rule.toml is the rule by which
capture.pcapng   the frames that show it, and what is needed to read them. Everything in them that may be a patient's,
                 or a password, is overwritten with the digit 0 (behind the end of a packet with NUL). Lengths, headers
                 and times are as captured, checksums are corrected by what was overwritten. The comment of each frame
                 says which frame of which capture it was.
context.json     versions, the captures with their hashes, faults and losses, what was left out of capture.pcapng
SHA256SUMS       hashes of these files; SHA256SUMS.minisig signs them
signer.pub       the public key. It came with the bundle, so it proves nothing by itself: get the key, or its id, from
                 whoever signed, on another way, and compare.

To check without Lazaret, in this folder:
  sha256sum -c SHA256SUMS
  minisign -V -p KEY.pub -m SHA256SUMS      KEY.pub: the key that you got on another way
  capinfos capture.pcapng; tshark -r capture.pcapng

To check with Lazaret, which compares the tar file itself, too:
  lazaret evidence verify BUNDLE --public-key KEY.pub
";

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Vec<u8> {
        let content = Content {
            capture: &[7; 700],
            context: b"{}\n",
            finding: b"{}\n",
            rule: &[b'r'; 512],
            signer: b"k\n",
        };
        let mut bytes = Vec::new();
        content.write("evidence-f-00", "signature\n", &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_bundle_reads_as_it_was_written() {
        let bytes = bundle();
        if let Ok(folder) = std::env::var("LAZARET_SEEDS") {
            std::fs::create_dir_all(format!("{folder}/bundle")).unwrap();
            std::fs::write(format!("{folder}/bundle/whole"), &bytes).unwrap();
        }
        any_bytes(&bytes);
        let bundle = Bundle::read(&bytes).unwrap();
        assert_eq!(bundle.flaws(), []);
        assert_eq!((bundle.folder, bundle.file(CAPTURE).len()), ("evidence-f-00", 700));
        assert_eq!(bundle.text(SIGNATURE), Ok("signature\n"));
        assert!(bundle.text(SUMS).unwrap().ends_with("  signer.pub\n"));
    }

    #[test]
    fn every_flipped_bit_outside_the_signature_shows_where_it_is() {
        let bytes = bundle();
        let whole = Bundle::read(&bytes).unwrap();
        let signature = whole.start(SIGNATURE)..whole.start(SIGNATURE) + 10;
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flaws = match Bundle::read(&flipped) {
                Ok(bundle) => bundle.flaws(),
                Err(flaw) => vec![flaw],
            };
            assert_eq!(flaws.is_empty(), signature.contains(&(bit / 8)), "bit {bit}");
            let near = |flaw: &Flaw| flaw.at.abs_diff(bit / 8) <= 1024 || flaw.what.contains(SUMS);
            assert!(flaws.iter().all(near), "bit {bit}: {flaws:?}");
        }
    }

    #[test]
    fn a_bundle_that_was_cut_or_grew_is_none() {
        let mut bytes = bundle();
        for cut in 0..bytes.len() {
            assert!(Bundle::read(&bytes[..cut]).is_err(), "{cut}");
        }
        bytes.push(0);
        assert!(Bundle::read(&bytes).is_err());
    }
}
