//! Headers: what the front of a unit may look like, and finding one in the middle of a stream.

/// Bytes of `L`, the third byte and the type: the least that makes a header.
pub(super) const HEADER_BYTES: usize = 4;
/// Bytes of the length field, which `L` does not count.
pub(super) const LENGTH_BYTES: usize = 2;
/// Least value of `L`: the third byte and the type.
pub(super) const LENGTH_MIN: u16 = 2;
/// Greatest value of `L`, the format's own limit; above it the flow is given up as malformed.
pub(super) const LENGTH_MAX: u16 = 8000;
/// Third byte of every unit.
pub(super) const MARK: u8 = 0x05;
/// Least data of a patient unit.
pub(super) const PATIENT_BYTES_MIN: usize = 0xAD;

/// Types of units.
pub(super) mod kind {
    pub(in crate::proto::cms8000) const PATIENT: u8 = 0x3E;
    pub(in crate::proto::cms8000) const UNNAMED: u8 = 0x43;
    pub(in crate::proto::cms8000) const BED: u8 = 0x45;
    pub(in crate::proto::cms8000) const TELEMETRY: u8 = 0x46;
    pub(in crate::proto::cms8000) const CYCLE_END: u8 = 0x47;
    pub(in crate::proto::cms8000) const NOTICE: u8 = 0x49;
}

/// Sub-types of telemetry, with the length of their data from `D+0`.
pub(super) mod sub {
    pub(in crate::proto::cms8000) const ECG: u8 = 0x14;
    pub(in crate::proto::cms8000) const PLETH: u8 = 0x15;
    pub(in crate::proto::cms8000) const NIBP: u8 = 0x16;
    pub(in crate::proto::cms8000) const TEMPERATURE: u8 = 0x17;

    /// Least data of a telemetry unit of this sub-type; `None` where it is not known.
    pub(in crate::proto::cms8000) const fn bytes_min(sub: u8) -> Option<usize> {
        match sub {
            ECG => Some(0x3D3),
            PLETH => Some(0x114),
            NIBP => Some(0x23),
            TEMPERATURE => Some(0x2E),
            _ => None,
        }
    }
}

/// How well the front of some bytes fits a unit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fit {
    /// It is none.
    No,
    /// Right so far; more bytes would tell.
    Open,
    /// A header of the right form that says little: an unknown type, an empty unit, a notice.
    Weak,
    /// A known type with the right content.
    Strong,
}

/// Bytes of the unit whose header is at the front; `None` where fewer than two are there.
pub(super) fn unit_bytes(input: &[u8]) -> Option<usize> {
    let [low, high] = *input.first_chunk()?;
    Some(LENGTH_BYTES + usize::from(u16::from_le_bytes([low, high])))
}

/// Judges the unit at the front of `input`, of which more may follow than the unit.
pub(super) fn fit(input: &[u8]) -> Fit {
    let Some([low, high]) = input.first_chunk() else { return Fit::Open };
    let length = u16::from_le_bytes([*low, *high]);
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&length) || input.get(2).is_some_and(|mark| *mark != MARK) {
        return Fit::No;
    }
    let Some(kind) = input.get(3) else { return Fit::Open };
    let data_bytes = usize::from(length) - 2;
    let end = (LENGTH_BYTES + usize::from(length)).min(input.len());
    let data = input.get(HEADER_BYTES..end).unwrap_or_default();
    match *kind {
        kind::UNNAMED | kind::CYCLE_END => known(data_bytes == 0, Fit::Weak),
        kind::BED => known(data_bytes == 4, pattern(data, [Some(0), Some(0), None, Some(0xFF)])),
        kind::TELEMETRY => telemetry(data, data_bytes),
        kind::NOTICE => known((2..=NOTICE_BYTES_MAX).contains(&data_bytes), notice(data, data_bytes)),
        kind::PATIENT => known(data_bytes >= PATIENT_BYTES_MIN, patient(data)),
        _ => Fit::Weak,
    }
}

