//! Exact replay search: has this stretch of samples been seen before, on any bed, at any alignment?
//!
//! Every window of one second is hashed (a rolling polynomial, then mixed), and of each run of neighbouring
//! windows the one with the smallest hash is remembered and looked up ("winnowing"). Two equal stretches choose
//! the same windows wherever they begin, so the table holds one window in thirty and still no stretch of
//! [`proven`](Tracker) length escapes. A match is reported when windows that agree at one and the same distance
//! cover so many consecutive samples that they prove the repetition.
//!
//! ```text
//! samples ──► hash of each window ──► smallest of each run of windows ──► table: seen at (bed, place)?
//!                                                                          └─ same distance again: a repeat
//! ```
//! Windows that hardly vary are left out: every flat line is like every other.
//!
//! # Limits
//! The table forgets after [`HISTORY_SECONDS`] to 4/3 of that, and holds at most [`FINGERPRINTS_MAX`].
//!
//! # Source
//! Schleimer, Wilkerson, Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD 2003;
//! Karp and Rabin, IBM J. Res. Dev. 31:249 (1987).

use model::CaptureTime;

/// How long a stretch is remembered at least, in seconds of capture time.
pub const HISTORY_SECONDS: i64 = 30 * 60;
/// Most fingerprints of all beds together; beyond it the oldest part of the history is forgotten early. Our
/// limit: 16 bytes each at a load between 1/4 and 3/4.
pub const FINGERPRINTS_MAX: usize = 1 << 26;
/// Parts of the history that are forgotten as a whole.
const AGES: usize = 4;
/// Nanoseconds of one part: three whole ones are always there.
const AGE_NANOS: i64 = HISTORY_SECONDS * 1_000_000_000 / (AGES as i64 - 1);
/// Places of an empty part of the table.
const PLACES_MIN: usize = 1 << 4;
/// Multiplier of the rolling polynomial: odd, so that no sample is lost.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where a fingerprint was seen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// Bed, by its number in the ward.
    pub(crate) bed: u32,
    /// Channel, 0 to 4.
    pub(crate) channel: u8,
    /// Sample of the channel at which the window ends.
    pub(crate) sample: u32,
}

/// Bits of a packed place: its channel, its age; the others are its bed.
const CHANNEL_BITS: u32 = 3;
const AGE_BITS: u32 = 3;

/// A remembered window: four of them lie in a line of the processor's cache.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// Zero: empty.
    hash: u64,
    sample: u32,
    /// Bed, age and channel.
    whose: u32,
}

impl Cell {
    fn new(hash: u64, place: Place, age: u32) -> Self {
        let bed_and_age = (place.bed << AGE_BITS) | (age % AGES_TOLD);
        let whose = (bed_and_age << CHANNEL_BITS) | u32::from(place.channel);
        Self { hash, sample: place.sample, whose }
    }

    const fn place(self) -> Place {
        Place {
            bed: self.whose >> (CHANNEL_BITS + AGE_BITS),
            channel: (self.whose & ((1 << CHANNEL_BITS) - 1)) as u8,
            sample: self.sample,
        }
    }

    /// Whether it was put no more than [`AGES`] ages before `now`. Those that were not are swept out before the count of
    /// ages comes round.
    const fn lives(self, now: u32) -> bool {
        let age = self.whose >> CHANNEL_BITS;
        now.wrapping_sub(age) % AGES_TOLD < AGES as u32
    }
}

/// Ages that a cell can tell apart.
const AGES_TOLD: u32 = 1 << AGE_BITS;

/// Lowest bits of a hash: its part of the table. The smallest hash of a run is chosen, so its highest bits say little.
const PART_BITS: u32 = 6;

/// The fingerprints of all beds, with open addressing, so that looking a window up and remembering it touch the same line
/// of the cache. In parts that are made anew one after the other: each reuses the memory of the one before, where
/// a table in one piece would need its old and its new place at once.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    parts: Box<[Part]>,
    held: usize,
    age: u32,
    began: Option<CaptureTime>,
}

