//! Files carried over the network.

use crate::{Evidence, Text};
use std::fmt;

/// A SHA-256 digest, FIPS 180-4.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest256(pub [u8; 32]);

impl fmt::Display for Digest256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum ContentKind {
    /// Executable and linkable format; the machine is the name of the architecture.
    Elf {
        /// Architecture, e.g. `ARM`.
        machine: &'static str,
    },
    /// Windows portable executable.
    Pe,
    /// Text that an interpreter runs.
    Script,
    /// File-system image; the name of the format.
    FileSystemImage(&'static str),
    /// Firmware or boot image; the name of the format.
    FirmwareImage(&'static str),
    /// Archive or compressed file; the name of the format.
    Archive(&'static str),
    /// HL7 version 2 message.
    Hl7,
    /// DICOM file.
    Dicom,
    /// Portable document format.
    Pdf,
    /// Picture; the name of the format.
    Image(&'static str),
    /// Text.
    Text,
    /// None of these.
    Unknown,
}

impl ContentKind {
    /// Whether a device that receives it may run it: programs, scripts, and images of them.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        matches!(
            self,
            Self::Elf { .. } | Self::Pe | Self::Script | Self::FileSystemImage(_) | Self::FirmwareImage(_)
        )
    }
}

impl fmt::Display for ContentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf { machine } => write!(f, "elf-{machine}"),
            Self::Pe => f.write_str("pe"),
            Self::Script => f.write_str("script"),
            Self::FileSystemImage(name) => write!(f, "file-system-image-{name}"),
            Self::FirmwareImage(name) => write!(f, "firmware-image-{name}"),
            Self::Archive(name) => write!(f, "archive-{name}"),
            Self::Hl7 => f.write_str("hl7"),
            Self::Dicom => f.write_str("dicom"),
            Self::Pdf => f.write_str("pdf"),
            Self::Image(name) => write!(f, "image-{name}"),
            Self::Text => f.write_str("text"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// How the receiver came by a file.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Mover {
    /// The receiver asked for it: read, download.
    Fetched,
    /// The sender put it there: write, upload.
    Pushed,
}

/// A file that crossed the network. The origin of the observation is the side that sent the bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CarriedFile {
    /// Path or name as far as the protocol tells.
    pub path: Option<Text>,
    /// Who caused it.
    pub mover: Mover,
    /// Length of the whole file in bytes, or of what was seen where that is not known.
    pub bytes: u64,
    /// All of it was seen.
    pub whole: bool,
    /// Hash of the content; only where it is whole.
    pub sha256: Option<Digest256>,
    /// What it is.
    pub kind: ContentKind,
    /// First frame that carried some of it.
    pub first: Evidence,
    /// Last frame that carried some of it.
    pub last: Evidence,
}
