//! NFS v4.0 to v4.2: many operations per call.
//!
//! Operations work on a *current file handle* that earlier ones set, so that a call is read as a walk: PUTFH
//! and PUTROOTFH begin it, LOOKUP, OPEN and CREATE lead on by names, READ and WRITE act where it stands. The
//! reply answers the same operations in the same order up to the first that failed; GETFH in it tells the
//! handle of the place, whose path is kept.
//!
//! # Wire format
//! ```text
//! call:    | tag | minor version | count | { operation | arguments } … |
//! reply:   | status | tag | count | { operation | status | results } … |
//! READ     stateid 16 | offset 8 | count          →  eof | data
//! WRITE    stateid 16 | offset 8 | stable | data  →  count | committed | verifier 8
//! OPEN     seqid | access | deny | owner | how | claim with the name
//!                                                 →  stateid 16 | change 20 | flags | bitmap | delegation
//! ```
//! See [`super::operation`] for the others.
//!
//! # Limits
//! Of a compound, [`OPERATIONS_MAX`] operations are read, and [`PLANNED_MAX`] are kept for the reply. An
//! operation whose length cannot be known, or content that goes on behind the part at hand, ends the reading;
//! what was read before it stands.
//!
//! # Source
//! RFC 7530 §15-16, RFC 8881 §18, RFC 7862 §15.

use super::operation::{attributes, operation, pass};
use super::{
    COUNT, EOF, FILE_TYPE, HANDLE, HANDLE_BYTES_MAX, MINOR_VERSION, NAME_BYTES_MAX, OFFSET, OPERATION,
    PROCEDURE_NAME, SIZE, STATUS, content_id, fact_key, name,
};
use crate::ContentPart;
use crate::proto::rpc::{Reading, Xdr, join, join_known, key_of};
use model::{Malformed, Mover, StorageStep, Text};
use std::ops::Range;

/// Most operations of a compound that are read. Our limit; those beyond are passed over.
const OPERATIONS_MAX: u32 = 128;
/// Most operations that are kept for the reply. Our limit; answers to those beyond are not read.
const PLANNED_MAX: usize = 16;
/// Largest READ or WRITE that is believed, in bytes. Our limit, 64 times that of common servers.
const CONTENT_BYTES_MAX: u32 = 64 << 20;
/// Longest tag, owner or server name, in bytes. Our limit, above `NFS4_OPAQUE_LIMIT`.
const TAG_BYTES_MAX: u32 = 4096;
/// Most entries of a directory listing that are read. Our limit; those beyond are passed over.
const ENTRIES_MAX: usize = 4096;
/// Most items of the short lists: flavours, implementations, stretches of a sparse read.
const ITEMS_MAX: u32 = 64;

/// Operations that are more than a shape.
mod number {
    pub(super) const CLOSE: u32 = 4;
    pub(super) const CREATE: u32 = 6;
    pub(super) const GETATTR: u32 = 9;
    pub(super) const GETFH: u32 = 10;
    pub(super) const LINK: u32 = 11;
    pub(super) const LOCK: u32 = 12;
    pub(super) const LOOKUP: u32 = 15;
    pub(super) const LOOKUPP: u32 = 16;
    pub(super) const OPEN: u32 = 18;
    pub(super) const PUTFH: u32 = 22;
    pub(super) const PUTPUBFH: u32 = 23;
    pub(super) const PUTROOTFH: u32 = 24;
    pub(super) const READ: u32 = 25;
    pub(super) const READDIR: u32 = 26;
    pub(super) const REMOVE: u32 = 28;
    pub(super) const RENAME: u32 = 29;
    pub(super) const RESTOREFH: u32 = 31;
    pub(super) const SAVEFH: u32 = 32;
    pub(super) const SECINFO: u32 = 33;
    pub(super) const SETATTR: u32 = 34;
    pub(super) const WRITE: u32 = 38;
    pub(super) const EXCHANGE_ID: u32 = 42;
    pub(super) const CREATE_SESSION: u32 = 43;
    pub(super) const SECINFO_NO_NAME: u32 = 52;
    pub(super) const READ_PLUS: u32 = 68;
}

