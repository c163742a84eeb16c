//! What the programs' readers share: where results go, and what this flow has told already.

use super::xdr::Xdr;
use crate::{ContentId, ContentPart, Scope, Sink};
use model::{
    Endpoint, Fact, FastState, Field, Malformed, Mover, Offer, Schema, Storage, StorageOutcome, StorageStep,
    Text, Transport, Value,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use std::ops::Range;

/// Most facts remembered as told, per flow. Our limit; beyond it the memory starts anew, so that a fact may
/// be told again.
const TOLD_MAX: usize = 512;
/// Most written files whose length is kept until the flow ends. Our limit; the one with the lowest key is
/// told early.
const WRITTEN_MAX: usize = 64;
/// Most fields of one message. Our limit; the later ones of a long listing are left out.
const FIELDS_MAX: usize = 256;
/// Name of the file service in facts.
const SERVICE: &str = "NFS";

/// A 64-bit key of some bytes, for tables of one run.
pub(crate) fn key_of(bytes: &[u8]) -> u64 {
    let mut hasher = FastState.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// What one flow has told and must not forget.
#[derive(Debug, Default)]
pub(crate) struct Known {
    told: BTreeSet<u64>,
    machine: Option<u64>,
    /// Some use of storage was told.
    uses_storage: bool,
    /// The only use told is a look.
    looked: bool,
    written: BTreeMap<u64, Written>,
}

impl Known {
    /// Whether nobody told this before.
    fn is_new(&mut self, parts: [u64; 3]) -> bool {
        let mut hasher = FastState.build_hasher();
        parts.iter().for_each(|part| hasher.write_u64(*part));
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        self.told.insert(hasher.finish())
    }

    /// The flow is over: what was written is as long as its last attributes said.
    pub(crate) fn end(&mut self, out: &mut dyn Sink) {
        for (key, written) in std::mem::take(&mut self.written) {
            written.tell(out, key, false);
        }
    }
}

/// What is known of the length of a file that is being written.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    /// By the last attributes, else where the furthest write ended.
    bytes: u64,
    /// The server's attributes said so.
    attested: bool,
    /// It was made or emptied before the first write.
    fresh: bool,
}

impl Written {
    /// Tells the end of the file. `closed`: the writer said that it is done.
    fn tell(self, out: &mut dyn Sink, key: u64, closed: bool) {
        let id = ContentId { scope: Scope::HostPair, key, mover: Mover::Pushed };
        let complete = closed && self.fresh;
        if self.bytes > 0 && (self.attested || complete) {
            out.content(id, ContentPart::Length(self.bytes));
        }
        if self.bytes > 0 {
            out.content(id, ContentPart::End { complete });
        }
    }
}

/// Key of facts about looks, which are told once per flow.
pub(crate) const LOOK_KEY: u64 = 0x004C_4F4F_4B00;

/// Tags of [`Known::is_new`] beside the storage steps.
const TAG_PATH: u64 = 100;
const TAG_LENGTH: u64 = 101;
const TAG_OFFER: u64 = 102;
const TAG_MALFORMED: u64 = 103;
const TAG_EXPECT: u64 = 104;
const TAG_SOFTWARE: u64 = 105;

/// Bulk bytes of a file that go on behind what was at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    /// Whose bytes.
    pub(crate) id: ContentId,
    /// Where the next byte belongs in the file.
    pub(crate) offset: u64,
    /// How many are to come.
    pub(crate) left: u64,
}

/// Fields of the message that is being read; nothing is built when nobody wants it.
pub(crate) struct Fields {
    wanted: bool,
    list: Vec<(&'static Field, Value)>,
}

impl Fields {
    /// For `schema`.
    pub(crate) fn of(schema: &'static Schema, out: &dyn Sink) -> Self {
        Self { wanted: out.wants_message(schema), list: Vec::new() }
    }

    fn push(&mut self, field: &'static Field, value: impl FnOnce() -> Value) {
        if self.wanted && self.list.len() < FIELDS_MAX {
            self.list.push((field, value()));
        }
    }

    /// A number.
    pub(crate) fn number(&mut self, field: &'static Field, value: impl Into<u64>) {
        let value = value.into();
        self.push(field, || Value::Number(value));
    }

    /// A text.
    pub(crate) fn text(&mut self, field: &'static Field, bytes: &[u8]) {
        self.push(field, || Value::text(bytes));
    }

