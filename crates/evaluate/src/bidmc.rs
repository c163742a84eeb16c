//! The BIDMC set as CSV files, plain or gzip: waves at 125 Hz, a monitor's numbers at 1 Hz, breaths marked by two people.
//!
//! ```text
//! bidmc_NN_Signals.csv   Time [s], RESP, PLETH, II, V, AVR …
//! bidmc_NN_Numerics.csv  Time [s], HR, PULSE, RESP, SpO2
//! bidmc_NN_Breaths.csv   breaths ann1 [signal sample no], breaths ann2 [signal sample no]
//! ```
//!
//! # Source
//! Pimentel et al. 2017, doi 10.1109/TBME.2016.2613124; PhysioNet `bidmc`, ODC-By 1.0.

use crate::{Fault, bytes};
use std::io::Read;
use std::path::Path;

/// Waves a second.
pub const RATE_HZ: f64 = 125.0;
/// Largest file that is read, in bytes once unpacked. Ours; the set's largest has 3 MB.
pub const CSV_BYTES_MAX: u64 = 64 << 20;

/// A table of numbers with named columns; an empty or unreadable cell is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<(String, Vec<Option<f64>>)>,
}

impl Table {
    /// Reads comma-separated text whose first line names the columns. Cells beyond the named columns are left out.
    pub fn parse(text: &[u8]) -> Self {
        let mut lines =
            text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        let mut columns: Vec<(String, Vec<Option<f64>>)> = first
            .split(|&byte| byte == b',')
            .map(|name| (name.escape_ascii().to_string().trim().to_owned(), Vec::new()))
            .collect();
        for line in lines.filter(|line| !line.is_empty()) {
            let mut cells = line.split(|&byte| byte == b',');
            for (_, column) in &mut columns {
                let cell = cells.next().and_then(|cell| std::str::from_utf8(cell).ok());
                let number = cell.and_then(|cell| cell.trim().parse::<f64>().ok());
                column.push(number.filter(|number| number.is_finite()));
            }
        }
        Self { columns }
    }

    /// The column whose name is `name`.
    pub fn column(&self, name: &str) -> Option<&[Option<f64>]> {
        self.columns.iter().find(|(column, _)| column == name).map(|(_, cells)| cells.as_slice())
    }

    /// The column at `place`, from 0.
    pub fn column_at(&self, place: usize) -> Option<&[Option<f64>]> {
        self.columns.get(place).map(|(_, cells)| cells.as_slice())
    }
}

/// One recording of the set.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its number in the set.
    pub number: u32,
    /// The leads II, V and aVR as far as they were recorded, in parts of the converter's range.
    pub ecg: Vec<Vec<f64>>,
    /// Pleth, the same.
    pub pleth: Vec<f64>,
    /// Impedance, the same.
    pub respiration: Vec<f64>,
    /// Breaths that the first person marked, in samples.
    pub breaths: Vec<u64>,
    /// Breaths that the second person marked, in samples.
    pub breaths_again: Vec<u64>,
    /// The monitor's respiration rate each second.
    pub shown_respiration: Vec<Option<f64>>,
}

/// Numbers of the recordings that `folder` holds.
pub fn numbers(folder: &Path) -> Vec<u32> {
    (1..=53).filter(|number| file(folder, *number, "Signals").is_some()).collect()
}

/// Reads recording `number` of `folder`.
pub fn read(folder: &Path, number: u32) -> Result<Recording, Fault> {
    let signals = table(folder, number, "Signals")?;
    let breaths = table(folder, number, "Breaths")?;
    let numerics = table(folder, number, "Numerics")?;
    let wave = |name: &str| -> Vec<f64> {
        let mut last = 0.0;
        // What is missing stands still.
        let cells = signals.column(name).unwrap_or_default();
        let still = cells.iter().map(|cell| {
            last = cell.unwrap_or(last);
            last
        });
        still.collect()
    };
    let marks = |place: usize| -> Vec<u64> {
        let cells = breaths.column_at(place).unwrap_or_default();
        cells.iter().flatten().filter(|mark| **mark >= 0.0).map(|mark| *mark as u64).collect()
    };
    Ok(Recording {
        number,
        ecg: ["II", "V", "AVR"].map(wave).into_iter().filter(|lead| !lead.is_empty()).collect(),
        pleth: wave("PLETH"),
        respiration: wave("RESP"),
        breaths: marks(0),
        breaths_again: marks(1),
        shown_respiration: numerics.column("RESP").unwrap_or_default().to_vec(),
    })
}

