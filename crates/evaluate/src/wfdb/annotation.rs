//! Annotation files: what people, or programs, marked in a record.
//!
//! ```text
//! | interval 10 bits | type 6 bits |   16 bits, low byte first; interval since the annotation before
//! type 59  skip: the next four bytes are an interval of 32 bits, high half first
//! type 60  number, 61 subtype, 62 channel: the interval is its value
//! type 63  text of so many bytes follows, padded to an even count
//! 0 0      end
//! ```

/// One annotation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Annotation {
    /// Sample it stands at.
    pub at: u64,
    /// Type code of annot(5).
    pub kind: u8,
    /// Subtype.
    pub subtype: i8,
    /// Text.
    pub text: Vec<u8>,
}

/// Type of the start of ventricular flutter.
pub const FLUTTER_START: u8 = 32;
/// Type of the end of ventricular flutter.
pub const FLUTTER_END: u8 = 33;
/// Types that are beats, in the words of the manual's `isqrs`.
const BEATS: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25, 30, 34, 35, 38, 41];

/// The bytes end inside an annotation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the file ends inside the annotation at byte {0}")]
pub struct CutOff(pub usize);

impl Annotation {
    /// Whether it marks a beat.
    pub fn is_beat(&self) -> bool {
        BEATS.contains(&self.kind)
    }
}

/// Reads the annotations of a file. What lies before the record is left out.
pub fn parse(bytes: &[u8]) -> Result<Vec<Annotation>, CutOff> {
    let mut found: Vec<Annotation> = Vec::new();
    let mut at = 0_i64;
    let mut place = 0;
    while let Some(&[low, high]) = bytes.get(place..place + 2) {
        let start = place;
        place += 2;
        let word = u16::from_le_bytes([low, high]);
        let (kind, interval) = ((word >> 10) as u8, word & 0x3FF);
        match kind {
            0 if interval == 0 => break,
            59 => {
                let Some(&[b0, b1, b2, b3]) = bytes.get(place..place + 4) else { return Err(CutOff(start)) };
                at = at.saturating_add(i64::from(i32::from_le_bytes([b2, b3, b0, b1])));
                place += 4;
            }
            60 | 62 => {}
            61 => {
                if let Some(last) = found.last_mut() {
                    last.subtype = interval as u8 as i8;
                }
            }
            63 => {
                let length = usize::from(interval);
                let Some(text) = bytes.get(place..place + length) else { return Err(CutOff(start)) };
                if let Some(last) = found.last_mut() {
                    last.text = text.to_vec();
                }
                place += length + length % 2;
            }
            _ => {
                at = at.saturating_add(i64::from(interval));
                if let Ok(at) = u64::try_from(at) {
                    found.push(Annotation { at, kind, subtype: 0, text: Vec::new() });
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(kind: u16, interval: u16) -> [u8; 2] {
        (kind << 10 | interval).to_le_bytes()
    }

    #[test]
    fn intervals_add_up_and_attributes_belong_to_the_annotation_before() {
        let mut bytes = Vec::new();
        bytes.extend(word(28, 18));
        bytes.extend(word(63, 3));
        bytes.extend(b"(N\0\0");
        bytes.extend(word(1, 59));
        bytes.extend(word(59, 0));
        bytes.extend([0x01, 0x00, 0x02, 0x00]);
        bytes.extend(word(5, 10));
        bytes.extend(word(61, 0xFF));
        bytes.extend(word(62, 1));
        bytes.extend(word(60, 7));
        bytes.extend(word(0, 0));
        bytes.extend(word(1, 1));
        let found = parse(&bytes).unwrap();
        let places: Vec<(u64, u8)> = found.iter().map(|one| (one.at, one.kind)).collect();
        assert_eq!(places, [(18, 28), (77, 1), (77 + 65_538 + 10, 5)]);
        assert_eq!((found[0].text.as_slice(), found[2].subtype), (b"(N\0".as_slice(), -1));
        assert_eq!(found.iter().map(Annotation::is_beat).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_file_that_ends_inside_an_annotation_says_where() {
        let mut bytes = word(1, 5).to_vec();
        bytes.extend(word(63, 9));
        bytes.extend(b"abc");
        assert_eq!(parse(&bytes), Err(CutOff(2)));
        assert_eq!(parse(&word(59, 0)), Err(CutOff(0)));
        assert_eq!(parse(&[]), Ok(Vec::new()));
    }

    #[test]
    fn a_skip_before_the_record_leaves_the_annotation_out() {
        let mut bytes = word(59, 0).to_vec();
        bytes.extend((-100_i32 as u32).rotate_left(16).to_le_bytes());
        bytes.extend(word(1, 50));
        bytes.extend(word(1, 60));
        assert_eq!(parse(&bytes).unwrap().iter().map(|one| one.at).collect::<Vec<_>>(), [10]);
    }
}