impl Default for Table {
    fn default() -> Self {
        let parts = vec![Part::default(); 1 << PART_BITS].into_boxed_slice();
        Self { parts, held: 0, age: 0, began: None }
    }
}

impl Table {
    /// Where `hash` was last seen; remembers it at `place` from now on.
    fn swap(&mut self, hash: u64, place: Place, now: CaptureTime) -> Option<Place> {
        let began = *self.began.get_or_insert(now);
        if now.nanos_since(began) >= AGE_NANOS || self.held >= FINGERPRINTS_MAX {
            self.forget(now);
        }
        // Zero marks an empty place.
        let hash = hash.max(1);
        let part = self.parts.get_mut(hash as usize & ((1 << PART_BITS) - 1))?;
        let before = part.held;
        let known = part.swap(hash, place, self.age);
        self.held = self.held + part.held - before;
        known
    }

    /// A new age begins: whole ages are forgotten at once.
    fn forget(&mut self, now: CaptureTime) {
        self.began = Some(now);
        self.age = self.age.wrapping_add(1);
        for part in &mut self.parts {
            part.make_anew(self.age);
        }
        self.held = self.parts.iter().map(|part| part.held).sum();
    }

    /// Fingerprints held.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }
}

/// Fingerprints whose hashes end alike.
#[derive(Clone, Debug, Default)]
struct Part {
    cells: Vec<Cell>,
    held: usize,
}

impl Part {
    fn swap(&mut self, hash: u64, place: Place, age: u32) -> Option<Place> {
        if self.held * 4 >= self.cells.len() * 3 {
            self.make_anew(age);
        }
        let mask = self.cells.len().checked_sub(1)?;
        let mut at = (hash >> PART_BITS) as usize & mask;
        // There is always an empty place: at most three of four are taken.
        while let Some(cell) = self.cells.get_mut(at) {
            if cell.hash == hash || cell.hash == 0 {
                let known = (cell.hash == hash && cell.lives(age)).then(|| cell.place());
                self.held += usize::from(cell.hash == 0);
                *cell = Cell::new(hash, place, age);
                return known;
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Leaves out what is too old and makes room for as much again as is left. In order of the old cells, so that memory
    /// is walked through, not jumped about in.
    fn make_anew(&mut self, age: u32) {
        let living = self.cells.iter().filter(|cell| cell.hash != 0 && cell.lives(age)).count();
        let places = (living * 2).next_power_of_two().max(PLACES_MIN);
        let old = std::mem::replace(&mut self.cells, vec![Cell::default(); places]);
        self.held = living;
        let mask = places - 1;
        for cell in old.into_iter().filter(|cell| cell.hash != 0 && cell.lives(age)) {
            let mut at = (cell.hash >> PART_BITS) as usize & mask;
            while self.cells.get(at).is_some_and(|taken| taken.hash != 0) {
                at = (at + 1) & mask;
            }
            if let Some(place) = self.cells.get_mut(at) {
                *place = cell;
            }
        }
    }
}

/// A stretch that was seen before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Repeat {
    /// Bed on which it was seen.
    pub(crate) bed: u32,
    /// Channel on which it was seen.
    pub(crate) channel: u8,
    /// Sample of that channel at which the earlier stretch ends.
    pub(crate) sample: u32,
    /// Samples between the two ends, where bed and channel are the own ones.
    pub(crate) distance: u32,
    /// Consecutive samples that are proven to repeat.
    pub(crate) proven: u32,
}

/// How a channel is searched, in samples.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Measure {
    /// Samples of a window.
    pub(crate) window: u32,
    /// Windows of a run, of which one is chosen.
    pub(crate) run: u32,
    /// Consecutive samples that must be proven to repeat.
    pub(crate) proven: u32,
    /// Smallest variance of a window that tells it from others, in quarters of a squared code.
    pub(crate) variance_quarters_min: u32,
}

/// Lowest bits of a key: the place of its window. The others are its hash.
const PLACE_BITS: u32 = 9;
/// Longest run, in windows: half of what the place can tell apart.
const RUN_MAX: u32 = 1 << (PLACE_BITS - 1);

/// The smallest key of every run of neighbouring windows, without a branch that depends on them (van Herk 1992,
/// Gil and Werman 1993): the least so far of this stretch, and the least from each place to the end of the one
/// before.
#[derive(Clone, Debug)]
struct Run {
    stretch: Box<[u64]>,
    to_end: Box<[u64]>,
    at: usize,
    least: u64,
}

impl Run {
    fn new(length: u32) -> Self {
        let empty = || vec![u64::MAX; length.clamp(1, RUN_MAX) as usize].into_boxed_slice();
        Self { stretch: empty(), to_end: empty(), at: 0, least: u64::MAX }
    }

