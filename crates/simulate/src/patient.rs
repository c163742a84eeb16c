//! Invented patients. Nobody here exists; the names are made of syllables.

use crate::heart::Constitution;
use crate::random::Random;
use serde::Serialize;

const GIVEN: &[&str] = &[
    "Orvela",
    "Tamsin",
    "Jorick",
    "Belwyn",
    "Casimar",
    "Dorothel",
    "Elvard",
    "Ferrand",
    "Ginevra",
    "Haldis",
    "Isolt",
    "Jasperine",
    "Keverne",
    "Lisandra",
    "Merrick",
    "Nerissa",
    "Osmund",
    "Perpetua",
    "Quillan",
    "Rosmerta",
    "Sylvard",
    "Thessaly",
    "Ulrika",
    "Verbena",
    "Wystan",
    "Ysolde",
    "Zephrine",
];
const FAMILY_HEAD: &[&str] = &[
    "Ash", "Brindle", "Crow", "Dun", "Elder", "Fen", "Gorse", "Hazel", "Iron", "Juniper", "Kestrel", "Larch",
    "Marl", "Nettle", "Otter", "Plover", "Quarry", "Rook", "Sedge", "Tarn", "Umber", "Vetch", "Withy",
    "Yarrow",
];
const FAMILY_TAIL: &[&str] = &[
    "bottom", "cote", "dale", "firth", "garth", "hythe", "keld", "mere", "ness", "quist", "shaw", "thwaite",
];
const DEPARTMENTS: &[&str] = &["ICU 3", "Cardiology", "Step-down B", "Intensive care"];

/// A patient's identity, as the monitor's operator typed it.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// Department on the monitor.
    pub department: String,
    /// Name in full, given name first.
    pub name: String,
    /// Number in the hospital's books.
    pub number: String,
    /// Doctor in charge.
    pub doctor: String,
    /// Birth year, month, day.
    pub born: [u16; 3],
    /// Admission year, month, day.
    pub admitted: [u16; 3],
    /// Height, mm.
    pub height_mm: u16,
    /// Weight, 0.1 kg.
    pub weight_hectograms: u16,
    /// Blood type code.
    pub blood_type: u8,
}

/// Limits the nurse set, as (high, low).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) heart_rate: (u16, u16),
    /// Whether the alarm of the heart rate is on.
    pub(crate) heart_rate_alarm: bool,
    pub(crate) respiration: (u16, u16),
    pub(crate) spo2: (u16, u16),
}

/// A patient: identity, body and slow numbers.
#[derive(Clone, Debug)]
pub(crate) struct Patient {
    pub(crate) identity: Identity,
    pub(crate) constitution: Constitution,
    pub(crate) limits: Limits,
    /// SpO2 around which it walks, %.
    pub(crate) spo2: f64,
    /// First probe, degrees Celsius.
    pub(crate) temperature: f64,
    /// Systolic and diastolic pressure, mmHg.
    pub(crate) pressure: (f64, f64),
    /// Seconds between two pressure readings.
    pub(crate) pressure_seconds: u32,
}

fn name(random: &mut Random) -> String {
    let given = random.word(GIVEN);
    format!("{given} {}{}", random.word(FAMILY_HEAD), random.word(FAMILY_TAIL))
}

/// Invents the identity number `index` of a ward.
pub(crate) fn identity(index: u32, random: &mut Random) -> Identity {
    let number = 10_000 + u64::from(index) * 7 + random.below(7);
    Identity {
        department: random.word(DEPARTMENTS).to_owned(),
        name: name(random),
        number: format!("ZQ{}{number:06}", random.below(90) + 10),
        doctor: format!("Dr {}", name(random)),
        born: [1931 + random.below(70) as u16, 1 + random.below(12) as u16, 1 + random.below(28) as u16],
        admitted: [2026, 1, 2 + random.below(9) as u16],
        height_mm: 1500 + random.below(450) as u16,
        weight_hectograms: 480 + random.below(620) as u16,
        blood_type: random.below(5) as u8,
    }
}

/// Invents patient number `index`.
pub(crate) fn patient(index: u32, random: &mut Random) -> Patient {
    let fibrillates = index % 12 == 7;
    let rate = if fibrillates { random.between(75.0, 100.0) } else { random.between(56.0, 98.0) };
    let breaths = random.between(11.5, 21.0);
    let ectopic = index % 3 == 1 && !fibrillates;
    let constitution = Constitution {
        rr_seconds: 60.0 / rate,
        sinus_arrhythmia: if fibrillates { 0.0 } else { random.between(0.02, 0.08) },
        ventricular: if ectopic { random.between(0.01, 0.05) } else { 0.002 },
        atrial: if ectopic { random.between(0.0, 0.03) } else { 0.001 },
        fibrillates,
        breath_seconds: 60.0 / breaths,
        transit_seconds: random.between(0.19, 0.27),
        axis_degrees: random.between(25.0, 70.0),
        focus_degrees: if random.chance(0.6) {
            random.between(80.0, 110.0)
        } else {
            random.between(-95.0, -65.0)
        },
        r_millivolts: random.between(0.9, 1.45),
        pulse_codes: random.between(85.0, 125.0),
    };
    let systolic = random.between(104.0, 148.0);
    Patient {
        identity: identity(index, random),
        constitution,
        limits: Limits {
            heart_rate: (130, 45),
            heart_rate_alarm: true,
            respiration: (32, 8),
            spo2: (100, 88),
        },
        spo2: random.between(94.5, 98.6),
        temperature: random.between(36.3, 37.9),
        pressure: (systolic, systolic * random.between(0.54, 0.64)),
        pressure_seconds: 150 + 30 * random.below(6) as u32,
    }
}
