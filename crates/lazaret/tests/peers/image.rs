//! An invented CT image of an invented patient.

use crate::site::Site;
use std::path::PathBuf;
use std::process::Command;

/// Port of the archive.
pub(crate) const PORT: u16 = 11112;
/// Application entity that sends.
pub(crate) const CALLING: &str = "CT_ROOM_3";
/// Application entity that stores.
pub(crate) const CALLED: &str = "PACS_MAIN";
/// What must not leave the pipeline; all invented.
pub(crate) const SECRETS: &[&str] = &["QUORVANE", "TAMSIN", "ZZ-40417-INV", "19470229", "WEXELBLATT"];

/// Rows and columns.
const EDGE: usize = 64;

/// Writes the image with dcmtk's `dump2dcm`.
pub(crate) fn make(site: &Site) -> PathBuf {
    let pixels: Vec<_> = (0..EDGE * EDGE).map(|at| format!("{:04x}", (at * 37) % 4096)).collect();
    let dump = format!(
        "(0008,0005) CS [ISO_IR 100]\n\
         (0008,0016) UI =CTImageStorage\n\
         (0008,0018) UI [1.2.826.0.1.3680043.10.1.1.1]\n\
         (0008,0020) DA [20260301]\n\
         (0008,0060) CS [CT]\n\
         (0008,0070) LO [Invented Imaging]\n\
         (0008,0080) LO [KESTREL WARD 9]\n\
         (0008,0090) PN [WEXELBLATT^Ada]\n\
         (0008,1010) SH [CT3]\n\
         (0008,1090) LO [Model 5]\n\
         (0010,0010) PN [QUORVANE^TAMSIN]\n\
         (0010,0020) LO [ZZ-40417-INV]\n\
         (0010,0030) DA [19470229]\n\
         (0010,0040) CS [F]\n\
         (0018,1020) LO [1.0]\n\
         (0020,000d) UI [1.2.826.0.1.3680043.10.1.2]\n\
         (0020,000e) UI [1.2.826.0.1.3680043.10.1.3]\n\
         (0020,0013) IS [1]\n\
         (0028,0002) US 1\n\
         (0028,0004) CS [MONOCHROME2]\n\
         (0028,0010) US {EDGE}\n\
         (0028,0011) US {EDGE}\n\
         (0028,0100) US 16\n\
         (0028,0101) US 12\n\
         (0028,0102) US 11\n\
         (0028,0103) US 0\n\
         (7fe0,0010) OW {}\n",
        pixels.join("\\")
    );
    let (text, image) = (site.path("image.dump"), site.path("image.dcm"));
    std::fs::write(&text, dump).unwrap();
    let output = Command::new("dump2dcm").arg("+l").arg("65536").arg(&text).arg(&image).output().unwrap();
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    image
}