    /// A Boolean.
    pub(crate) fn flag(&mut self, field: &'static Field, value: bool) {
        self.push(field, || Value::Flag(value));
    }

    /// Raw bytes.
    pub(crate) fn bytes(&mut self, field: &'static Field, bytes: &[u8]) {
        self.push(field, || Value::Bytes(bytes.into()));
    }

    /// Tells the message.
    pub(crate) fn tell(self, schema: &'static Schema, range: Range<usize>, out: &mut dyn Sink) {
        if self.wanted && !self.list.is_empty() {
            out.message(schema, &self.list, range);
        }
    }
}

/// One message being read by a program's reader.
pub(crate) struct Reading<'a> {
    /// Where results go.
    pub(crate) out: &'a mut dyn Sink,
    /// What the flow told before.
    pub(crate) known: &'a mut Known,
    /// The message's fields.
    pub(crate) fields: Fields,
    /// Set when the bytes of a file go on behind the message's part at hand.
    pub(crate) bulk: Option<Bulk>,
    /// Who sent the message.
    pub(crate) sender: Option<Endpoint>,
}

impl Reading<'_> {
    /// The side of this step asked for storage. Told once per flow and `key`.
    pub(crate) fn asked(&mut self, step: StorageStep, key: u64, path: Option<&Text>, range: Range<usize>) {
        self.known.uses_storage = true;
        if self.known.is_new([step as u64, 0, key]) {
            let fact = storage(step, StorageOutcome::Asked, path);
            self.out.fact(fact, range);
        }
    }

    /// The side of this step looked at storage without further meaning: told if nothing else was.
    pub(crate) fn looked(&mut self, path: Option<&Text>, range: Range<usize>) {
        if !self.known.uses_storage {
            self.asked(StorageStep::Browse, LOOK_KEY, path, range);
            self.known.looked = true;
        }
    }

    /// The side of this step answers what the other asked for. Told once per flow, `key` and outcome.
    pub(crate) fn answered(
        &mut self,
        step: StorageStep,
        status: u32,
        key: u64,
        path: Option<&Text>,
        range: Range<usize>,
    ) {
        if key == LOOK_KEY && !self.known.looked {
            return;
        }
        let outcome = if status == 0 { StorageOutcome::Granted } else { StorageOutcome::Refused(status) };
        if self.known.is_new([step as u64, 1 + u64::from(status), key]) {
            self.out.fact_of_other(storage(step, outcome, path), range);
        }
    }

    /// Locating is told per asked program; a refusal has no status of its own.
    pub(crate) fn located(&mut self, found: bool, key: u64, range: Range<usize>) {
        let outcome = if found { StorageOutcome::Granted } else { StorageOutcome::Refused(0) };
        if self.known.is_new([StorageStep::Locate as u64, 1 + u64::from(!found), key]) {
            self.out.fact_of_other(storage(StorageStep::Locate, outcome, None), range);
        }
    }

    /// The side of this step serves files.
    pub(crate) fn serves_files(&mut self, range: Range<usize>) {
        if self.known.is_new([TAG_OFFER, 0, 0]) {
            self.out.fact(Fact::Offers(Offer::FileShare), range);
        }
    }

    /// The name that the caller gives itself.
    pub(crate) fn machine_name(&mut self, name: &[u8], range: Range<usize>) {
        let key = key_of(name);
        if !name.is_empty() && self.known.machine != Some(key) {
            self.known.machine = Some(key);
            let identifier = model::Identifier::HostName(Text::from_bytes(name));
            self.out.fact(Fact::Identified(model::About::Sender, identifier), range);
        }
    }

    /// The name of the software that the sender runs.
    pub(crate) fn software(&mut self, name: &[u8], range: Range<usize>) {
        if !name.is_empty() && self.known.is_new([TAG_SOFTWARE, key_of(name), 0]) {
            let identifier = model::Identifier::Software(Text::from_bytes(name));
            self.out.fact(Fact::Identified(model::About::Sender, identifier), range);
        }
    }

    /// The side of this step broke the program's protocol; told once per field.
    pub(crate) fn malformed(&mut self, fault: Malformed, range: Range<usize>) {
        if self.known.is_new([TAG_MALFORMED, key_of(fault.field.as_bytes()), 0]) {
            self.out.fact(Fact::Malformed(fault), range);
        }
    }

    /// A flow is announced, once.
    pub(crate) fn expect(&mut self, expectation: crate::Expectation) {
        let key = key_of(expectation.protocol.as_bytes());
        let over_tcp = expectation.transport == Transport::Tcp;
        let place = u64::from(expectation.port) << 1 | u64::from(over_tcp);
        if self.known.is_new([TAG_EXPECT, key, place]) {
            self.out.expect(expectation);
        }
    }

    /// Bytes of the file with the handle `key`: at most `length` of them are next in `xdr`. Those that are
    /// not at hand are left in [`Self::bulk`]; true when all were at hand.
    pub(crate) fn carry(
        &mut self,
        id: ContentId,
        offset: u64,
        length: u32,
        path: Option<&Text>,
        xdr: &mut Xdr<'_>,
    ) -> bool {
        if let Some(path) = path
            && self.known.is_new([TAG_PATH, id.key, id.mover as u64])
        {
            self.out.content(id, ContentPart::Path(path.as_str().as_bytes()));
        }
        let bytes = xdr.take_up_to(length as usize);
        if !bytes.is_empty() {
            self.out.content(id, ContentPart::Bytes { offset, bytes });
        }
        let left = u64::from(length).saturating_sub(bytes.len() as u64);
        if left > 0 {
            self.bulk = Some(Bulk { id, offset: offset.saturating_add(bytes.len() as u64), left });
            return false;
        }
        xdr.pad(length as usize);
        true
    }

    /// A fetched file is `bytes` long.
    pub(crate) fn fetched_length(&mut self, key: u64, bytes: u64) {
        if self.known.is_new([TAG_LENGTH, key, bytes]) {
            let id = ContentId { scope: Scope::HostPair, key, mover: Mover::Fetched };
            self.out.content(id, ContentPart::Length(bytes));
        }
    }

    /// By its attributes, a file that was written is `bytes` long by now. It may still grow, so that this is
    /// told when the flow ends.
    pub(crate) fn written_length(&mut self, key: u64, bytes: u64) {
        let known = self.known.written.get(&key).copied().unwrap_or_default();
        // Answers may overtake each other: a smaller size is an older one.
        let bytes = bytes.max(known.bytes);
        self.keep(key, Written { bytes, attested: true, fresh: known.fresh });
    }

    /// As [`Self::written_length`], if any of the file was written on this flow.
    pub(crate) fn attested(&mut self, key: u64, bytes: u64) {
        if let Some(written) = self.known.written.get_mut(&key)
            && bytes >= written.bytes
        {
            (written.bytes, written.attested) = (bytes, true);
        }
    }

    /// A file was made or emptied, and what is written to it is all of it.
    pub(crate) fn emptied(&mut self, key: u64) {
        self.keep(key, Written { bytes: 0, attested: true, fresh: true });
    }

    /// A file was written up to the offset `end`.
    pub(crate) fn wrote(&mut self, key: u64, end: u64) {
        let mut written = self.known.written.get(&key).copied().unwrap_or_default();
        if end > written.bytes {
            (written.bytes, written.attested) = (end, false);
        }
        self.keep(key, written);
    }

    fn keep(&mut self, key: u64, written: Written) {
        self.known.written.insert(key, written);
        if self.known.written.len() > WRITTEN_MAX
            && let Some((key, written)) = self.known.written.pop_first()
        {
            written.tell(self.out, key, false);
        }
    }

    /// The writer closed the file.
    pub(crate) fn written_end(&mut self, key: u64) {
        if let Some(written) = self.known.written.remove(&key) {
            written.tell(self.out, key, true);
        }
    }
}

fn storage(step: StorageStep, outcome: StorageOutcome, path: Option<&Text>) -> Fact {
    Fact::Storage(Box::new(Storage { step, outcome, path: path.cloned(), service: SERVICE }))
}

/// A path and a name below it. `.` and `..` mean what they mean to a file system.
pub(crate) fn join(parent: &Text, name: &Text) -> Text {
    let trunk = parent.as_str().trim_end_matches('/');
    match name.as_str() {
        "." => parent.clone(),
        ".." => match trunk.rsplit_once('/') {
            Some((above, _)) if !above.is_empty() => Text::from(above),
            _ => Text::from("/"),
        },
        name => Text::from(format!("{trunk}/{name}").as_str()),
    }
}

/// `parent`/`name` as far as both are known.
pub(crate) fn join_known(parent: Option<&Text>, name: Option<&Text>) -> Option<Text> {
    match (parent, name) {
        (Some(parent), Some(name)) => Some(join(parent, name)),
        (None, name) => name.cloned(),
        (parent, None) => parent.cloned(),
    }
}
