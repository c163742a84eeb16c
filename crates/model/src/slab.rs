//! Rows that stay where they are.

/// Rows of one chunk. A power of two, so that a slot's chunk and place are a shift and a mask; a chunk of flows
/// is some tens of kilobytes.
const CHUNK_ROWS: usize = 256;

/// A table by slot that grows in chunks: no row is ever moved, so growing costs neither a copy nor, for a moment,
/// twice the memory.
///
/// Slots are the caller's: it keeps them dense and says how many there may be.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    chunks: Vec<Box<[Option<T>]>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    /// Without rows.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// The row in `slot`.
    #[inline]
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<&T> {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK_ROWS)?.get(slot % CHUNK_ROWS)?.as_ref()
    }

    /// The row in `slot`, to be changed.
    #[inline]
    pub fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        let slot = slot as usize;
        self.chunks.get_mut(slot / CHUNK_ROWS)?.get_mut(slot % CHUNK_ROWS)?.as_mut()
    }

    /// Puts `row` into `slot`, in place of what was there. Makes room for all slots up to it.
    pub fn put(&mut self, slot: u32, row: T) {
        let slot = slot as usize;
        while self.chunks.len() <= slot / CHUNK_ROWS {
            self.chunks.push(std::iter::repeat_with(|| None).take(CHUNK_ROWS).collect());
        }
        let chunk = self.chunks.get_mut(slot / CHUNK_ROWS);
        if let Some(place) = chunk.and_then(|chunk| chunk.get_mut(slot % CHUNK_ROWS)) {
            *place = Some(row);
        }
    }

    /// Drops the row in `slot` where it stands.
    pub fn clear(&mut self, slot: u32) {
        let slot = slot as usize;
        let chunk = self.chunks.get_mut(slot / CHUNK_ROWS);
        if let Some(place) = chunk.and_then(|chunk| chunk.get_mut(slot % CHUNK_ROWS)) {
            *place = None;
        }
    }

    /// Every row, to be changed.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.chunks.iter_mut().flatten().filter_map(Option::as_mut)
    }

    /// The slots that hold a row, ascending.
    pub fn slots(&self) -> impl Iterator<Item = u32> {
        (0..).zip(self.chunks.iter().flatten()).filter(|(_, row)| row.is_some()).map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_where_they_were_put_across_chunks() {
        let mut slab = Slab::new();
        for slot in [0, 255, 256, 1000] {
            slab.put(slot, slot);
        }
        assert_eq!(slab.slots().collect::<Vec<_>>(), [0, 255, 256, 1000]);
        slab.clear(256);
        slab.clear(u32::MAX);
        assert_eq!((slab.at(255), slab.at(256)), (Some(&255), None));
        assert_eq!((slab.at(257), slab.at(1000), slab.at(u32::MAX)), (None, Some(&1000), None));
        slab.put(1000, 7);
        assert_eq!(slab.at_mut(1000), Some(&mut 7));
        slab.all_mut().for_each(|row| *row += 1);
        assert_eq!(
            (slab.at(0), slab.at(255), slab.at(256), slab.at(1000)),
            (Some(&1), Some(&256), None, Some(&8))
        );
    }
}
