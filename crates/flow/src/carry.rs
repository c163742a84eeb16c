//! Carried files: pieces at any offset, in any order, to one hash.
//!
//! A file is hashed as it streams by. Pieces that come before their turn are held until the hole before them
//! closes; nothing else of the content is kept, unless a [`Keeper`] asks for it.
//!
//! A file ends when its protocol says so, when it is contiguous up to its told length, or when the last flow
//! that carried some of it ends.
//!
//! # Limits
//! [`FILES_MAX`] files and [`LATE_BYTES_MAX`] bytes out of turn are held per shard, [`FILE_LATE_BYTES_MAX`] for
//! one file. At the limit the file that was touched longest ago is ended as not whole, and bytes out of turn
//! are dropped, which makes their file not whole.

use crate::kind::{HEAD_BYTES, content_kind};
use crate::options::Keeper;
use model::{CarriedFile, Digest256, Evidence, FlowId, Mover, Side, Text};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use wire::{ContentId, ContentPart};

/// Files being carried at once, per shard. Our limit.
pub const FILES_MAX: usize = 1_024;
/// Bytes out of turn held per shard. Our limit.
pub const LATE_BYTES_MAX: usize = 8 << 20;
/// Bytes out of turn held for one file: four reads of 1 MiB in flight. Our limit.
pub const FILE_LATE_BYTES_MAX: usize = 4 << 20;

const _: () = assert!(FILE_LATE_BYTES_MAX <= LATE_BYTES_MAX);

/// Names a file within a shard: what the parser calls it, within a flow or a pair of hosts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    /// Flow or host pair, by the scope of the id.
    pub(crate) place: u64,
    pub(crate) id: ContentId,
}

/// Where a piece was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) flow: FlowId,
    pub(crate) side: Side,
    pub(crate) evidence: Evidence,
}

/// A file that is over, with who sent it.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) flow: FlowId,
    pub(crate) side: Side,
    pub(crate) file: CarriedFile,
}

struct Carry {
    file: u64,
    touched: u64,
    path: Option<Text>,
    length: Option<u64>,
    hash: Sha256,
    /// Contiguous from the front.
    hashed: u64,
    head: Vec<u8>,
    late: BTreeMap<u64, Box<[u8]>>,
    late_bytes: usize,
    /// Highest offset seen.
    reached: u64,
    /// Bytes that will never come.
    lost: bool,
    /// It was whole and told; pieces that come again are repetitions.
    told: bool,
    first: Option<Evidence>,
    last: Seen,
}

/// The files being carried in one shard.
#[derive(Default)]
pub(crate) struct Carrier {
    files: BTreeMap<Key, Box<Carry>>,
    /// The files that each flow, by its slot, carried some of last.
    carried: BTreeMap<u32, BTreeSet<Key>>,
    shard: u8,
    serial: u64,
    late_bytes: usize,
}

impl Carrier {
    pub(crate) fn new(shard: u8) -> Self {
        Self { shard, ..Self::default() }
    }

    /// Takes a part; puts the file into `over` if that was the end of it. Gives the file's number where it goes on.
    pub(crate) fn part(
        &mut self,
        key: Key,
        part: ContentPart<'_>,
        seen: Seen,
        keeper: Option<&dyn Keeper>,
        over: &mut Vec<Over>,
    ) -> Option<u64> {
        if let ContentPart::End { complete } = part {
            if let Some(carry) = self.remove(key) {
                over.extend(carry.over(key.id.mover, complete, keeper));
            }
            return None;
        }
        self.make_room(key, keeper, over);
        self.serial += 1;
        let file = u64::from(self.shard) << 48 | self.serial;
        let serial = self.serial;
        let before = self.files.get(&key).map(|carry| carry.last.flow.slot);
        let carry = self.files.entry(key).or_insert_with(|| Box::new(Carry::new(file, seen)));
        carry.touched = serial;
        match part {
            ContentPart::Path(path) => carry.path = Some(Text::from_bytes(path)),
            ContentPart::Length(length) => carry.length = Some(length),
            ContentPart::Missing { .. } if carry.told => {}
            ContentPart::Missing { offset, bytes } => {
                carry.lost |= bytes > 0;
                carry.reached = carry.reached.max(offset.saturating_add(bytes));
            }
            ContentPart::Bytes { offset, bytes } => {
                if carry.told && offset == 0 && !bytes.is_empty() {
                    // Carried again from its start: another copy.
                    let path = carry.path.take();
                    **carry = Carry { path, length: carry.length, touched: serial, ..Carry::new(file, seen) };
                }
                let room = LATE_BYTES_MAX.saturating_sub(self.late_bytes);
                let before = carry.late_bytes;
                carry.bytes(offset, bytes, seen, keeper, room);
                self.late_bytes = self.late_bytes - before + carry.late_bytes;
            }
            ContentPart::End { .. } => {}
        }
        if !carry.told && carry.length.is_some_and(|length| length == carry.hashed && carry.first.is_some()) {
            over.extend(carry.tell(key.id.mover, true, keeper));
            carry.told = true;
        }
        let file = carry.file;
        let slot = carry.last.flow.slot;
        if before != Some(slot) {
            self.forget(before, key);
            self.carried.entry(slot).or_default().insert(key);
        }
        Some(file)
    }

