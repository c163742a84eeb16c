//! OBX: vital signs by code, with the ways in which monitors say that a value is none.

use super::text::{Part, Segment};
use model::{AlarmLimit, Sample, Switch, Validity, Vital};

/// One parameter: its codes in IEEE 11073-10101 (number = partition 2 × 65536 + code) and LOINC.
struct Code {
    vital: Vital,
    /// Number and reference identifier. Senders disagree on some: the number decides.
    mdc: &'static [(u32, &'static str)],
    loinc: &'static [&'static str],
}

const CODES: &[Code] = &[
    Code {
        vital: Vital::HeartRate,
        mdc: &[(147_842, "MDC_ECG_HEART_RATE"), (147_842, "MDC_ECG_CARD_BEAT_RATE")],
        loinc: &["8867-4", "76282-3"],
    },
    Code {
        vital: Vital::PulseRate,
        mdc: &[
            (149_530, "MDC_PULS_OXIM_PULS_RATE"),
            (149_546, "MDC_PULS_RATE_NON_INV"),
            (149_514, "MDC_PULS_RATE"),
            (149_522, "MDC_BLD_PULS_RATE_INV"),
            (149_538, "MDC_PLETH_PULS_RATE"),
        ],
        loinc: &["8889-8"],
    },
    Code { vital: Vital::Spo2, mdc: &[(150_456, "MDC_PULS_OXIM_SAT_O2")], loinc: &["2708-6", "59408-5"] },
    Code {
        vital: Vital::RespirationRate,
        mdc: &[(151_562, "MDC_RESP_RATE"), (151_586, "MDC_TTHOR_RESP_RATE")],
        loinc: &["9279-1", "76270-8"],
    },
    Code {
        vital: Vital::NibpSystolic,
        mdc: &[(150_021, "MDC_PRESS_BLD_NONINV_SYS"), (150_301, "MDC_PRESS_CUFF_SYS")],
        loinc: &["8480-6", "76534-7"],
    },
    Code {
        vital: Vital::NibpDiastolic,
        mdc: &[(150_022, "MDC_PRESS_BLD_NONINV_DIA"), (150_302, "MDC_PRESS_CUFF_DIA")],
        loinc: &["8462-4", "76535-4"],
    },
    Code {
        vital: Vital::NibpMean,
        mdc: &[(150_023, "MDC_PRESS_BLD_NONINV_MEAN"), (150_303, "MDC_PRESS_CUFF_MEAN")],
        loinc: &["8478-0", "76536-2"],
    },
    Code { vital: Vital::Temperature1, mdc: &[(150_344, "MDC_TEMP")], loinc: &["8310-5"] },
    Code { vital: Vital::PvcRate, mdc: &[(148_066, "MDC_ECG_V_P_C_RATE")], loinc: &[] },
];

/// The parameter that OBX-3 names, by its first code or by the alternate one.
pub(super) fn vital(identifier: &Part<'_>) -> Option<Vital> {
    coded(identifier, 1).or_else(|| coded(identifier, 4))
}

/// By the code, text and coding system that start at component `at`.
fn coded(identifier: &Part<'_>, at: usize) -> Option<Vital> {
    let (code, text, system) =
        (identifier.component(at), identifier.component(at + 1), identifier.component(at + 2));
    let number = || std::str::from_utf8(code).ok()?.parse::<u32>().ok();
    let named_mdc = text.starts_with(b"MDC_") || system.starts_with(b"MDC");
    let loinc = system.eq_ignore_ascii_case(b"LN") || system.eq_ignore_ascii_case(b"LOINC");
    let found = match number() {
        Some(number) if named_mdc => {
            CODES.iter().find(|row| row.mdc.iter().any(|(known, _)| *known == number))
        }
        None if loinc || system.is_empty() && code.contains(&b'-') => {
            CODES.iter().find(|row| row.loinc.iter().any(|known| known.as_bytes() == code))
        }
        None if code.starts_with(b"MDC_") => {
            CODES.iter().find(|row| row.mdc.iter().any(|(_, known)| known.as_bytes() == code))
        }
        _ => None,
    };
    found.map(|row| row.vital)
}

/// The value of a numeric observation.
///
/// Invalid, whatever stands there: a status that says so (OBX-11 `X` cannot be obtained, `D` deleted, `W`
/// wrong), an abnormal flag that says so (OBX-8 `INV`, `NAV`, `OFF`), no number, or a number below zero: all
/// of these parameters are positive, and monitors send −1, −99.9, −100 or −999 for "none". Flags for
/// questionable, demonstration, test and calibration values keep their first letter as an unknown code.
pub(super) fn sample(segment: &Segment<'_>, vital: Vital) -> Sample {
    let shown = number(segment.field(5).component(1));
    let (status, flags) = (segment.field(11), segment.field(8));
    let flagged = |names: &[&[u8]]| flags.repetitions().find(|flag| names.contains(&flag.bytes.trim_ascii()));
    let denied = matches!(status.component(1), b"X" | b"D" | b"W")
        || flagged(&[b"INV", b"NAV", b"OFF", b"NULL", b"MSMT-FAIL"]).is_some();
    let doubted =
        flagged(&[b"QUES", b"DEMO", b"TEST", b"CALIB"]).and_then(|flag| flag.bytes.first().copied());
    let validity = match (shown, doubted) {
        (None, _) => Validity::Invalid,
        (Some(number), _) if denied || number < 0.0 => Validity::Invalid,
        (Some(_), Some(letter)) => Validity::Unknown(letter),
        (Some(_), None) => Validity::Valid,
    };
    Sample { vital, value: converted(vital, shown.unwrap_or(0.0), &segment.field(6)), validity }
}

/// Alarm limits from OBX-7, where it is a plain `low-high`. The field does not say whether the alarm is on.
pub(super) fn limit(segment: &Segment<'_>, vital: Vital) -> Option<AlarmLimit> {
    let text = segment.field(7).component(1);
    // From the second byte on: a leading minus belongs to the number.
    let dash = text.iter().skip(1).position(|byte| *byte == b'-')? + 1;
    let unit = segment.field(6);
    let low = converted(vital, number(text.get(..dash)?)?, &unit);
    let high = converted(vital, number(text.get(dash + 1..)?)?, &unit);
    (low <= high).then_some(AlarmLimit { vital, low, high, switch: Switch::Unknown(0) })
}

fn number(text: &[u8]) -> Option<f32> {
    let text = std::str::from_utf8(text).ok()?.trim();
    // Rust would also read "inf" and "nan".
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    if plain { text.parse().ok() } else { None }
}

/// To the unit of the parameter: degrees Fahrenheit and kilopascal are the two others in use.
fn converted(vital: Vital, value: f32, unit: &Part<'_>) -> f32 {
    let says = |names: &[&[u8]]| (1..=4).any(|at| names.contains(&unit.component(at)));
    match vital {
        Vital::Temperature1 if says(&[b"MDC_DIM_FAHR", b"[degF]", b"degF"]) => (value - 32.0) / 1.8,
        Vital::NibpSystolic | Vital::NibpDiastolic | Vital::NibpMean
            if says(&[b"MDC_DIM_KILO_PASCAL", b"kPa"]) =>
        {
            value * 7.500_62
        }
        _ => value,
    }
}

/// Whether OBX-3 says that OBX-5 is a unique device identifier.
pub(super) fn names_device(identifier: &Part<'_>) -> bool {
    let code = identifier.component(1);
    [b"PRT-UDI".as_slice(), b"UDI", b"MDC_ATTR_ID_UDI"].contains(&code)
        || identifier.component(2) == b"MDC_ATTR_ID_UDI"
}