/// Where a walk stands: a handle, a path, or both, as far as known.
#[derive(Clone, Debug, Default)]
struct Place {
    handle: Option<u64>,
    path: Option<Text>,
}

impl Place {
    fn below(&self, name: &Text) -> Self {
        Self { handle: None, path: join_known(self.path.as_ref(), Some(name)) }
    }

    /// Key of its content; a place reached by name only has no handle yet.
    fn key(&self) -> u64 {
        self.handle.unwrap_or_else(|| fact_key(self.path.as_ref(), None))
    }
}

/// A fact whose outcome the reply tells.
#[derive(Clone, Debug)]
struct Told {
    step: StorageStep,
    key: u64,
    path: Option<Text>,
}

/// One operation of a call, for its answer.
#[derive(Debug)]
struct Planned {
    number: u32,
    /// Where the walk stands after it.
    place: Place,
    told: Option<Told>,
    /// Where a READ begins.
    offset: u64,
    /// An OPEN that leaves the file empty, whatever was there: its creation must be new or truncates.
    empties: bool,
}

/// What a call asked.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// NULL, not a compound.
    is_null: bool,
    planned: Vec<Planned>,
}

impl Asked {
    /// Whether the reply may hold content of a file.
    pub(super) fn answer_may_carry(&self) -> bool {
        self.planned.iter().any(|planned| matches!(planned.number, number::READ | number::READ_PLUS))
    }
}

/// Reads the arguments of a call.
pub(super) fn call(
    procedure: u32,
    xdr: &mut Xdr<'_>,
    reading: &mut Reading<'_>,
) -> (Asked, Result<(), Malformed>) {
    tell_name(procedure == 0, reading);
    if procedure != 1 {
        return (Asked { is_null: procedure == 0, planned: Vec::new() }, Ok(()));
    }
    let mut walk = Walk::default();
    let start = xdr.offset();
    let result = walk.read(xdr, reading);
    walk.attach(xdr.since(start), reading);
    // A compound that only looks at a file is a use of storage all the same; told once per flow.
    if walk.on_file && !walk.told_any {
        let path = walk.here.path.clone();
        reading.looked(path.as_ref(), xdr.since(start));
    }
    (Asked { is_null: false, planned: walk.planned }, result)
}

fn tell_name(is_null: bool, reading: &mut Reading<'_>) {
    let name: &[u8] = if is_null { b"NULL" } else { b"COMPOUND" };
    reading.fields.text(&PROCEDURE_NAME, name);
}

/// The state of reading a call.
#[derive(Debug, Default)]
struct Walk {
    here: Place,
    saved: Place,
    planned: Vec<Planned>,
    /// The walk began at the root and has only gone down by names: it attaches a directory.
    attaching: bool,
    /// A handle was named.
    on_file: bool,
    told_any: bool,
}

/// What one operation's arguments said beyond where they lead.
#[derive(Default)]
struct Said {
    step: Option<StorageStep>,
    /// The name of what the step is about, below the place before the operation.
    subject: Option<Text>,
    offset: u64,
    empties: bool,
    /// The rest of the compound cannot be read.
    last: bool,
}

impl Walk {
    fn read(&mut self, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
        xdr.opaque(TAG_BYTES_MAX, "tag")?;
        reading.fields.number(&MINOR_VERSION, xdr.u32("minorversion")?);
        let count = xdr.u32("argarray")?;
        for _ in 0..count.min(OPERATIONS_MAX) {
            let start = xdr.offset();
            let number = xdr.u32("argop")?;
            let Some(operation) = operation(number) else { break };
            reading.fields.text(&OPERATION, operation.name.as_bytes());
            if self.attaching && number != number::LOOKUP {
                self.attach(xdr.since(start), reading);
            }
            let before = self.here.clone();
            let mut said = Said::default();
            let result = match operation.arguments {
                "*" => self.arguments(number, &mut said, xdr, reading),
                shape => {
                    self.lead(number, &mut said);
                    pass(shape, xdr).map(|passed| said.last = !passed)
                }
            };
            self.plan(number, &before, &said, xdr.since(start), reading);
            result?;
            if said.last {
                break;
            }
        }
        Ok(())
    }