/// Longest notice that is believed when a unit has to be recognised; ours, from the texts seen (16 bytes).
const NOTICE_BYTES_MAX: usize = 128;

const fn known(plausible: bool, fit: Fit) -> Fit {
    if plausible { fit } else { Fit::No }
}

/// The first four bytes of data; `None` stands for any byte.
fn pattern(data: &[u8], expected: [Option<u8>; 4]) -> Fit {
    if data.iter().zip(expected).any(|(byte, expected)| expected.is_some_and(|expected| expected != *byte)) {
        Fit::No
    } else if data.len() < expected.len() {
        Fit::Open
    } else {
        Fit::Strong
    }
}

fn telemetry(data: &[u8], data_bytes: usize) -> Fit {
    let fit = pattern(data, [Some(0), Some(0), None, Some(0)]);
    match data.get(2).map(|sub| sub::bytes_min(*sub)) {
        Some(Some(bytes_min)) => known(data_bytes >= bytes_min, fit),
        Some(None) => fit.min(Fit::Weak),
        None => fit,
    }
}

fn notice(data: &[u8], data_bytes: usize) -> Fit {
    let text = data.get(1..).unwrap_or_default();
    match text.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        false => Fit::No,
        true if data.len() < data_bytes => Fit::Open,
        true => Fit::Weak,
    }
}

/// Texts without control characters, dates of digits: a patient unit has no better mark.
fn patient(data: &[u8]) -> Fit {
    const TEXTS: [(usize, usize); 4] = [(0x00, 32), (0x23, 32), (0x43, 32), (0x8D, 32)];
    const DATES: [(usize, usize); 6] = [(0x63, 5), (0x68, 3), (0x6B, 3), (0x7C, 5), (0x81, 3), (0x84, 3)];
    let field = |(at, bytes): (usize, usize)| {
        until_nul(data.get(at..(at + bytes).min(data.len())).unwrap_or_default())
    };
    let texts = TEXTS.iter().all(|place| field(*place).iter().all(|byte| *byte >= b' ' && *byte != 0x7F));
    let dates = DATES.iter().all(|place| field(*place).iter().all(u8::is_ascii_digit));
    match texts && dates {
        false => Fit::No,
        true if data.len() < PATIENT_BYTES_MIN => Fit::Open,
        true => Fit::Strong,
    }
}

/// What stands before the first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A place to go on at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A unit starts at this offset.
    Found(usize),
    /// One may start at this offset; this many bytes from it would tell.
    Open(usize, usize),
    /// None starts before this offset.
    None(usize),
}

/// Looks for a unit of a known type in `input`: followed by another header that fits, or with a strong
/// content and ending where the input ends.
///
/// A candidate of which too little is there is waited for, so that at most one unit is kept.
pub(super) fn find(input: &[u8]) -> Place {
    let mut from = 0;
    while let Some(at) = memchr::memchr(MARK, input.get(from + 2..).unwrap_or_default()).map(|at| at + from) {
        from = at + 1;
        let candidate = input.get(at..).unwrap_or_default();
        // Unknown types are no candidates: nearly anything would be one.
        let familiar = candidate.get(3).is_none_or(|kind| {
            matches!(
                *kind,
                kind::PATIENT | kind::UNNAMED | kind::BED | kind::TELEMETRY | kind::CYCLE_END | kind::NOTICE
            )
        });
        let fit = fit(candidate);
        let bytes = unit_bytes(candidate).unwrap_or(LENGTH_BYTES);
        if !familiar || fit == Fit::No {
            continue;
        }
        match candidate.get(bytes..) {
            Some([]) if fit == Fit::Strong => return Place::Found(at),
            Some(next) if next.len() >= HEADER_BYTES => {
                if follows(next) {
                    return Place::Found(at);
                }
            }
            _ => return Place::Open(at, bytes + HEADER_BYTES),
        }
    }
    Place::None(input.len().saturating_sub(HEADER_BYTES - 1))
}

/// Whether `next` may be the header after a found one: any type, but of the right form.
fn follows(next: &[u8]) -> bool {
    fit(next) != Fit::No
}
