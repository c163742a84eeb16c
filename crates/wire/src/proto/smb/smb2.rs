//! Messages of versions 2 and 3.
//!
//! ```text
//! 0        4        6            8        12          14          16      20              24
//! | mark 4 | size 2 | charge 2   | status 4 | command 2 | credits 2 | flags 4 | next command 4 | number 8
//! 32           36      40          48
//! | reserved 4 | tree 4 | session 8 | signature 16 | body at 64
//! ```
//! Source: [MS-SMB2] §2.2.1.2 (header), §2.2.3-§2.2.6, §2.2.9-§2.2.15, §2.2.19-§2.2.22 (bodies).

use super::{
    Ask, BODY_BYTES_MAX, COMMAND, DIALECT, FILE, OPEN_FILES_MAX, OpenFile, RESPONSE, Rest, SCHEMA, SHARE,
    STATUS, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING, Share, ShareKind, Smb, Stepped, is_pipes, ntlm,
    outcome, storage, utf16,
};
use crate::{ContentId, ContentPart, Cursor, Login, Scope, Sink, Step};
use model::{
    About, Accepted, Fact, Field, Identifier, Malformed, Mover, Reason, Side, StorageOutcome, StorageStep,
    Text, Value,
};

/// Bytes before the body.
const HEADER_BYTES: usize = 64;
/// Fixed parts of the two messages whose data is streamed, header included.
const READ_RESPONSE_BYTES: usize = HEADER_BYTES + 16;
const WRITE_REQUEST_BYTES: usize = HEADER_BYTES + 48;

const NEGOTIATE: u16 = 0;
const SESSION_SETUP: u16 = 1;
const TREE_CONNECT: u16 = 3;
const CREATE: u16 = 5;
const CLOSE: u16 = 6;
const READ: u16 = 8;
const WRITE: u16 = 9;

/// The fixed part of every message.
struct Header {
    side: Side,
    status: u32,
    command: u16,
    response: bool,
    /// Length of this message, header included.
    bytes: usize,
    number: u64,
    tree: u32,
}

impl Header {
    fn read(side: Side, unit: &[u8], unit_left: usize) -> Result<Self, Malformed> {
        let mut cursor = Cursor::at(unit, 8);
        let status = cursor.u32_le("Status")?;
        let command = cursor.u16_le("Command")?;
        cursor.skip(2, "Credit")?;
        let response = cursor.u32_le("Flags")? & 1 != 0;
        let at = cursor;
        let next = cursor.u32_le("NextCommand")? as usize;
        if next != 0 && !(HEADER_BYTES..=unit_left).contains(&next) {
            return Err(at.malformed("NextCommand", Reason::BadReference));
        }
        let number = cursor.u64_le("MessageId")?;
        cursor.skip(4, "Reserved")?;
        let tree = cursor.u32_le("TreeId")?;
        let bytes = if next == 0 { unit_left } else { next };
        Ok(Self { side, status, command, response, bytes, number, tree })
    }

    /// How much of the message is read at once.
    fn front_bytes(&self) -> usize {
        match (self.command, self.response) {
            (READ, true) => READ_RESPONSE_BYTES.min(self.bytes),
            (WRITE, false) => WRITE_REQUEST_BYTES.min(self.bytes),
            (NEGOTIATE | SESSION_SETUP | TREE_CONNECT | CREATE | CLOSE | READ | WRITE, _)
                if self.bytes <= BODY_BYTES_MAX =>
            {
                self.bytes
            }
            _ => HEADER_BYTES,
        }
    }
}