    /// Operations without arguments of interest: where they lead and what they do.
    fn lead(&mut self, number: u32, said: &mut Said) {
        match number {
            number::PUTROOTFH | number::PUTPUBFH => {
                self.here = Place { handle: None, path: Some(Text::from("/")) };
                self.attaching = true;
            }
            number::LOOKUPP => {
                let path = self.here.path.as_ref().map(|path| join(path, &Text::from("..")));
                self.here = Place { handle: None, path };
            }
            number::SAVEFH => self.saved = self.here.clone(),
            number::RESTOREFH => self.here = self.saved.clone(),
            number::READDIR => said.step = Some(StorageStep::Browse),
            number::SETATTR => said.step = Some(StorageStep::Write),
            _ => {}
        }
    }

    fn arguments(
        &mut self,
        number: u32,
        said: &mut Said,
        xdr: &mut Xdr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<(), Malformed> {
        match number {
            number::PUTFH => {
                let handle = handle(xdr, reading)?;
                self.here = Place { handle: Some(handle), path: reading.out.recall(handle) };
                self.on_file = true;
            }
            number::LOOKUP => {
                let name = name(xdr, reading)?;
                self.here = self.here.below(&name);
                if !self.attaching {
                    said.step = Some(StorageStep::Browse);
                }
            }
            number::OPEN => self.open(said, xdr, reading)?,
            number::CREATE => {
                let kind = xdr.u32("objtype")?;
                // A link's text, a device's two numbers.
                let shape = if kind == 5 { "o" } else { "8" };
                if matches!(kind, 3..=5) {
                    pass(shape, xdr)?;
                }
                said.step = Some(StorageStep::Write);
                let name = name(xdr, reading)?;
                self.here = self.here.below(&name);
                pass("a", xdr)?;
            }
            number::REMOVE | number::LINK | number::RENAME => {
                said.step = Some(StorageStep::Write);
                said.subject = Some(name(xdr, reading)?);
                if number == number::RENAME {
                    name(xdr, reading)?;
                }
            }
            number::SECINFO => name(xdr, reading).map(|_| ())?,
            number::READ | number::READ_PLUS => {
                said.step = Some(StorageStep::Read);
                xdr.skip(16, "stateid")?;
                said.offset = xdr.u64("offset")?;
                reading.fields.number(&OFFSET, said.offset);
                reading.fields.number(&COUNT, xdr.u32("count")?);
            }
            number::WRITE => self.write(said, xdr, reading)?,
            number::LOCK => lock(xdr)?,
            number::EXCHANGE_ID => said.last = !exchange(true, xdr, reading)?,
            number::CREATE_SESSION => said.last = !create_session(xdr, reading)?,
            _ => said.last = true,
        }
        Ok(())
    }

    fn open(
        &mut self,
        said: &mut Said,
        xdr: &mut Xdr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<(), Malformed> {
        xdr.u32("seqid")?;
        let access = xdr.u32("share_access")?;
        xdr.u32("share_deny")?;
        pass("w", xdr)?;
        let creates = xdr.u32("opentype")? == 1;
        if creates {
            match xdr.u32("createmode")? {
                mode @ (0 | 1) => said.empties = mode == 1 || attributes(xdr)?.size == Some(0),
                2 => xdr.skip(8, "createverf")?,
                _ => pass("8a", xdr).map(|_| ())?,
            }
        }
        let writes = creates || access & 2 != 0;
        said.step = Some(if writes { StorageStep::Write } else { StorageStep::Read });
        match xdr.u32("claim")? {
            claim @ (0 | 2 | 3) => {
                if claim == 2 {
                    xdr.skip(16, "delegate_stateid")?;
                }
                let name = name(xdr, reading)?;
                self.here = self.here.below(&name);
            }
            1 => xdr.skip(4, "delegate_type")?,
            5 => xdr.skip(16, "delegate_stateid")?,
            _ => {}
        }
        Ok(())
    }

    fn write(
        &mut self,
        said: &mut Said,
        xdr: &mut Xdr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<(), Malformed> {
        said.step = Some(StorageStep::Write);
        xdr.skip(16, "stateid")?;
        said.offset = xdr.u64("offset")?;
        reading.fields.number(&OFFSET, said.offset);
        xdr.u32("stable")?;
        let bytes = xdr.length(CONTENT_BYTES_MAX, "data")?;
        reading.fields.number(&COUNT, bytes);
        let key = self.here.key();
        reading.wrote(key, said.offset.saturating_add(bytes.into()));
        let id = content_id(key, Mover::Pushed);
        said.last = !reading.carry(id, said.offset, bytes, self.here.path.as_ref(), xdr);
        Ok(())
    }

    /// Keeps an operation for its answer, and tells what it asks.
    fn plan(
        &mut self,
        number: u32,
        before: &Place,
        said: &Said,
        range: Range<usize>,
        reading: &mut Reading<'_>,
    ) {
        let told = said.step.map(|step| {
            let about = match (&said.subject, number) {
                (Some(name), _) => before.below(name),
                (None, number::LOOKUP) if before.path.is_some() => before.clone(),
                _ => self.here.clone(),
            };
            let key = fact_key(about.path.as_ref(), about.handle);
            Told { step, key, path: about.path }
        });
        if let Some(told) = &told {
            reading.asked(told.step, told.key, told.path.as_ref(), range);
            self.told_any = true;
        }
        if self.planned.len() < PLANNED_MAX {
            let (offset, empties) = (said.offset, said.empties);
            self.planned.push(Planned { number, place: self.here.clone(), told, offset, empties });
        }
    }

    /// The walk from the root is over: the directory where it stands is attached.
    fn attach(&mut self, range: Range<usize>, reading: &mut Reading<'_>) {
        if !std::mem::take(&mut self.attaching) {
            return;
        }
        self.told_any = true;
        let path = self.here.path.clone();
        let key = fact_key(path.as_ref(), None);
        reading.asked(StorageStep::Mount, key, path.as_ref(), range);
        if let Some(planned) = self.planned.last_mut() {
            planned.told = Some(Told { step: StorageStep::Mount, key, path });
        }
    }
}

fn handle(xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<u64, Malformed> {
    let handle = xdr.opaque(HANDLE_BYTES_MAX, "nfs_fh4")?;
    reading.fields.bytes(&HANDLE, handle);
    Ok(key_of(handle))
}

fn lock(xdr: &mut Xdr<'_>) -> Result<(), Malformed> {
    pass("4488", xdr)?;
    let shape = if xdr.flag("new_lock_owner")? { "4s4w" } else { "s4" };
    pass(shape, xdr).map(|_| ())
}

/// EXCHANGE_ID, call or results: who the software is. False where the rest cannot be read.
fn exchange(is_call: bool, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<bool, Malformed> {
    pass(if is_call { "8o4" } else { "844" }, xdr)?;
    match xdr.u32("spa_how")? {
        0 => {}
        1 => pass("bb", xdr).map(|_| ())?,
        _ => return Ok(false),
    }
    if !is_call {
        pass("8oo", xdr)?;
    }
    for _ in 0..xdr.length(ITEMS_MAX, "impl_id")? {
        let start = xdr.offset();
        xdr.opaque(TAG_BYTES_MAX, "nii_domain")?;
        let software = xdr.opaque(TAG_BYTES_MAX, "nii_name")?;
        xdr.skip(12, "nii_date")?;
        reading.software(software, xdr.since(start));
    }
    Ok(true)
}

fn create_session(xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<bool, Malformed> {
    pass("844ee4", xdr)?;
    for _ in 0..xdr.length(ITEMS_MAX, "csa_sec_parms")? {
        let start = xdr.offset();
        match xdr.u32("cb_secflavor")? {
            0 => {}
            1 => {
                xdr.u32("stamp")?;
                let machine_name = xdr.opaque(TAG_BYTES_MAX, "machinename")?;
                reading.machine_name(machine_name, xdr.since(start));
                pass("44b", xdr)?;
            }
            6 => pass("4oo", xdr).map(|_| ())?,
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The server's RPC layer refused the call.
pub(super) fn refused(asked: &Asked, status: u32, range: Range<usize>, reading: &mut Reading<'_>) {
    tell_name(asked.is_null, reading);
    refuse(&asked.planned, status, range, reading);
}

/// The first of `planned` that was told is refused: it, or what it stands on, failed.
fn refuse(planned: &[Planned], status: u32, range: Range<usize>, reading: &mut Reading<'_>) {
    if let Some(told) = planned.iter().find_map(|planned| planned.told.as_ref()) {
        reading.answered(told.step, status, told.key, told.path.as_ref(), range);
    }
}

/// Reads the results of a reply.
pub(super) fn reply(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    tell_name(asked.is_null, reading);
    if asked.is_null {
        reading.serves_files(xdr.since(0));
        return Ok(());
    }
    reading.fields.number(&STATUS, xdr.u32("status")?);
    xdr.opaque(TAG_BYTES_MAX, "tag")?;
    let count = xdr.u32("resarray")?;
    let mut answers = Answers { planned: &asked.planned, handle: None, empty: false };
    for at in 0..count.min(OPERATIONS_MAX) as usize {
        if !answers.read(at, xdr, reading)? {
            break;
        }
    }
    Ok(())
}

/// The state of reading a reply.
struct Answers<'p> {
    planned: &'p [Planned],
    /// Path and key of the place that GETFH last told the handle of.
    handle: Option<(Text, u64)>,
    /// The last OPEN left the file empty.
    empty: bool,
}

impl Answers<'_> {
    /// Reads one operation's results. False when no more can be read.
    fn read(&mut self, at: usize, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<bool, Malformed> {
        let start = xdr.offset();
        let number = xdr.u32("resop")?;
        let Some(operation) = operation(number) else { return Ok(false) };
        reading.fields.text(&OPERATION, operation.name.as_bytes());
        let status = xdr.u32("status")?;
        if status != 0 {
            reading.fields.number(&STATUS, status);
            refuse(self.planned.get(at..).unwrap_or_default(), status, xdr.since(start), reading);
            return Ok(false);
        }
        // Behind content that was streamed, the call's operations were not read; attributes are still the
        // written file's.
        let planned = match self.planned.get(at) {
            Some(planned) if planned.number == number => planned,
            None if number == number::GETATTR => match self.planned.last() {
                Some(planned) => planned,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        if let Some(told) = planned.told.as_ref().filter(|_| planned.number == number) {
            reading.answered(told.step, 0, told.key, told.path.as_ref(), xdr.since(start));
            reading.serves_files(xdr.since(start));
        }
        match operation.results {
            "*" => self.results(number, planned, xdr, reading),
            shape => {
                if number == number::CLOSE {
                    reading.written_end(self.key(&planned.place));
                }
                pass(shape, xdr)
            }
        }
    }

    /// Key of the content at a place, with what GETFH told in this reply.
    fn key(&self, place: &Place) -> u64 {
        let told = self.handle.as_ref().filter(|(path, _)| Some(path) == place.path.as_ref());
        place.handle.or(told.map(|(_, key)| *key)).unwrap_or_else(|| place.key())
    }

    fn results(
        &mut self,
        number: u32,
        planned: &Planned,
        xdr: &mut Xdr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<bool, Malformed> {
        match number {
            number::GETFH => {
                let key = handle(xdr, reading)?;
                if let Some(path) = &planned.place.path {
                    reading.out.remember(key, path.clone());
                    self.handle = Some((path.clone(), key));
                }
                if std::mem::take(&mut self.empty) {
                    reading.emptied(key);
                }
            }
            number::GETATTR => {
                let found = attributes(xdr)?;
                if let Some(file_type) = found.file_type {
                    reading.fields.number(&FILE_TYPE, file_type);
                }
                if let Some(bytes) = found.size {
                    reading.fields.number(&SIZE, bytes);
                    reading.attested(self.key(&planned.place), bytes);
                }
            }
            number::OPEN => {
                xdr.skip(16, "stateid")?;
                xdr.u32("atomic")?;
                let (before, after) = (xdr.u64("before")?, xdr.u64("after")?);
                pass("4b", xdr)?;
                let writes = planned.told.as_ref().is_some_and(|told| told.step == StorageStep::Write);
                // A directory that changed got a new file.
                self.empty = planned.empties || (writes && before != after);
                return delegation(xdr);
            }
            number::READ => return self.content(planned, xdr, reading),
            number::READ_PLUS => return self.stretches(planned, xdr, reading),
            number::READDIR => listing(xdr, reading)?,
            number::SECINFO | number::SECINFO_NO_NAME => {
                for _ in 0..xdr.length(ITEMS_MAX, "secinfo")? {
                    if xdr.u32("flavor")? == 6 {
                        pass("o44", xdr)?;
                    }
                }
            }
            number::EXCHANGE_ID => return exchange(false, xdr, reading),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The results of READ.
    fn content(
        &self,
        planned: &Planned,
        xdr: &mut Xdr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<bool, Malformed> {
        let at_end = xdr.flag("eof")?;
        reading.fields.flag(&EOF, at_end);
        let bytes = xdr.length(CONTENT_BYTES_MAX, "data")?;
        reading.fields.number(&COUNT, bytes);
        let key = self.key(&planned.place);
        if at_end {
            reading.fetched_length(key, planned.offset.saturating_add(bytes.into()));
        }
        let id = content_id(key, Mover::Fetched);
        Ok(reading.carry(id, planned.offset, bytes, planned.place.path.as_ref(), xdr))
    }

    /// The results of READ_PLUS: content and holes, RFC 7862 §15.10.
    fn stretches(
        &self,
        planned: &Planned,
        xdr: &mut Xdr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<bool, Malformed> {
        reading.fields.flag(&EOF, xdr.flag("eof")?);
        let id = content_id(self.key(&planned.place), Mover::Fetched);
        for _ in 0..xdr.length(ITEMS_MAX, "rpr_contents")? {
            let is_data = xdr.u32("rpc_content")? == 0;
            let offset = xdr.u64("offset")?;
            if is_data {
                let bytes = xdr.length(CONTENT_BYTES_MAX, "data")?;
                reading.fields.number(&COUNT, bytes);
                if !reading.carry(id, offset, bytes, planned.place.path.as_ref(), xdr) {
                    return Ok(false);
                }
            } else {
                // The zeroes of a hole did not cross the network.
                let bytes = xdr.u64("length")?;
                reading.out.content(id, ContentPart::Missing { offset, bytes });
            }
        }
        Ok(true)
    }
}

/// What comes with an OPEN: `open_delegation4`.
fn delegation(xdr: &mut Xdr<'_>) -> Result<bool, Malformed> {
    match xdr.u32("delegation_type")? {
        0 => Ok(true),
        1 => pass("s4444o", xdr),
        // The space limit is a kind and eight bytes.
        2 => pass("s448444o", xdr),
        3 => match xdr.u32("ond_why")? {
            1 | 2 => pass("4", xdr),
            _ => Ok(true),
        },
        _ => Ok(false),
    }
}

/// The results of READDIR.
fn listing(xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    xdr.skip(8, "cookieverf")?;
    for _ in 0..ENTRIES_MAX {
        if !xdr.flag("entry follows")? {
            reading.fields.flag(&EOF, xdr.flag("eof")?);
            break;
        }
        xdr.skip(8, "cookie")?;
        name(xdr, reading)?;
        pass("a", xdr)?;
    }
    Ok(())
}

const _: () = assert!(NAME_BYTES_MAX <= TAG_BYTES_MAX);

#[cfg(test)]
mod tests;