    fn clear(&mut self) {
        self.to_end.fill(u64::MAX);
        (self.at, self.least) = (0, u64::MAX);
    }

    /// Adds a key; tells the smallest of the last run.
    fn push(&mut self, key: u64) -> u64 {
        if let Some(place) = self.stretch.get_mut(self.at) {
            *place = key;
        }
        self.least = self.least.min(key);
        self.at += 1;
        let before = self.to_end.get(self.at).copied().unwrap_or(u64::MAX);
        let smallest = self.least.min(before);
        if self.at == self.stretch.len() {
            let mut least = u64::MAX;
            for (to_end, key) in self.to_end.iter_mut().zip(self.stretch.iter()).rev() {
                least = least.min(*key);
                *to_end = least;
            }
            (self.at, self.least) = (0, u64::MAX);
        }
        smallest
    }
}

/// The search on one channel of one bed.
#[derive(Clone, Debug)]
pub(crate) struct Tracker {
    measure: Measure,
    /// `BASE` to the power of the window's length.
    last_power: u64,
    /// The last samples of a window, and during [`Tracker::push`] the block after them.
    recent: Vec<u8>,
    /// Chosen in a block; empty between two.
    windows: Vec<(u64, u32)>,
    /// Samples since the last gap.
    since_gap: u32,
    /// Samples in all.
    sample: u32,
    rolling: u64,
    sum: u64,
    squares: u64,
    run: Run,
    /// Key of the window chosen last.
    chosen: u64,
    /// Smallest variance times four and the square of the window's length.
    variance_min: u64,
    trail: Option<Trail>,
}

/// Matches at one distance.
#[derive(Clone, Copy, Debug)]
struct Trail {
    bed: u32,
    channel: u8,
    /// This sample less that sample, wrapping: equal for all windows of one repetition.
    offset: u32,
    /// First sample covered, and the last.
    from: u32,
    to: u32,
}

impl Tracker {
    /// `sample`: number of the first sample.
    pub(crate) fn new(measure: Measure, sample: u32) -> Self {
        let measure = Measure { run: measure.run.clamp(1, RUN_MAX), ..measure };
        let last_power = (0..measure.window).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        let mut tracker = Self {
            measure,
            last_power,
            recent: Vec::new(),
            windows: Vec::new(),
            since_gap: 0,
            sample,
            rolling: 0,
            sum: 0,
            squares: 0,
            run: Run::new(measure.run),
            chosen: u64::MAX,
            variance_min: u64::from(measure.variance_quarters_min) * u64::from(measure.window).pow(2),
            trail: None,
        };
        tracker.gap();
        tracker
    }

    /// Samples in all.
    pub(crate) const fn sample(&self) -> u32 {
        self.sample
    }

    /// Samples are missing here: no window spans the gap.
    pub(crate) fn gap(&mut self) {
        let window = self.measure.window;
        self.since_gap = 0;
        // As if zeros had come: windows are told only once all of these are out of them.
        self.recent.clear();
        self.recent.resize(window as usize, 0);
        self.rolling = (0..window).fold(0_u64, |rolling, _| rolling.wrapping_mul(BASE).wrapping_add(1));
        self.sum = 0;
        self.squares = 0;
        self.run.clear();
        self.trail = None;
    }