impl Smb {
    /// A message of version 2 or 3 at the front of the unit.
    pub(super) fn message2(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Stepped {
        let unit_left = self.stand(side).unit_left;
        if unit_left < HEADER_BYTES {
            return Err(Cursor::new(input).malformed("header", Reason::CutShort));
        }
        let Some(fixed) = input.get(..HEADER_BYTES) else { return Ok(Step::Need(HEADER_BYTES)) };
        let header = Header::read(side, fixed, unit_left)?;
        let front_bytes = header.front_bytes();
        let Some(front) = input.get(..front_bytes) else { return Ok(Step::Need(front_bytes)) };
        let stand = self.stand(side);
        stand.unit_left -= header.bytes;
        stand.rest = Rest { after: header.bytes - front_bytes, ..Rest::default() };
        if front_bytes > HEADER_BYTES {
            match header.response {
                false => self.request(&header, front, out)?,
                true if header.status != STATUS_PENDING => self.response(&header, front, out)?,
                true => {}
            }
        }
        Ok(Step::Done(front_bytes))
    }

    fn request(&mut self, header: &Header, front: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        match header.command {
            NEGOTIATE => header.tell("negotiate", &[], front, out),
            SESSION_SETUP => self.set_up(header, front, out),
            TREE_CONNECT => {
                let share = Text::from(utf16(text_at(front, HEADER_BYTES + 4)?).as_str());
                header.tell("tree_connect", &[(&SHARE, Value::Text(share.clone()))], front, out);
                if !is_pipes(&share) {
                    storage(StorageStep::Mount, StorageOutcome::Asked, &share, 0..front.len(), out);
                }
                self.ask(header.number, Ask::Share(share));
            }
            CREATE => {
                let name = Text::from(utf16(text_at(front, HEADER_BYTES + 44)?).as_str());
                header.tell("create", &[(&FILE, Value::Text(name.clone()))], front, out);
                let share = self.shares.iter().rev().find(|share| share.tree == header.tree);
                let path = match share {
                    Some(share) if share.kind == ShareKind::Other => return Ok(()),
                    Some(share) => Text::from(&*format!("{}\\{name}", share.path)),
                    None => name,
                };
                self.ask(header.number, Ask::File(path));
            }
            READ => {
                let mut cursor = Cursor::at(front, HEADER_BYTES + 8);
                let (offset, id) = (cursor.u64_le("Offset")?, cursor.array("FileId")?);
                if let Some(file) = self.files.iter_mut().find(|file| file.id == id) {
                    let first = !std::mem::replace(&mut file.was_read, true);
                    let (key, path, length) = (file.key, file.path.clone(), file.length);
                    if first {
                        storage(StorageStep::Read, StorageOutcome::Asked, &path, 0..front.len(), out);
                    }
                    self.ask(header.number, Ask::Read { key, offset, first, path, length });
                }
            }
            WRITE => self.write(header, front, out)?,
            CLOSE => {
                let id = Cursor::at(front, HEADER_BYTES + 8).array("FileId")?;
                self.close(id, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn set_up(&mut self, header: &Header, front: &[u8], out: &mut dyn Sink) {
        header.tell("session_setup", &[], front, out);
        // Log-ins hold names of people, in more wrappings than are read.
        out.conceal(HEADER_BYTES.min(front.len())..front.len());
        let Some(names) = ntlm::names(front) else { return };
        self.host_name(header.side, &names.host, front, out);
        if let Some(account) = names.account {
            self.ask(header.number, Ask::LogIn { account: account.into_bytes() });
        }
    }

    fn host_name(&mut self, side: Side, name: &str, front: &[u8], out: &mut dyn Sink) {
        let Some(told) = self.told_names.get_mut(side.index()) else { return };
        if !name.is_empty() && !std::mem::replace(told, true) {
            let name = Identifier::HostName(Text::from(name));
            out.fact(Fact::Identified(About::Sender, name), 0..front.len());
        }
    }

    fn write(&mut self, header: &Header, front: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let mut cursor = Cursor::at(front, HEADER_BYTES + 2);
        let data_at = usize::from(cursor.u16_le("DataOffset")?);
        let bytes = cursor.u32_le("Length")? as usize;
        let offset = cursor.u64_le("Offset")?;
        let id: [u8; 16] = cursor.array("FileId")?;
        let mut carried = None;
        if let Some(file) = self.files.iter_mut().find(|file| file.id == id) {
            let first = !std::mem::replace(&mut file.was_written, true);
            let (content, path) = (content_id(file.key, Mover::Pushed), file.path.clone());
            if first {
                storage(StorageStep::Write, StorageOutcome::Asked, &path, 0..front.len(), out);
                out.content(content, ContentPart::Path(path.as_str().as_bytes()));
            }
            carried = Some((content, offset));
            self.ask(header.number, Ask::Write { first, path });
        }
        self.stream(header, WRITE_REQUEST_BYTES, data_at, bytes, carried)
    }

    /// The data of a message, `bytes` of it at `data_at` of the message, streams by next.
    fn stream(
        &mut self,
        header: &Header,
        front_bytes: usize,
        data_at: usize,
        bytes: usize,
        file: Option<(ContentId, u64)>,
    ) -> Result<(), Malformed> {
        let fault = |reason| Malformed { field: "DataOffset", offset: HEADER_BYTES + 2, reason };
        if bytes == 0 {
            return Ok(());
        }
        let before = data_at.checked_sub(front_bytes).ok_or_else(|| fault(Reason::BadReference))?;
        let end = data_at.saturating_add(bytes);
        let after = header.bytes.checked_sub(end).ok_or_else(|| fault(Reason::BadReference))?;
        self.stand(header.side).rest = Rest { before, data: bytes, file, after };
        Ok(())
    }

    fn response(&mut self, header: &Header, front: &[u8], out: &mut dyn Sink) -> Result<(), Malformed> {
        let (status, range) = (header.status, 0..front.len());
        let asked = self.answered(header.number);
        let granted = outcome(status) == StorageOutcome::Granted;
        match (header.command, asked) {
            (NEGOTIATE, _) if granted => {
                let dialect = Cursor::at(front, HEADER_BYTES + 4).u16_le("DialectRevision")?;
                header.tell("negotiate", &[(&DIALECT, Value::Number(u64::from(dialect)))], front, out);
            }
            (SESSION_SETUP, asked) => {
                header.tell("session_setup", &[], front, out);
                if let Some(names) = ntlm::names(front) {
                    self.host_name(header.side, &names.host, front, out);
                }
                if let Some(Ask::LogIn { account }) = asked
                    && status != STATUS_MORE_PROCESSING_REQUIRED
                {
                    let accepted = if granted { Accepted::Yes } else { Accepted::No };
                    out.login(&Login { account: &account, secret: None, accepted }, range);
                }
            }
            (TREE_CONNECT, asked) => {
                header.tell("tree_connect", &[], front, out);
                if let Some(Ask::Share(share)) = asked {
                    if !is_pipes(&share) {
                        storage(StorageStep::Mount, outcome(status), &share, range, out);
                    }
                    if granted {
                        self.attached(Share::read(header.tree, share, front)?);
                    }
                }
            }
            (CREATE, asked) => {
                header.tell("create", &[], front, out);
                if let (Some(Ask::File(path)), true) = (asked, status == 0) {
                    self.open(front, path)?;
                }
            }
            (READ, Some(Ask::Read { key, offset, first, path, length })) => {
                if first {
                    storage(StorageStep::Read, outcome(status), &path, range, out);
                }
                if granted {
                    let mut cursor = Cursor::at(front, HEADER_BYTES + 2);
                    let data_at = usize::from(cursor.u16_le("DataOffset")? & 0xFF);
                    let bytes = cursor.u32_le("DataLength")? as usize;
                    let content = content_id(key, Mover::Fetched);
                    if first {
                        out.content(content, ContentPart::Path(path.as_str().as_bytes()));
                        out.content(content, ContentPart::Length(length));
                    }
                    let file = Some((content, offset));
                    self.stream(header, READ_RESPONSE_BYTES, data_at, bytes, file)?;
                }
            }
            (WRITE, Some(Ask::Write { first: true, path })) => {
                storage(StorageStep::Write, outcome(status), &path, range, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, front: &[u8], path: Text) -> Result<(), Malformed> {
        const DIRECTORY: u32 = 0x10;
        let mut cursor = Cursor::at(front, HEADER_BYTES + 4);
        let action = cursor.u32_le("CreateAction")?;
        cursor.skip(40, "times and allocation")?;
        let length = cursor.u64_le("EndofFile")?;
        let attributes = cursor.u32_le("FileAttributes")?;
        cursor.skip(4, "Reserved2")?;
        let id = cursor.array("FileId")?;
        if attributes & DIRECTORY != 0 {
            return Ok(());
        }
        self.opened += 1;
        let key = self.opened;
        if self.files.len() >= OPEN_FILES_MAX {
            self.files.pop_front();
        }
        // 0 superseded, 1 opened, 2 created, 3 overwritten.
        let fresh = action != 1;
        self.files.push_back(OpenFile { id, key, path, length, fresh, was_read: false, was_written: false });
        Ok(())
    }

    fn close(&mut self, id: [u8; 16], out: &mut dyn Sink) {
        let Some(at) = self.files.iter().position(|file| file.id == id) else { return };
        if let Some(file) = self.files.remove(at)
            && file.was_written
        {
            let content = content_id(file.key, Mover::Pushed);
            out.content(content, ContentPart::End { complete: file.fresh });
        }
    }
}

impl Share {
    fn read(tree: u32, path: Text, front: &[u8]) -> Result<Self, Malformed> {
        const FILES: u8 = 1;
        let files = Cursor::at(front, HEADER_BYTES + 2).u8("ShareType")? == FILES;
        Ok(Self { tree, path, kind: if files { ShareKind::Files } else { ShareKind::Other } })
    }
}

impl Header {
    fn tell(&self, command: &str, more: &[(&'static Field, Value)], front: &[u8], out: &mut dyn Sink) {
        if !out.wants_message(&SCHEMA) {
            return;
        }
        let mut fields = vec![(&COMMAND, Value::text(command.as_bytes()))];
        if self.response {
            fields.push((&RESPONSE, Value::Flag(true)));
            fields.push((&STATUS, Value::Number(u64::from(self.status))));
        }
        fields.extend_from_slice(more);
        out.message(&SCHEMA, &fields, 0..front.len());
    }
}

const fn content_id(key: u64, mover: Mover) -> ContentId {
    ContentId { scope: Scope::Flow, key, mover }
}

/// The text whose offset and length (2 bytes each) stand at `at`.
fn text_at(front: &[u8], at: usize) -> Result<&[u8], Malformed> {
    let mut cursor = Cursor::at(front, at);
    let offset = usize::from(cursor.u16_le("name offset")?);
    let bytes = usize::from(cursor.u16_le("name length")?);
    Cursor::at(front, offset).take(bytes, "name")
}
