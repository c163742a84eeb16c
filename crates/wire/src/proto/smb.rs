//! SMB: file shares; who attaches which, logs in as whom, and the files that are read and written.
//!
//! # Wire format
//! ```text
//! session service   | type 1 | length 3 (BE) | content…     type: 0 message, 81 request, 85 keep alive
//! version 2 and 3   FE 'SMB' | 64 bytes header | body         several to a unit, chained by an offset
//! version 1         FF 'SMB' | 32 bytes header | word count 1 | words | byte count 2 | bytes
//! encrypted         FD 'SMB' | 52 bytes header | ciphertext
//! ```
//! Everything after the session header is least significant byte first; texts are UTF-16.
//!
//! # What is told
//! Attaching a share and its answer, the first read and write of a file and their answers, the content of
//! READ and WRITE (versions 2 and 3), the account of an NTLM log-in with its answer, host names of NTLM, and
//! the server as one that offers file shares. Pipes and printers (`IPC$`) are not storage: their use is not
//! told. Of version 1: shares and that there was reading or writing.
//!
//! # Limits
//! [`ASKED_MAX`] requests without an answer, [`OPEN_FILES_MAX`] files, [`SHARES_MAX`] shares; the oldest is
//! forgotten. A body that is read whole is at most [`BODY_BYTES_MAX`]; a longer one is passed over. Requests
//! that name a file by its place in a chain are not matched with it.
//!
//! # Losses
//! A gap inside a unit: its rest is passed over, its data has a hole. A longer one gives the flow up.
//!
//! # Source
//! [MS-SMB2] §2.1, §2.2; [MS-CIFS] §2.2; [MS-NLMP] §2.2.1; RFC 1002 §4.3 (session service).

mod ntlm;
mod smb1;
mod smb2;

use crate::{ContentId, ContentPart, Gap, Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{Fact, Malformed, Offer, Reason, Side, Storage, StorageOutcome, StorageStep, Text, Transport};
use std::collections::VecDeque;
use std::ops::Range;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "smb",
    title: "SMB",
    source: "[MS-SMB2] §2.2, [MS-CIFS] §2.2",
    transports: &[Transport::Tcp],
    ports: &[445, 139],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Smb::default()),
};

schema! { "smb":
    COMMAND = "command" Text Device "negotiate, session_setup, tree_connect or create.";
    RESPONSE = "response" Flag Device "It is an answer.";
    STATUS = "status" Number Device "NT status of an answer; 0 is success.";
    DIALECT = "dialect" Number Device "Dialect the server chose, e.g. 785 (0x0311) for 3.1.1.";
    SHARE = "share" Text Device "Share to attach.";
    FILE = "file" Text Device "Name of a file in its share.";
}

/// Most requests that wait for an answer. Our limit; the oldest is forgotten.
const ASKED_MAX: usize = 128;
/// Most open files that are followed. Our limit; the oldest is forgotten.
const OPEN_FILES_MAX: usize = 64;
/// Most attached shares that are followed. Our limit; the oldest is forgotten.
const SHARES_MAX: usize = 16;
/// Most bytes of a message that is read whole. Our limit; a longer one is passed over.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of the session service's header.
const SESSION_BYTES: usize = 4;
/// Bytes of the mark a message begins with.
const MARK_BYTES: usize = 4;
const SESSION_MESSAGE: u8 = 0;
const SESSION_REQUEST: u8 = 0x81;
const SESSION_KEEP_ALIVE: u8 = 0x85;
const STATUS_PENDING: u32 = 0x0000_0103;
const STATUS_MORE_PROCESSING_REQUIRED: u32 = 0xC000_0016;

fn probe(probe: &Probe<'_>) -> Verdict {
    match probe.input {
        [SESSION_REQUEST, 0, 0, 68, 32, ..] if probe.on_port(PROTOCOL.ports) => Verdict::Certain,
        [SESSION_MESSAGE, _, _, _, 0xFD..=0xFF, b'S', b'M', b'B', ..] => Verdict::Certain,
        [SESSION_MESSAGE, _, _, _, 0xFD..=0xFF, rest @ ..] if b"SMB".starts_with(rest) => Verdict::Unsure,
        [SESSION_MESSAGE] | [SESSION_MESSAGE, _] | [SESSION_MESSAGE, _, _] | [SESSION_MESSAGE, _, _, _] => {
            Verdict::Unsure
        }
        _ => Verdict::NotForUs,
    }
}