    /// `key` is not what the flow in `slot` carried last any more.
    fn forget(&mut self, slot: Option<u32>, key: Key) {
        if let Some(slot) = slot
            && let Some(keys) = self.carried.get_mut(&slot)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.carried.remove(&slot);
            }
        }
    }

    fn remove(&mut self, key: Key) -> Option<Box<Carry>> {
        let carry = self.files.remove(&key)?;
        self.forget(Some(carry.last.flow.slot), key);
        self.late_bytes -= carry.late_bytes;
        Some(carry)
    }

    /// `flow` is over: so are the files that it carried last.
    pub(crate) fn end_flow(&mut self, flow: FlowId, keeper: Option<&dyn Keeper>, over: &mut Vec<Over>) {
        for key in self.carried.remove(&flow.slot).unwrap_or_default() {
            if let Some(mut carry) = self.remove(key) {
                over.extend(carry.tell(key.id.mover, false, keeper));
            }
        }
    }

    /// At the limit, the file that was touched longest ago is ended.
    fn make_room(&mut self, key: Key, keeper: Option<&dyn Keeper>, over: &mut Vec<Over>) {
        if self.files.len() < FILES_MAX || self.files.contains_key(&key) {
            return;
        }
        let oldest = self.files.iter().min_by_key(|(_, carry)| carry.touched).map(|(key, _)| *key);
        if let Some(oldest) = oldest
            && let Some(carry) = self.remove(oldest)
        {
            over.extend(carry.over(oldest.id.mover, false, keeper));
        }
    }
}

impl Carry {
    fn new(file: u64, last: Seen) -> Self {
        Self {
            file,
            touched: 0,
            path: None,
            length: None,
            hash: Sha256::new(),
            hashed: 0,
            head: Vec::new(),
            late: BTreeMap::new(),
            late_bytes: 0,
            reached: 0,
            lost: false,
            told: false,
            first: None,
            last,
        }
    }

    fn bytes(&mut self, offset: u64, bytes: &[u8], seen: Seen, keeper: Option<&dyn Keeper>, room: usize) {
        if bytes.is_empty() || self.told {
            return;
        }
        self.first.get_or_insert(seen.evidence);
        self.last = seen;
        self.reached = self.reached.max(offset.saturating_add(bytes.len() as u64));
        if let Some(keeper) = keeper {
            keeper.bytes(self.file, offset, bytes);
        }
        if offset <= self.hashed {
            let known = usize::try_from(self.hashed - offset).unwrap_or(usize::MAX);
            if let Some(fresh) = bytes.get(known..) {
                self.eat(fresh);
            }
            self.drain();
        } else if self.late.get(&offset).is_none_or(|late| late.len() < bytes.len()) {
            let room = room.min(FILE_LATE_BYTES_MAX.saturating_sub(self.late_bytes));
            if bytes.len() > room {
                self.lost = true;
                return;
            }
            self.late_bytes += bytes.len();
            if let Some(shorter) = self.late.insert(offset, bytes.into()) {
                self.late_bytes -= shorter.len();
            }
        }
    }

    fn eat(&mut self, fresh: &[u8]) {
        let wanted = HEAD_BYTES - self.head.len().min(HEAD_BYTES);
        if wanted > 0 {
            self.head.extend_from_slice(fresh.get(..wanted).unwrap_or(fresh));
        }
        self.hash.update(fresh);
        self.hashed += fresh.len() as u64;
    }

    fn drain(&mut self) {
        while let Some(entry) = self.late.first_entry() {
            if *entry.key() > self.hashed {
                break;
            }
            let (offset, late) = entry.remove_entry();
            self.late_bytes -= late.len();
            let known = usize::try_from(self.hashed - offset).unwrap_or(usize::MAX);
            if let Some(fresh) = late.get(known..) {
                self.eat(fresh);
            }
        }
    }

    fn over(mut self: Box<Self>, mover: Mover, complete: bool, keeper: Option<&dyn Keeper>) -> Option<Over> {
        self.tell(mover, complete, keeper)
    }

