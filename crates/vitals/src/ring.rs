//! The last samples of a signal, addressed by their position, and sums over them; sized once.

/// The last values of a signal. Values that were never there or are gone read as 0.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    cells: Box<[i64]>,
    pushed: u64,
}

impl Ring {
    /// A ring that holds at least the last `held` values.
    pub(crate) fn new(held: usize) -> Self {
        Self { cells: vec![0; held.max(1).next_power_of_two()].into_boxed_slice(), pushed: 0 }
    }

    /// Adds a value as the newest one.
    pub(crate) fn push(&mut self, value: i64) {
        let place = self.place(self.pushed);
        if let Some(cell) = self.cells.get_mut(place) {
            *cell = value;
        }
        self.pushed += 1;
    }

    /// The value at position `at`, counted from 0 since the last [`Ring::clear`].
    pub(crate) fn at(&self, at: u64) -> i64 {
        if at >= self.pushed || self.pushed - at > self.cells.len() as u64 {
            return 0;
        }
        self.cells.get(self.place(at)).copied().unwrap_or(0)
    }

    /// The value `back` places before the newest one, which is at 0.
    pub(crate) fn back(&self, back: usize) -> i64 {
        self.pushed.checked_sub(1 + back as u64).map_or(0, |at| self.at(at))
    }

    /// How many values were pushed since the last [`Ring::clear`].
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Forgets all values.
    pub(crate) fn clear(&mut self) {
        self.cells.fill(0);
        self.pushed = 0;
    }

    fn place(&self, at: u64) -> usize {
        // The length is a power of two, so the mask keeps the place inside.
        (at & (self.cells.len() as u64 - 1)) as usize
    }
}

/// The sum over the last values of a signal: a moving average without its division.
#[derive(Clone, Debug)]
pub(crate) struct MovingSum {
    ring: Ring,
    length: usize,
    sum: i64,
}

impl MovingSum {
    /// A sum over `length` values.
    pub(crate) fn new(length: usize) -> Self {
        let length = length.max(1);
        Self { ring: Ring::new(length), length, sum: 0 }
    }

    /// Adds a value and tells the sum of the last ones.
    pub(crate) fn push(&mut self, value: i64) -> i64 {
        let gone = self.ring.back(self.length - 1);
        self.ring.push(value);
        self.sum += value - gone;
        self.sum
    }

    /// Starts as if `value` had been there for ever, so that an offset makes no step.
    pub(crate) fn fill(&mut self, value: i64) {
        self.ring.clear();
        self.sum = 0;
        for _ in 0..self.length {
            self.push(value);
        }
    }
}