/// What waits for an answer.
#[derive(Debug)]
enum Ask {
    Share(Text),
    File(Text),
    Read { key: u64, offset: u64, first: bool, path: Text, length: u64 },
    Write { first: bool, path: Text },
    LogIn { account: Vec<u8> },
}

/// A file that was opened.
#[derive(Debug)]
struct OpenFile {
    id: [u8; 16],
    key: u64,
    path: Text,
    /// Length when it was opened, in bytes.
    length: u64,
    /// Created or emptied when it was opened: what is written is all of it.
    fresh: bool,
    was_read: bool,
    was_written: bool,
}

/// An attached share.
#[derive(Debug)]
struct Share {
    tree: u32,
    path: Text,
    /// It holds files, not pipes or printers.
    kind: ShareKind,
}

/// What a share holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ShareKind {
    Files,
    /// Named pipes (remote procedures) or a printer.
    Other,
}

/// Bytes of the current unit that follow what was read of it.
#[derive(Debug, Default)]
struct Rest {
    /// Before the data.
    before: usize,
    /// Data.
    data: usize,
    /// Whose data, and the offset of its next byte.
    file: Option<(ContentId, u64)>,
    /// After the data, of this message.
    after: usize,
}

/// Where one side stands.
#[derive(Debug, Default)]
struct Stand {
    /// Bytes left of the unit, without those of `rest`.
    unit_left: usize,
    rest: Rest,
}

#[derive(Default)]
struct Smb {
    sides: [Stand; 2],
    asked: VecDeque<(u64, Ask)>,
    shares: VecDeque<Share>,
    files: VecDeque<OpenFile>,
    /// Files so far; numbers them.
    opened: u64,
    told_offer: bool,
    told_encrypted: bool,
    /// Version 1: reading and writing was told.
    told_use: [bool; 2],
    told_names: [bool; 2],
}

impl Parser for Smb {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let stand = self.stand(side);
        if let Some(step) = stand.rest.step(input, out) {
            return step;
        }
        let step = if stand.unit_left > 0 { self.message(side, input, out) } else { self.unit(side, input) };
        step.unwrap_or_else(Step::Stop)
    }

    fn gap(&mut self, side: Side, bytes: u64, out: &mut dyn Sink) -> Gap {
        let stand = self.stand(side);
        let Ok(bytes) = usize::try_from(bytes) else { return Gap::GiveUp };
        let rest = &mut stand.rest;
        let open = rest.before + rest.data + rest.after;
        let lost_data = bytes.saturating_sub(rest.before).min(rest.data);
        if let Some((id, offset)) = rest.file.filter(|_| lost_data > 0) {
            out.content(id, ContentPart::Missing { offset, bytes: lost_data as u64 });
        }
        if bytes > open + stand.unit_left {
            return Gap::GiveUp;
        }
        if bytes <= rest.before + rest.data {
            rest.before = rest.before.saturating_sub(bytes);
            rest.data -= lost_data;
            rest.file = rest.file.map(|(id, offset)| (id, offset + lost_data as u64));
        } else {
            // Where the next message of the unit starts is not known: its rest is passed over.
            let left = open + stand.unit_left - bytes;
            stand.rest = Rest { after: left, ..Rest::default() };
            stand.unit_left = 0;
        }
        Gap::Resume
    }
}

impl Rest {
    /// Passes on what is left of a message; `None` where nothing is.
    fn step(&mut self, input: &[u8], out: &mut dyn Sink) -> Option<Step> {
        if self.before > 0 {
            return Some(Step::Skip(std::mem::take(&mut self.before) as u64));
        }
        if self.data == 0 {
            let after = std::mem::take(&mut self.after);
            return (after > 0).then_some(Step::Skip(after as u64));
        }
        let Some((id, offset)) = self.file else {
            return Some(Step::Skip(std::mem::take(&mut self.data) as u64));
        };
        let bytes = input.get(..self.data).unwrap_or(input);
        out.content(id, ContentPart::Bytes { offset, bytes });
        self.file = Some((id, offset.saturating_add(bytes.len() as u64)));
        self.data -= bytes.len();
        Some(Step::Done(bytes.len()))
    }
}

