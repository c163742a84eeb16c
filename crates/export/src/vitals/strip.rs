//! Strips: a few seconds of a waveform at 25 mm a second.
//!
//! Lengths are in hundredths of a millimetre, so that a strip is true to scale on paper and on a screen that knows
//! its size. The height fits the strip, since the gain of the codes is not known; less than [`CODES_MIN`] is not
//! blown up, so that a flat line looks flat.

use super::channel_name;
use model::{CaptureTime, Channel, ChannelRecording};
use serde::Serialize;

/// Length of a strip: what fits a page of paper at 25 mm a second.
pub(super) const SECONDS: f64 = 7.0;
/// Speed of the paper, in hundredths of a millimetre a second.
const SPEED: f64 = 2500.0;
/// Width of a strip.
pub(super) const WIDTH: f64 = SECONDS * SPEED;
/// Least range of codes that fills a strip.
const CODES_MIN: f64 = 48.0;
/// Free space above and below the line.
const MARGIN: f64 = 150.0;
/// How far the place of a repeated stretch is looked for around where it is said to be, in seconds.
const SEARCH_SECONDS: f64 = 2.5;
/// How far before the moment that a check names the repeated stretch may begin, in seconds.
const BACK_SECONDS_MAX: u32 = 10;
/// Every so many samples are compared in that search.
const SEARCH_STEP: usize = 2;

/// Samples of a time, one place for each; nothing where none was recorded.
pub(super) fn window(seen: &ChannelRecording, start: CaptureTime, samples: usize) -> Vec<Option<u8>> {
    let mut places = vec![None; samples];
    let Some(rate) = seen.rate_hz.filter(|rate| *rate > 0.0) else { return places };
    for stretch in &seen.stretches {
        // Place of the stretch's first sample in the window, which may lie before it.
        let first = (stretch.start.nanos_since(start) as f64 * rate / 1e9).round() as i64;
        let skipped = usize::try_from(-first).unwrap_or(0);
        let place = usize::try_from(first).unwrap_or(0);
        if let Some(places) = places.get_mut(place..) {
            let codes = stretch.samples.get(skipped..).unwrap_or_default();
            places.iter_mut().zip(codes).for_each(|(place, code)| *place = Some(*code));
        }
    }
    places
}

/// How codes become heights.
#[derive(Clone, Copy, Debug)]
struct Scale {
    low: f64,
    room: f64,
    height: f64,
}

impl Scale {
    fn of<'a>(codes: impl Iterator<Item = &'a Option<u8>>, height: f64) -> Option<Self> {
        let codes = codes.flatten().map(|code| f64::from(*code));
        let (low, high) = codes.fold(None, |range: Option<(f64, f64)>, code| {
            Some(range.map_or((code, code), |(low, high)| (low.min(code), high.max(code))))
        })?;
        let room = (high - low).max(CODES_MIN);
        Some(Self { low: low - (room - (high - low)) / 2.0, room, height })
    }

    fn place(self, code: u8) -> i64 {
        let share = (f64::from(code) - self.low) / self.room;
        (self.height - MARGIN - share * (self.height - 2.0 * MARGIN)).round() as i64
    }
}

/// A line in steps from point to point, lifted where samples are missing.
fn path(codes: &[Option<u8>], rate: f64, scale: Scale) -> String {
    let mut path = String::with_capacity(codes.len() * 6);
    let mut pen: Option<(i64, i64)> = None;
    for (at, code) in codes.iter().enumerate() {
        let Some(code) = code else {
            pen = None;
            continue;
        };
        let (x, y) = ((at as f64 * SPEED / rate).round() as i64, scale.place(*code));
        match pen {
            None => path.push_str(&format!("M{x} {y}")),
            Some((from_x, from_y)) => {
                let (dx, dy) = (x - from_x, y - from_y);
                path.push_str(&if dy < 0 { format!("l{dx}{dy}") } else { format!("l{dx} {dy}") });
            }
        }
        pen = Some((x, y));
    }
    path
}

/// One channel of a strip.
#[derive(Serialize)]
pub(super) struct Strip {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    height: f64,
    pub(super) path: String,
    /// The stretch that it repeats, where it does.
    ghost: String,
    note: String,
}

/// Colour class of a channel.
pub(super) const fn class(channel: Channel) -> &'static str {
    match channel {
        Channel::Pleth => "pleth",
        Channel::Respiration => "resp",
        _ => "ecg",
    }
}

/// Height of a strip: an ECG gets more.
const fn height(channel: Channel) -> f64 {
    match channel {
        Channel::Ecg(_) => 2000.0,
        _ => 1500.0,
    }
}

impl Strip {
    /// The time from `start` on; nothing where nothing of it was recorded.
    pub(super) fn of(channel: Channel, seen: &ChannelRecording, start: CaptureTime) -> Option<Self> {
        let rate = seen.rate_hz.filter(|rate| *rate >= 1.0)?;
        let codes = window(seen, start, (SECONDS * rate) as usize);
        let height = height(channel);
        let scale = Scale::of(codes.iter(), height)?;
        Some(Self {
            name: channel_name(channel),
            class: class(channel),
            height,
            path: path(&codes, rate, scale),
            ghost: String::new(),
            note: format!("{rate:.0}/s"),
        })
    }