    /// Takes a block; tells the last proven repetition in it.
    pub(crate) fn push(
        &mut self,
        block: &[u8],
        own: (u32, u8),
        now: CaptureTime,
        table: &mut Table,
    ) -> Option<Repeat> {
        self.recent.extend_from_slice(block);
        let mut windows = std::mem::take(&mut self.windows);
        self.choose(block, &mut windows);
        self.recent.drain(..block.len());
        let mut found = None;
        for (hash, sample) in windows.drain(..) {
            let place = Place { bed: own.0, channel: own.1, sample };
            let known = table.swap(hash, place, now);
            found = self.follow(known, place).or(found);
        }
        self.windows = windows;
        found
    }

    /// Hashes of the windows that are newly chosen in a block, with the sample at which each ends.
    ///
    /// They are looked up only when the block is over: apart from this loop, so that its numbers stay in registers, and
    /// together, so that the processor fetches several lines of the table at a time.
    fn choose(&mut self, block: &[u8], windows: &mut Vec<(u64, u32)>) {
        let window = self.measure.window;
        // So many samples go by until a window does not span the gap, and until a run of them does not.
        let (whole, told) = (
            window.saturating_sub(self.since_gap),
            (window + self.measure.run).saturating_sub(self.since_gap),
        );
        let (mut rolling, mut sum, mut squares) = (self.rolling, self.sum, self.squares);
        let mut chosen = self.chosen;
        // The sample that leaves the window beside the one that enters it.
        for (at, (old, new)) in (1_u32..).zip(self.recent.iter().zip(block)) {
            let (old, new) = (u64::from(*old), u64::from(*new));
            let left = (old + 1).wrapping_mul(self.last_power);
            rolling = rolling.wrapping_mul(BASE).wrapping_add((new + 1).wrapping_sub(left));
            sum = sum + new - old;
            squares = squares + new * new - old * old;
            if at < whole {
                continue;
            }
            let sample = self.sample.wrapping_add(at);
            let spread = 4 * (u64::from(window) * squares - sum * sum);
            let place = u64::from(sample) & ((1 << PLACE_BITS) - 1);
            let key = mix(rolling) >> PLACE_BITS << PLACE_BITS | place;
            let smallest = self.run.push(if spread > self.variance_min { key } else { u64::MAX });
            if smallest == chosen || at < told {
                continue;
            }
            chosen = smallest;
            if smallest != u64::MAX {
                let back = (place.wrapping_sub(smallest) & ((1 << PLACE_BITS) - 1)) as u32;
                windows.push((smallest >> PLACE_BITS, sample.wrapping_sub(back)));
            }
        }
        (self.rolling, self.sum, self.squares, self.chosen) = (rolling, sum, squares, chosen);
        self.sample = self.sample.wrapping_add(block.len() as u32);
        self.since_gap = self.since_gap.saturating_add(block.len() as u32);
    }

    /// Follows matches at one distance until they prove a repetition.
    fn follow(&mut self, known: Option<Place>, here: Place) -> Option<Repeat> {
        let Some(known) = known else {
            self.trail = None;
            return None;
        };
        let window = self.measure.window;
        let offset = here.sample.wrapping_sub(known.sample);
        let from = here.sample.wrapping_sub(window);
        let trail = self.trail.filter(|trail| {
            let joins = trail.to.wrapping_sub(from) <= window;
            (trail.bed, trail.channel, trail.offset) == (known.bed, known.channel, offset) && joins
        });
        let fresh = Trail { bed: known.bed, channel: known.channel, offset, from, to: here.sample };
        let trail = trail.map_or(fresh, |trail| Trail { to: here.sample, ..trail });
        self.trail = Some(trail);
        let proven = trail.to.wrapping_sub(trail.from);
        (proven >= self.measure.proven).then_some(Repeat {
            bed: known.bed,
            channel: known.channel,
            sample: known.sample,
            distance: offset,
            proven,
        })
    }
}

/// Spreads a rolling hash over the bits that are compared: Fibonacci hashing (Knuth, The Art of Computer Programming,
/// volume 3, section 6.4) of both halves.
const fn mix(hash: u64) -> u64 {
    (hash ^ hash >> 32).wrapping_mul(BASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURE: Measure = Measure { window: 256, run: 64, proven: 384, variance_quarters_min: 16 };

    /// Noise of a seeded xorshift: no stretch of it comes twice.
    fn noise(mut seed: u64, length: usize) -> Vec<u8> {
        let next = |_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 40) as u8
        };
        (0..length).map(next).collect()
    }