/// What reading a unit or a message of it came to.
type Stepped = Result<Step, Malformed>;

impl Smb {
    fn stand(&mut self, side: Side) -> &mut Stand {
        let [client, server] = &mut self.sides;
        if side == Side::Client { client } else { server }
    }

    /// The header of the session service.
    fn unit(&mut self, side: Side, input: &[u8]) -> Stepped {
        let Some([kind, high, middle, low]) = input.first_chunk::<SESSION_BYTES>() else {
            return Ok(Step::Need(SESSION_BYTES));
        };
        let bytes = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        match *kind {
            SESSION_MESSAGE => self.stand(side).unit_left = bytes,
            SESSION_REQUEST..=SESSION_KEEP_ALIVE => self.stand(side).rest.after = bytes,
            other => {
                let reason = Reason::NotDefined(u64::from(other));
                return Err(Malformed { field: "session type", offset: 0, reason });
            }
        }
        Ok(Step::Done(SESSION_BYTES))
    }

    /// A message at the front of what is left of the unit.
    fn message(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Stepped {
        if self.stand(side).unit_left < MARK_BYTES {
            return Err(Malformed { field: "protocol id", offset: 0, reason: Reason::CutShort });
        }
        let Some(mark) = input.first_chunk::<MARK_BYTES>() else { return Ok(Step::Need(MARK_BYTES)) };
        if side == Side::Server && !std::mem::replace(&mut self.told_offer, true) {
            out.fact(Fact::Offers(Offer::FileShare), 0..MARK_BYTES);
        }
        match mark {
            [0xFE, b'S', b'M', b'B'] => self.message2(side, input, out),
            [0xFF, b'S', b'M', b'B'] => self.message1(side, input, out),
            [0xFD, b'S', b'M', b'B'] => {
                if !std::mem::replace(&mut self.told_encrypted, true) {
                    out.fact(Fact::Encrypted, 0..MARK_BYTES);
                }
                Ok(self.pass(side))
            }
            [0xFC, b'S', b'M', b'B'] => Ok(self.pass(side)),
            mark => {
                let reason = Reason::NotDefined(u64::from(u32::from_be_bytes(*mark)));
                Err(Malformed { field: "protocol id", offset: 0, reason })
            }
        }
    }

    /// Passes over the rest of the unit.
    fn pass(&mut self, side: Side) -> Step {
        let left = std::mem::take(&mut self.stand(side).unit_left);
        Step::Skip(left.max(1) as u64)
    }

    fn ask(&mut self, number: u64, ask: Ask) {
        if self.asked.len() >= ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((number, ask));
    }

    fn answered(&mut self, number: u64) -> Option<Ask> {
        let at = self.asked.iter().position(|(asked, _)| *asked == number)?;
        self.asked.remove(at).map(|(_, ask)| ask)
    }

    fn attached(&mut self, share: Share) {
        if self.shares.len() >= SHARES_MAX {
            self.shares.pop_front();
        }
        self.shares.push_back(share);
    }
}

/// Whether a share is the one for named pipes, which stores nothing.
fn is_pipes(share: &Text) -> bool {
    share.as_str().rsplit('\\').next().is_some_and(|name| name.eq_ignore_ascii_case("IPC$"))
}

/// A use of a share by the client, told with its request or, by the server, with the answer.
fn storage(step: StorageStep, outcome: StorageOutcome, path: &Text, range: Range<usize>, out: &mut dyn Sink) {
    let path = Some(path.clone()).filter(|path| !path.is_empty());
    let fact = Fact::Storage(Box::new(Storage { step, outcome, path, service: "SMB" }));
    if outcome == StorageOutcome::Asked { out.fact(fact, range) } else { out.fact_of_other(fact, range) }
}

const fn outcome(status: u32) -> StorageOutcome {
    // The two high bits of a status: 0 success, 1 information, 2 warning, 3 error.
    if status >> 30 == 3 { StorageOutcome::Refused(status) } else { StorageOutcome::Granted }
}

/// UTF-16, least significant byte first, as UTF-8.
fn utf16(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().copied().map(u16::from_le_bytes);
    char::decode_utf16(units).map(|character| character.unwrap_or('\u{FFFD}')).collect()
}

#[cfg(test)]
mod tests;