    /// The time around `copy` laid over the one around `original`, and by how many seconds before `copy` it
    /// begins: a check may name the end of what repeats as well as its start, so the seconds that are most alike
    /// are shown.
    pub(super) fn laid_over(
        channel: Channel,
        seen: &ChannelRecording,
        original: CaptureTime,
        copy: CaptureTime,
    ) -> Option<(Self, u32)> {
        let rate = seen.rate_hz.filter(|rate| *rate >= 1.0)?;
        let mut best: Option<(Pair, u32)> = None;
        for before in 0..=BACK_SECONDS_MAX {
            let back = -i64::from(before) * 1_000_000_000;
            let pair = Pair::of(seen, rate, original.plus_nanos(back), copy.plus_nanos(back));
            if let Some(pair) = pair
                && best.as_ref().is_none_or(|(best, _)| pair.equal > best.equal)
            {
                best = Some((pair, before));
            }
        }
        let (pair, before) = best?;
        let height = height(channel);
        let scale = Scale::of(pair.codes.iter().chain(&pair.ghost), height)?;
        let strip = Self {
            name: channel_name(channel),
            class: class(channel),
            height,
            path: path(&pair.codes, rate, scale),
            ghost: path(&pair.ghost, rate, scale),
            note: format!("{:.0} % of the samples are the same", pair.equal * 100.0),
        };
        Some((strip, before))
    }
}

/// A stretch and the one that it is most like.
struct Pair {
    codes: Vec<Option<u8>>,
    ghost: Vec<Option<u8>>,
    /// Share of equal samples.
    equal: f64,
}

impl Pair {
    fn of(seen: &ChannelRecording, rate: f64, original: CaptureTime, copy: CaptureTime) -> Option<Self> {
        let samples = (SECONDS * rate) as usize;
        let codes = window(seen, copy, samples);
        let reach = (SEARCH_SECONDS * rate) as usize;
        let around = window(seen, original.plus_nanos(-(SEARCH_SECONDS * 1e9) as i64), samples + 2 * reach);
        let (at, equal) = nearest(&codes, &around, 2 * reach)?;
        let ghost = around.get(at..at + samples)?.to_vec();
        Some(Self { codes, ghost, equal })
    }
}

/// The place in `around` at which `codes` differ least, with the share of equal samples there.
fn nearest(codes: &[Option<u8>], around: &[Option<u8>], last: usize) -> Option<(usize, f64)> {
    let apart = |at: usize| {
        let (mut sum, mut count) = (0_u64, 0_u64);
        let pairs = codes.iter().zip(around.get(at..).unwrap_or_default());
        for (one, other) in pairs.step_by(SEARCH_STEP) {
            if let (Some(one), Some(other)) = (one, other) {
                sum += u64::from(one.abs_diff(*other));
                count += 1;
            }
        }
        // A place with hardly a sample says nothing.
        (count as usize * SEARCH_STEP * 4 > codes.len()).then(|| sum as f64 / count as f64)
    };
    let best = (0..=last).filter_map(|at| Some((at, apart(at)?))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    let pairs =
        || codes.iter().zip(around.get(best.0..).unwrap_or_default()).filter(|(one, _)| one.is_some());
    let equal = pairs().filter(|(one, other)| one == other).count();
    Some((best.0, equal as f64 / pairs().count().max(1) as f64))
}

/// Lines of the paper, every so many millimetres, over a height.
pub(super) fn paper(height_mm: u32, every_mm: u32) -> String {
    let every = every_mm.max(1) as usize;
    let width_mm = (WIDTH / 100.0) as u32;
    let mut path = String::new();
    for x in (0..=width_mm).step_by(every) {
        path.push_str(&format!("M{} 0v{}", x * 100, height_mm * 100));
    }
    for y in (0..=height_mm).step_by(every) {
        path.push_str(&format!("M0 {}h{}", y * 100, width_mm * 100));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Stretch;

    fn seen() -> ChannelRecording {
        let wave = |from: usize, count: usize| (from..from + count).map(|at| (at * 7 % 200) as u8).collect();
        let at = |seconds: f64| CaptureTime::from_nanos((seconds * 1e9) as i64);
        ChannelRecording {
            samples: 0,
            rate_hz: Some(100.0),
            stretches: vec![
                Stretch { start: at(0.0), samples: wave(0, 2000) },
                Stretch { start: at(30.0), samples: wave(300, 1000) },
            ],
        }
    }

    #[test]
    fn a_window_keeps_gaps_open() {
        let codes = window(&seen(), CaptureTime::from_nanos(19_900_000_000), 1100);
        assert_eq!(codes.iter().position(Option::is_none), Some(10));
        assert_eq!(codes[10..1010].iter().flatten().count(), 0);
        assert_eq!(codes[1010..].iter().flatten().count(), 90);
        let before = window(&seen(), CaptureTime::from_nanos(-1_000_000_000), 150);
        assert_eq!(before.iter().flatten().count(), 50);
    }

    #[test]
    fn a_repeated_stretch_finds_its_original_though_told_a_second_off() {
        // Samples from 30 s on are those from 3 s on.
        let off = CaptureTime::from_nanos(4_100_000_000);
        let copy = CaptureTime::from_nanos(30_000_000_000);
        let (strip, before) = Strip::laid_over(Channel::Ecg(1), &seen(), off, copy).unwrap();
        assert_eq!(before, 0);
        assert_eq!(strip.note, "100 % of the samples are the same");
        assert_eq!(strip.ghost, strip.path);
    }

    #[test]
    fn a_strip_is_true_to_scale() {
        let strip = Strip::of(Channel::Pleth, &seen(), CaptureTime::default()).unwrap();
        let steps = strip.path.matches('l').count();
        assert_eq!(steps, 699, "seven seconds of 100 samples");
        assert!(strip.path.contains("l25"), "a hundredth of a second is a quarter of a millimetre");
    }
}