    fn found(samples: &[u8]) -> Option<(usize, Repeat)> {
        let (mut table, mut tracker) = (Table::default(), Tracker::new(MEASURE, 0));
        samples.iter().enumerate().find_map(|(at, code)| {
            let now = CaptureTime::from_nanos(at as i64 * 4_000_000);
            Some((at, tracker.push(&[*code], (3, 1), now, &mut table)?))
        })
    }

    #[test]
    fn two_seconds_replayed_are_found_at_any_alignment() {
        for (from, to) in [(0, 5_000), (1, 5_000), (777, 5_001), (1_500, 6_123), (2_048, 9_000)] {
            let mut samples = noise(9, 10_000);
            samples.copy_within(from..from + 512, to);
            let (at, repeat) = found(&samples).unwrap();
            assert!((to..to + 512).contains(&at), "{from} {to}: {at}");
            assert_eq!((repeat.bed, repeat.channel, repeat.distance as usize), (3, 1, to - from));
            assert!(repeat.proven >= 384);
        }
    }

    #[test]
    fn what_never_came_before_is_not_found() {
        assert_eq!(found(&noise(4, 60_000)), None);
    }

    #[test]
    fn one_second_alone_and_flat_lines_are_not_found() {
        let mut samples = noise(5, 10_000);
        samples.copy_within(1_000..1_256, 7_000);
        assert_eq!(found(&samples), None);
        let flat: Vec<u8> = (0..10_000_u32).map(|at| 100 + (at % 3) as u8).collect();
        assert_eq!(found(&flat), None);
    }

    #[test]
    fn a_loop_is_found_at_its_own_length() {
        let pattern = noise(6, 300);
        let samples: Vec<u8> =
            noise(7, 1_000).into_iter().chain(pattern.into_iter().cycle().take(2_000)).collect();
        let (at, repeat) = found(&samples).unwrap();
        assert!(at < 1_000 + 300 + 512, "{at}");
        assert_eq!(repeat.distance, 300);
    }

    #[test]
    fn another_beds_stretch_is_found() {
        let (mut table, now) = (Table::default(), CaptureTime::from_nanos(0));
        let samples = noise(8, 1_024);
        let (mut one, mut other) = (Tracker::new(MEASURE, 0), Tracker::new(MEASURE, 0));
        assert_eq!(one.push(&samples, (1, 0), now, &mut table), None);
        let repeat = other.push(&samples[300..900], (2, 0), now, &mut table).unwrap();
        assert_eq!((repeat.bed, repeat.channel), (1, 0));
    }

    #[test]
    fn no_window_spans_a_gap() {
        let (mut table, mut tracker) = (Table::default(), Tracker::new(MEASURE, 0));
        let now = CaptureTime::from_nanos(0);
        let samples = noise(10, 4_096);
        tracker.push(&samples, (0, 0), now, &mut table);
        for piece in samples[1_000..2_000].chunks(250) {
            tracker.gap();
            assert_eq!(tracker.push(piece, (0, 0), now, &mut table), None);
        }
    }

    #[test]
    fn the_table_forgets_what_is_old_and_grows_with_what_is_not() {
        let (mut table, mut tracker) = (Table::default(), Tracker::new(MEASURE, 0));
        let samples = noise(11, 2_048);
        let minutes = |minutes: i64| CaptureTime::from_nanos(minutes * 60_000_000_000);
        tracker.push(&samples, (0, 0), minutes(0), &mut table);
        for minute in (1..=60).step_by(3) {
            tracker.push(&noise(1_000 + minute as u64, 2_048), (0, 0), minutes(minute), &mut table);
        }
        tracker.gap();
        assert_eq!(tracker.push(&samples, (0, 0), minutes(61), &mut table), None);
        assert!(table.held() > 10 * 2_048 / 64);
    }
}
