//! Signal files: interleaved samples in one of the formats of signal(5).
//!
//! | format | sample | nothing recorded |
//! |---|---|---|
//! | 8 | difference to the sample before, 8 bits | – |
//! | 16, 61 | 16 bits, low or high byte first | -32768 |
//! | 24, 32 | 24 or 32 bits, low byte first | the lowest code |
//! | 80, 160 | 8 or 16 bits, offset binary | the lowest code |
//! | 212 | 12 bits, two samples in three bytes | -2048 |

use super::header::Signal;

/// The signal file does not read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignalFault {
    /// The format is not one of those that are read.
    #[error("format {0} is not read")]
    Format(u16),
    /// Signals of one file differ in format or offset.
    #[error("signals of one file differ in format or offset")]
    Mixed,
}

/// The codes of the signals of one file, `frames` of them or as many as there are.
pub fn decode(
    bytes: &[u8],
    signals: &[Signal],
    frames: Option<u64>,
) -> Result<Vec<Vec<Option<i32>>>, SignalFault> {
    let Some(first) = signals.first() else { return Ok(Vec::new()) };
    if signals.iter().any(|signal| (signal.format, signal.offset) != (first.format, first.offset)) {
        return Err(SignalFault::Mixed);
    }
    let start = usize::try_from(first.offset).unwrap_or(usize::MAX).min(bytes.len());
    let flat = codes(bytes.get(start..).unwrap_or_default(), first.format)?;
    let mut waves: Vec<Vec<Option<i32>>> = vec![Vec::new(); signals.len()];
    let mut values = flat.into_iter();
    let skew_most = signals.iter().map(|signal| signal.skew).max().unwrap_or(0);
    let wanted = frames.map_or(u64::MAX, |frames| frames.saturating_add(u64::from(skew_most)));
    let mut differences: Vec<i32> = signals.iter().map(|signal| signal.first).collect();
    'frames: for frame in 0..wanted {
        for ((signal, wave), difference) in signals.iter().zip(&mut waves).zip(&mut differences) {
            for _ in 0..signal.per_frame {
                let Some(mut value) = values.next() else { break 'frames };
                if signal.format == 8 {
                    *difference = difference.wrapping_add(value.unwrap_or(0));
                    value = Some(*difference);
                }
                // A skewed signal's first samples belong before the record.
                if frame >= u64::from(signal.skew) {
                    wave.push(value);
                }
            }
        }
    }
    if let Some(frames) = frames {
        for (signal, wave) in signals.iter().zip(&mut waves) {
            let length = frames.saturating_mul(u64::from(signal.per_frame));
            wave.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
    }
    Ok(waves)
}

fn codes(bytes: &[u8], format: u16) -> Result<Vec<Option<i32>>, SignalFault> {
    let valid = |code: i32, lowest: i32| (code != lowest).then_some(code);
    Ok(match format {
        8 => bytes.iter().map(|&byte| Some(i32::from(byte as i8))).collect(),
        80 => bytes.iter().map(|&byte| valid(i32::from(byte) - 128, -128)).collect(),
        16 => pairs(bytes).map(|pair| valid(i32::from(i16::from_le_bytes(pair)), -32_768)).collect(),
        61 => pairs(bytes).map(|pair| valid(i32::from(i16::from_be_bytes(pair)), -32_768)).collect(),
        160 => {
            pairs(bytes).map(|pair| valid(i32::from(u16::from_le_bytes(pair)) - 32_768, -32_768)).collect()
        }
        24 => {
            let three = bytes.as_chunks::<3>().0.iter();
            three.map(|&[a, b, c]| valid(i32::from_le_bytes([0, a, b, c]) >> 8, -8_388_608)).collect()
        }
        32 => {
            let four = bytes.as_chunks::<4>().0.iter();
            four.map(|&four| valid(i32::from_le_bytes(four), i32::MIN)).collect()
        }
        212 => {
            let mut codes = Vec::with_capacity(bytes.len() / 3 * 2 + 1);
            let (threes, rest) = bytes.as_chunks::<3>();
            for &[low, both, high] in threes {
                codes.push(valid(twelve(low, both), -2_048));
                codes.push(valid(twelve(high, both >> 4), -2_048));
            }
            // An odd count of samples ends after two bytes.
            if let [low, both] = *rest {
                codes.push(valid(twelve(low, both), -2_048));
            }
            codes
        }
        other => return Err(SignalFault::Format(other)),
    })
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> + '_ {
    bytes.as_chunks::<2>().0.iter().copied()
}

/// A signed 12-bit number of its low eight bits and, in the low half of `high`, its upper four.
fn twelve(low: u8, high: u8) -> i32 {
    let code = i32::from(low) | (i32::from(high & 0x0F) << 8);
    (code << 20) >> 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wfdb::header::Header;

    fn read(header: &str, bytes: &[u8]) -> Vec<Vec<Option<i32>>> {
        let header = Header::parse(header.as_bytes()).unwrap();
        decode(bytes, &header.signals, header.samples).unwrap()
    }

    #[test]
    fn twelve_bit_samples_share_the_byte_between_them() {
        // 0x7FF and -1, then -2048 (nothing recorded) and 5.
        let waves = read("r 2 360 2\nd 212\nd 212\n", &[0xFF, 0xF7, 0xFF, 0x00, 0x08, 0x05]);
        assert_eq!(waves, [vec![Some(2_047), None], vec![Some(-1), Some(5)]]);
        assert_eq!(read("r 1 360\nd 212\n", &[1, 0, 2, 3, 0]), [vec![Some(1), Some(2), Some(3)]]);
    }

    #[test]
    fn every_width_keeps_its_sign_and_its_mark_for_nothing() {
        assert_eq!(read("r 1\nd 80\n", &[0, 1, 128, 255]), [vec![None, Some(-127), Some(0), Some(127)]]);
        assert_eq!(read("r 1\nd 16\n", &[0xFE, 0xFF, 0, 0x80]), [vec![Some(-2), None]]);
        assert_eq!(read("r 1\nd 61\n", &[0xFF, 0xFE, 0x80, 0]), [vec![Some(-2), None]]);
        assert_eq!(read("r 1\nd 160\n", &[0, 0x80, 0, 0]), [vec![Some(0), None]]);
        assert_eq!(read("r 1\nd 24\n", &[0xFE, 0xFF, 0xFF, 0, 0, 0x80]), [vec![Some(-2), None]]);
        assert_eq!(read("r 1\nd 32\n", &[0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x80]), [vec![Some(-2), None]]);
        assert_eq!(read("r 1\nd 8 200 8 0 10\n", &[1, 0xFF, 0xFE]), [vec![Some(11), Some(10), Some(8)]]);
    }

    #[test]
    fn several_samples_per_frame_skew_and_offset_are_undone() {
        let bytes = [9, 9, 129, 130, 140, 131, 132, 141, 133, 134, 142];
        let waves = read("r 2 10 2\nd 80x2+2\nd 80:1+2\n", &bytes);
        assert_eq!(waves[0], [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(waves[1], [Some(13), Some(14)]);
    }

    #[test]
    fn other_formats_and_mixed_files_are_refused() {
        let refused = |text: &str| {
            let header = Header::parse(text.as_bytes()).unwrap();
            decode(&[0; 8], &header.signals, None).unwrap_err()
        };
        assert_eq!(refused("r 1\nd 508\n"), SignalFault::Format(508));
        assert_eq!(refused("r 2\nd 16\nd 80\n"), SignalFault::Mixed);
    }
}
