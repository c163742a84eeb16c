//! What a carried file is, by its first bytes. Magic numbers from the formats' own descriptions.

use model::ContentKind;

/// Bytes from the front that are enough to tell: the magic of ext2 stands at 0x438.
pub const HEAD_BYTES: usize = 2048;

/// The kind of a file that begins with `head`.
#[must_use]
pub fn content_kind(head: &[u8]) -> ContentKind {
    if let Some(machine) = elf_machine(head) {
        return ContentKind::Elf { machine };
    }
    for (offset, magic, kind) in MAGIC {
        if head.get(*offset..).is_some_and(|rest| rest.starts_with(magic)) {
            return *kind;
        }
    }
    if head.starts_with(b"MZ") {
        // The pointer at 0x3C tells a PE from an old DOS program; either runs.
        return ContentKind::Pe;
    }
    if head.starts_with(b"#!") {
        return ContentKind::Script;
    }
    if is_text(head) { ContentKind::Text } else { ContentKind::Unknown }
}

const MAGIC: &[(usize, &[u8], ContentKind)] = &[
    (0, b"\x45\x3D\xCD\x28", ContentKind::FileSystemImage("cramfs")),
    (0, b"\x28\xCD\x3D\x45", ContentKind::FileSystemImage("cramfs")),
    (0, b"hsqs", ContentKind::FileSystemImage("squashfs")),
    (0, b"sqsh", ContentKind::FileSystemImage("squashfs")),
    (0, b"-rom1fs-", ContentKind::FileSystemImage("romfs")),
    (0, b"UBI#", ContentKind::FileSystemImage("ubi")),
    (0, b"\x31\x18\x10\x06", ContentKind::FileSystemImage("ubifs")),
    (0, b"\x85\x19\x01\xE0", ContentKind::FileSystemImage("jffs2")),
    (0, b"\x85\x19\x02\xE0", ContentKind::FileSystemImage("jffs2")),
    (0, b"\x85\x19\x03\x20", ContentKind::FileSystemImage("jffs2")),
    (0, b"\x19\x85\xE0\x01", ContentKind::FileSystemImage("jffs2")),
    (0x438, b"\x53\xEF", ContentKind::FileSystemImage("ext2")),
    (0, b"\x27\x05\x19\x56", ContentKind::FirmwareImage("uimage")),
    (0, b"HDR0", ContentKind::FirmwareImage("trx")),
    (0, b"ANDROID!", ContentKind::FirmwareImage("android-boot")),
    (0, b"\xD0\x0D\xFE\xED", ContentKind::FirmwareImage("device-tree")),
    (0, b"PK\x03\x04", ContentKind::Archive("zip")),
    (0, b"\x1F\x8B", ContentKind::Archive("gzip")),
    (0, b"BZh", ContentKind::Archive("bzip2")),
    (0, b"\xFD7zXZ\0", ContentKind::Archive("xz")),
    (0, b"\x28\xB5\x2F\xFD", ContentKind::Archive("zstd")),
    (0, b"7z\xBC\xAF\x27\x1C", ContentKind::Archive("7z")),
    (0, b"Rar!\x1A\x07", ContentKind::Archive("rar")),
    (0, b"070701", ContentKind::Archive("cpio")),
    (0, b"!<arch>\n", ContentKind::Archive("ar")),
    (257, b"ustar", ContentKind::Archive("tar")),
    (128, b"DICM", ContentKind::Dicom),
    (0, b"MSH|", ContentKind::Hl7),
    (0, b"FHS|", ContentKind::Hl7),
    (0, b"\x0BMSH|", ContentKind::Hl7),
    (0, b"%PDF-", ContentKind::Pdf),
    (0, b"\x89PNG\r\n\x1A\n", ContentKind::Image("png")),
    (0, b"\xFF\xD8\xFF", ContentKind::Image("jpeg")),
    (0, b"GIF8", ContentKind::Image("gif")),
    (0, b"II*\0", ContentKind::Image("tiff")),
    (0, b"MM\0*", ContentKind::Image("tiff")),
];

/// Architecture of an ELF file, by `e_machine` (System V ABI, registry of 2024).
fn elf_machine(head: &[u8]) -> Option<&'static str> {
    let header = head.first_chunk::<20>()?;
    let [0x7F, b'E', b'L', b'F', _, order, .., m0, m1] = *header else { return None };
    let number = if order == 2 { u16::from_be_bytes([m0, m1]) } else { u16::from_le_bytes([m0, m1]) };
    Some(match number {
        2 | 18 | 43 => "SPARC",
        3 | 6 => "x86",
        4 => "68000",
        8 | 10 => "MIPS",
        20 => "PowerPC",
        21 => "PowerPC64",
        40 => "ARM",
        42 => "SuperH",
        62 => "x86-64",
        93 | 94 => "Xtensa",
        106 => "Blackfin",
        183 => "AArch64",
        243 => "RISC-V",
        _ => "unknown",
    })
}

/// Text: no control characters but tabs, line ends and form feeds.
fn is_text(head: &[u8]) -> bool {
    !head.is_empty()
        && head.iter().all(|byte| matches!(byte, 9..=13 | 0x1B | 0x20..=0x7E | 0x80..))
        && std::str::from_utf8(head.get(..head.len().saturating_sub(3)).unwrap_or_default()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_magic() {
        let arm = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0";
        assert_eq!(content_kind(arm), ContentKind::Elf { machine: "ARM" });
        let mips = b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x08";
        assert_eq!(content_kind(mips), ContentKind::Elf { machine: "MIPS" });
        assert_eq!(content_kind(b"#!/bin/sh\necho"), ContentKind::Script);
        assert_eq!(content_kind(b"MZ\x90"), ContentKind::Pe);
        assert_eq!(content_kind(b"plain words\n"), ContentKind::Text);
        assert_eq!(content_kind(b"\0\x01\x02"), ContentKind::Unknown);
        assert_eq!(content_kind(b""), ContentKind::Unknown);
        let mut ext2 = vec![0; 0x500];
        ext2[0x438..0x43A].copy_from_slice(b"\x53\xEF");
        assert_eq!(content_kind(&ext2), ContentKind::FileSystemImage("ext2"));
    }

    #[test]
    fn what_a_device_may_run_is_executable() {
        assert!(content_kind(b"hsqs1234").is_executable());
        assert!(content_kind(b"#!/bin/sh").is_executable());
        assert!(!content_kind(b"%PDF-1.4").is_executable());
    }
}