fn file(folder: &Path, number: u32, part: &str) -> Option<std::path::PathBuf> {
    let plain = folder.join(format!("bidmc_{number:02}_{part}.csv"));
    let packed = folder.join(format!("bidmc_{number:02}_{part}.csv.gz"));
    [plain, packed].into_iter().find(|path| path.exists())
}

/// Reads one table of recording `number`.
pub fn table(folder: &Path, number: u32, part: &str) -> Result<Table, Fault> {
    let missing = || Fault::Content { path: folder.to_owned(), what: format!("no {part} of {number:02}") };
    Ok(Table::parse(&content(&file(folder, number, part).ok_or_else(missing)?)?))
}

/// What is said about recording `number`; none where that is missing.
pub fn text(folder: &Path, number: u32, part: &str) -> Option<String> {
    let names = [format!("bidmc_{number:02}_{part}.txt"), format!("bidmc_{number:02}_{part}.txt.gz")];
    let path = names.iter().map(|name| folder.join(name)).find(|path| path.exists())?;
    String::from_utf8(content(&path).ok()?).ok()
}

/// The bytes of a file, unpacked where it is packed.
fn content(path: &Path) -> Result<Vec<u8>, Fault> {
    let content = bytes(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        return unpacked(&content).map_err(|cause| Fault::Read { path: path.to_owned(), cause });
    }
    Ok(content)
}

#[expect(clippy::disallowed_types, reason = "capped by CSV_BYTES_MAX")]
fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(bytes).take(CSV_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_and_place_and_odd_cells_are_empty() {
        let table = Table::parse(b"Time [s], RESP, PLETH\r\n0,0.5,1\r\n0.008,,x\n0.016,-1e2,NaN\n\n0.024\n");
        assert_eq!(table.column("RESP").unwrap(), [Some(0.5), None, Some(-100.0), None]);
        assert_eq!(table.column("PLETH").unwrap(), [Some(1.0), None, None, None]);
        assert_eq!(table.column_at(0).unwrap().len(), 4);
        assert_eq!((table.column("II"), table.column_at(3)), (None, None));
    }

    #[test]
    fn a_packed_recording_reads_as_a_plain_one() {
        use std::io::Write;
        let folder = std::env::temp_dir().join(format!("lazaret-bidmc-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let signals = b"Time [s], RESP, PLETH, II\n0,0.1,0.2,0.3\n0.008,,0.1,0.2\n0.016,0.3,0.4,0.5\n";
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(signals).unwrap();
        std::fs::write(folder.join("bidmc_07_Signals.csv.gz"), packed.finish().unwrap()).unwrap();
        std::fs::write(folder.join("bidmc_07_Breaths.csv"), "a, b\n5,6\n9,\n").unwrap();
        std::fs::write(folder.join("bidmc_07_Numerics.csv"), "Time [s], HR, RESP\n0,70,12\n1,70,\n").unwrap();
        let recording = read(&folder, 7).unwrap();
        let numbers = numbers(&folder);
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(numbers, [7]);
        assert_eq!(recording.ecg, [[0.3, 0.2, 0.5]]);
        assert_eq!(recording.respiration, [0.1, 0.1, 0.3]);
        assert_eq!(recording.pleth, [0.2, 0.1, 0.4]);
        assert_eq!((recording.breaths, recording.breaths_again), (vec![5, 9], vec![6]));
        assert_eq!(recording.shown_respiration, [Some(12.0), None]);
    }
}