    /// What there is to say, once; nothing where no byte was seen.
    fn tell(&mut self, mover: Mover, complete: bool, keeper: Option<&dyn Keeper>) -> Option<Over> {
        let first = self.first.filter(|_| !self.told)?;
        let contiguous = self.late.is_empty() && self.hashed == self.reached;
        let whole = contiguous && self.length.map_or(complete, |length| length == self.hashed);
        let digest: [u8; 32] = self.hash.finalize_reset().into();
        let file = CarriedFile {
            path: self.path.clone(),
            mover,
            bytes: self.length.unwrap_or(self.reached),
            whole,
            sha256: whole.then_some(Digest256(digest)),
            kind: content_kind(&self.head),
            first,
            last: self.last.evidence,
        };
        if let Some(keeper) = keeper {
            keeper.end(self.file, &file);
        }
        Some(Over { flow: self.last.flow, side: self.last.side, file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Scope;

    const FLOW: FlowId = FlowId { shard: 0, slot: 0 };
    const KEY: Key = Key { place: 1, id: ContentId { scope: Scope::Flow, key: 1, mover: Mover::Fetched } };
    /// SHA-256 of `abcdefgh`, by coreutils' sha256sum.
    const EIGHT: &str = "9c56cc51b374c3ba189210d5b6d4bf57790d351c96c47c02190ecf1e430635ab";

    fn seen(frame: u64) -> Seen {
        Seen { flow: FLOW, side: Side::Server, evidence: Evidence { capture: 0, frame } }
    }

    fn carry(parts: &[ContentPart<'_>]) -> Vec<Over> {
        let (mut carrier, mut over) = (Carrier::new(0), Vec::new());
        for (frame, part) in (1..).zip(parts) {
            carrier.part(KEY, *part, seen(frame), None, &mut over);
        }
        carrier.end_flow(FLOW, None, &mut over);
        assert_eq!(carrier.late_bytes, 0);
        over
    }

    fn bytes(offset: u64, bytes: &[u8]) -> ContentPart<'_> {
        ContentPart::Bytes { offset, bytes }
    }

    #[test]
    fn pieces_in_any_order_make_one_hash() {
        let parts = [bytes(4, b"efgh"), ContentPart::Length(8), bytes(2, b"cdXX"), bytes(0, b"ab")];
        let over = carry(&parts);
        assert_eq!(over.len(), 1);
        let file = &over[0].file;
        // Of overlapping pieces, what becomes contiguous first stands.
        assert_eq!((file.whole, file.bytes), (true, 8));
        assert_eq!((file.first.frame, file.last.frame), (1, 4));
        let straight = carry(&[bytes(0, b"abcdefgh"), ContentPart::Length(8)]);
        assert_eq!(straight[0].file.sha256.unwrap().to_string(), EIGHT);
    }

    #[test]
    fn a_file_with_a_hole_has_no_hash() {
        let over = carry(&[bytes(0, b"ab"), bytes(4, b"ef"), ContentPart::End { complete: true }]);
        assert_eq!((over[0].file.whole, over[0].file.sha256, over[0].file.bytes), (false, None, 6));
    }

    #[test]
    fn a_file_that_ends_with_its_flow_is_not_claimed_whole() {
        assert!(!carry(&[bytes(0, b"abcdefgh")])[0].file.whole);
        assert!(carry(&[bytes(0, b"abcdefgh"), ContentPart::End { complete: true }])[0].file.whole);
    }

    #[test]
    fn repeated_pieces_of_a_whole_file_are_not_told_again() {
        let parts = [ContentPart::Length(8), bytes(0, b"abcdefgh"), bytes(4, b"efgh"), bytes(4, b"efgh")];
        assert_eq!(carry(&parts).len(), 1);
        let again = [ContentPart::Length(8), bytes(0, b"abcdefgh"), bytes(0, b"abcdefgh")];
        assert_eq!(carry(&again).len(), 2);
    }

    #[test]
    fn memory_is_bounded_by_ending_the_oldest() {
        let (mut carrier, mut over) = (Carrier::new(0), Vec::new());
        for place in 0..2 * FILES_MAX as u64 {
            carrier.part(Key { place, ..KEY }, bytes(0, b"ab"), seen(1), None, &mut over);
        }
        assert_eq!(carrier.files.len(), FILES_MAX);
        assert_eq!(over.len(), FILES_MAX);
        let big = vec![0; FILE_LATE_BYTES_MAX + 1];
        carrier.part(KEY, bytes(1, &big), seen(1), None, &mut over);
        assert_eq!(carrier.late_bytes, 0);
    }
}
