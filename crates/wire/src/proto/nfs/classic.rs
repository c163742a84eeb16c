//! NFS v2 and v3: one operation per call.
//!
//! # Wire format
//! ```text
//!          call                                      reply behind the status, if that is 0
//! LOOKUP   | directory | name |                      v2 | handle | attributes |  v3 | handle | attributes? |
//! READ     v2 | file | offset 4 | count | total |    v2 | attributes | data |
//!          v3 | file | offset 8 | count |            v3 | attributes? | count | eof | data |
//! WRITE    v2 | file | begin | offset 4 | total | data |        v2 | attributes |
//!          v3 | file | offset 8 | count | stable | data |       v3 | before? | attributes? | count | … |
//! CREATE   | directory | name | … |                  v2 | handle | attributes |  v3 | handle? | … |
//! ```
//! A handle is 32 bytes in v2 and has its length before it in v3; `?` is a word that says whether it follows.
//!
//! # Source
//! RFC 1094 §2.2, RFC 1813 §3.3.

use super::{
    COUNT, EOF, FILE_TYPE, HANDLE, HANDLE_BYTES_MAX, OFFSET, PROCEDURE_NAME, SIZE, STATUS, content_id,
    fact_key, name,
};
use crate::proto::rpc::{LOOK_KEY, Reading, Xdr, join, join_known, key_of};
use model::{Malformed, Mover, StorageStep, Text};
use std::ops::Range;

/// Largest READ or WRITE that is believed, in bytes. Our limit, 64 times that of common servers.
const CONTENT_BYTES_MAX: u32 = 64 << 20;
/// Most entries of a directory listing that are read. Our limit; those beyond are passed over.
const ENTRIES_MAX: usize = 4096;
/// Length of a v2 handle, in bytes.
const HANDLE_BYTES_V2: usize = 32;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verb {
    /// Nothing of a file: NULL and what v3 dropped.
    Nothing,
    /// A file by its handle, without further meaning.
    Look,
    SetAttributes,
    Lookup,
    Read,
    Write,
    Create,
    Remove,
    Rename,
    Link,
    List,
    ListPlus,
    Commit,
}

/// Procedures of v2 in the order of their numbers.
const VERSION_2: [(&str, Verb); 18] = [
    ("NULL", Verb::Nothing),
    ("GETATTR", Verb::Look),
    ("SETATTR", Verb::SetAttributes),
    ("ROOT", Verb::Nothing),
    ("LOOKUP", Verb::Lookup),
    ("READLINK", Verb::Look),
    ("READ", Verb::Read),
    ("WRITECACHE", Verb::Nothing),
    ("WRITE", Verb::Write),
    ("CREATE", Verb::Create),
    ("REMOVE", Verb::Remove),
    ("RENAME", Verb::Rename),
    ("LINK", Verb::Link),
    // The reply of v2 has no handle.
    ("SYMLINK", Verb::Remove),
    ("MKDIR", Verb::Create),
    ("RMDIR", Verb::Remove),
    ("READDIR", Verb::List),
    ("STATFS", Verb::Look),
];

/// Procedures of v3 in the order of their numbers.
const VERSION_3: [(&str, Verb); 22] = [
    ("NULL", Verb::Nothing),
    ("GETATTR", Verb::Look),
    ("SETATTR", Verb::SetAttributes),
    ("LOOKUP", Verb::Lookup),
    ("ACCESS", Verb::Look),
    ("READLINK", Verb::Look),
    ("READ", Verb::Read),
    ("WRITE", Verb::Write),
    ("CREATE", Verb::Create),
    ("MKDIR", Verb::Create),
    ("SYMLINK", Verb::Create),
    ("MKNOD", Verb::Create),
    ("REMOVE", Verb::Remove),
    ("RMDIR", Verb::Remove),
    ("RENAME", Verb::Rename),
    ("LINK", Verb::Link),
    ("READDIR", Verb::List),
    ("READDIRPLUS", Verb::ListPlus),
    ("FSSTAT", Verb::Look),
    ("FSINFO", Verb::Look),
    ("PATHCONF", Verb::Look),
    ("COMMIT", Verb::Commit),
];

/// What a call asked.
#[derive(Debug)]
pub(crate) struct Asked {
    version: u32,
    verb: Verb,
    procedure: &'static str,
    /// Key of the file's or directory's handle.
    handle: Option<u64>,
    /// Name in the directory.
    name: Option<Text>,
    offset: u64,
}

impl Asked {
    /// Whether the reply may hold content of a file.
    pub(super) fn answer_may_carry(&self) -> bool {
        self.verb == Verb::Read
    }

    fn step(&self) -> StorageStep {
        match self.verb {
            Verb::Nothing | Verb::Look | Verb::Lookup | Verb::List | Verb::ListPlus => StorageStep::Browse,
            Verb::Read => StorageStep::Read,
            Verb::SetAttributes
            | Verb::Write
            | Verb::Create
            | Verb::Remove
            | Verb::Rename
            | Verb::Link
            | Verb::Commit => StorageStep::Write,
        }
    }

    /// Path of the file asked about, as far as known; of a look-up, that of the directory.
    fn path(&self, reading: &Reading<'_>) -> Option<Text> {
        let path = self.handle.and_then(|handle| reading.out.recall(handle));
        match self.verb {
            Verb::Lookup if path.is_some() => path,
            _ => join_known(path.as_ref(), self.name.as_ref()),
        }
    }

    /// Key of facts about it; look-ups count once per directory, lone looks once per flow.
    fn key(&self, path: Option<&Text>) -> u64 {
        match self.verb {
            Verb::Look | Verb::Nothing => LOOK_KEY,
            Verb::Lookup => self.handle.unwrap_or(0),
            _ => fact_key(path, self.handle),
        }
    }
}

fn handle<'a>(version: u32, xdr: &mut Xdr<'a>, reading: &mut Reading<'_>) -> Result<&'a [u8], Malformed> {
    let handle = match version {
        2 => xdr.fixed(HANDLE_BYTES_V2, "fhandle")?,
        _ => xdr.opaque(HANDLE_BYTES_MAX, "nfs_fh3")?,
    };
    reading.fields.bytes(&HANDLE, handle);
    Ok(handle)
}

/// A number that v3 widened.
fn size(version: u32, xdr: &mut Xdr<'_>, field: &'static str) -> Result<u64, Malformed> {
    if version == 2 { xdr.u32(field).map(u64::from) } else { xdr.u64(field) }
}

/// Reads the arguments of a call.
pub(super) fn call(
    version: u32,
    procedure: u32,
    xdr: &mut Xdr<'_>,
    reading: &mut Reading<'_>,
) -> (Asked, Result<(), Malformed>) {
    let start = xdr.offset();
    let row = match version {
        2 => VERSION_2.get(procedure as usize),
        _ => VERSION_3.get(procedure as usize),
    };
    let &(procedure, verb) = row.unwrap_or(&("", Verb::Nothing));
    reading.fields.text(&PROCEDURE_NAME, procedure.as_bytes());
    let mut asked = Asked { version, verb, procedure, handle: None, name: None, offset: 0 };
    let mut result = arguments(&mut asked, xdr, reading);
    let head = xdr.since(start);
    if verb == Verb::Write && result.is_ok() {
        result = written(&asked, xdr, reading);
    }
    if verb != Verb::Nothing {
        let path = asked.path(reading);
        if verb == Verb::Look {
            reading.looked(path.as_ref(), head);
        } else if verb != Verb::Commit {
            // A commit only follows writes, which were told.
            reading.asked(asked.step(), asked.key(path.as_ref()), path.as_ref(), head);
        }
    }
    (asked, result)
}

fn arguments(asked: &mut Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let version = asked.version;
    if asked.verb == Verb::Nothing {
        return Ok(());
    }
    asked.handle = Some(key_of(handle(version, xdr, reading)?));
    match asked.verb {
        Verb::Lookup | Verb::Create | Verb::Remove => asked.name = Some(name(xdr, reading)?),
        Verb::Rename => {
            asked.name = Some(name(xdr, reading)?);
            handle(version, xdr, reading)?;
            name(xdr, reading)?;
        }
        Verb::Link => {
            // The new name is what changes; it lies in the second handle's directory.
            asked.handle = Some(key_of(handle(version, xdr, reading)?));
            asked.name = Some(name(xdr, reading)?);
        }
        Verb::Read | Verb::Commit => {
            asked.offset = size(version, xdr, "offset")?;
            reading.fields.number(&OFFSET, asked.offset);
            reading.fields.number(&COUNT, xdr.u32("count")?);
        }
        Verb::Write => {
            if version == 2 {
                xdr.u32("beginoffset")?;
            }
            asked.offset = size(version, xdr, "offset")?;
            reading.fields.number(&OFFSET, asked.offset);
            let count = xdr.u32("count")?;
            if version == 3 {
                reading.fields.number(&COUNT, count);
                xdr.u32("stable")?;
            }
        }
        Verb::Nothing | Verb::Look | Verb::SetAttributes | Verb::List | Verb::ListPlus => {}
    }
    Ok(())
}

/// The content of a WRITE.
fn written(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let bytes = xdr.length(CONTENT_BYTES_MAX, "data")?;
    if asked.version == 2 {
        reading.fields.number(&COUNT, bytes);
    }
    if let Some(key) = asked.handle {
        let path = reading.out.recall(key);
        reading.carry(content_id(key, Mover::Pushed), asked.offset, bytes, path.as_ref(), xdr);
    }
    Ok(())
}

/// The server's RPC layer refused the call.
pub(super) fn refused(asked: &Asked, status: u32, range: Range<usize>, reading: &mut Reading<'_>) {
    reading.fields.text(&PROCEDURE_NAME, asked.procedure.as_bytes());
    answered(asked, status, range, reading);
}

fn answered(asked: &Asked, status: u32, range: Range<usize>, reading: &mut Reading<'_>) {
    if !matches!(asked.verb, Verb::Nothing | Verb::Commit) {
        let path = asked.path(reading);
        reading.answered(asked.step(), status, asked.key(path.as_ref()), path.as_ref(), range);
    }
}

/// Reads the results of a reply.
pub(super) fn reply(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let start = xdr.offset();
    reading.fields.text(&PROCEDURE_NAME, asked.procedure.as_bytes());
    if asked.verb == Verb::Nothing {
        reading.serves_files(xdr.since(0));
        return Ok(());
    }
    let status = xdr.u32("status")?;
    reading.fields.number(&STATUS, status);
    answered(asked, status, xdr.since(start), reading);
    if status != 0 {
        return Ok(());
    }
    reading.serves_files(xdr.since(start));
    match (asked.verb, asked.version) {
        (Verb::Lookup, _) | (Verb::Create, 2) => {
            let key = key_of(handle(asked.version, xdr, reading)?);
            learn(asked, key, reading);
            attributes_of(asked.version, xdr, reading).map(|_| ())
        }
        (Verb::Create, _) => {
            if xdr.flag("handle_follows")? {
                let key = key_of(handle(asked.version, xdr, reading)?);
                learn(asked, key, reading);
            }
            attributes_of(asked.version, xdr, reading).map(|_| ())
        }
        (Verb::Read, _) => read(asked, xdr, reading),
        (Verb::SetAttributes | Verb::Write | Verb::Commit, _) => changed(asked, xdr, reading),
        (Verb::List | Verb::ListPlus, _) => list(asked, xdr, reading),
        (Verb::Look, _) if asked.procedure == "GETATTR" => {
            attributes(asked.version, xdr, reading).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Keeps the path of a handle that an answer told.
fn learn(asked: &Asked, key: u64, reading: &mut Reading<'_>) {
    let parent = asked.handle.and_then(|handle| reading.out.recall(handle));
    // A name alone says little of `.` and `..`.
    let is_dots = asked.name.as_ref().is_some_and(|name| matches!(name.as_str(), "." | ".."));
    if parent.is_none() && is_dots {
        return;
    }
    if let Some(path) = join_known(parent.as_ref(), asked.name.as_ref()) {
        reading.out.remember(key, path);
    }
}

/// Attributes, always there; the size.
fn attributes(version: u32, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<u64, Malformed> {
    reading.fields.number(&FILE_TYPE, xdr.u32("type")?);
    xdr.skip(16, "mode, nlink, uid, gid")?;
    let bytes = size(version, xdr, "size")?;
    reading.fields.number(&SIZE, bytes);
    // v2: blocksize, rdev, blocks, fsid, fileid and three times; v3: used, rdev, fsid, fileid, three times.
    xdr.skip(if version == 2 { 44 } else { 56 }, "attributes")?;
    Ok(bytes)
}

/// Attributes: in v3 with a word that says whether they follow.
fn attributes_of(
    version: u32,
    xdr: &mut Xdr<'_>,
    reading: &mut Reading<'_>,
) -> Result<Option<u64>, Malformed> {
    if version != 2 && !xdr.flag("attributes_follow")? {
        return Ok(None);
    }
    attributes(version, xdr, reading).map(Some)
}

/// The answer to READ.
fn read(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let mut length = attributes_of(asked.version, xdr, reading)?;
    reading.fields.number(&OFFSET, asked.offset);
    let mut at_end = false;
    if asked.version == 3 {
        reading.fields.number(&COUNT, xdr.u32("count")?);
        at_end = xdr.flag("eof")?;
        reading.fields.flag(&EOF, at_end);
    }
    let bytes = xdr.length(CONTENT_BYTES_MAX, "data")?;
    if asked.version == 2 {
        reading.fields.number(&COUNT, bytes);
    }
    if at_end {
        length = Some(asked.offset.saturating_add(bytes.into()));
    }
    let Some(key) = asked.handle else { return Ok(()) };
    if let Some(length) = length {
        reading.fetched_length(key, length);
    }
    let path = reading.out.recall(key);
    reading.carry(content_id(key, Mover::Fetched), asked.offset, bytes, path.as_ref(), xdr);
    Ok(())
}

/// The answer to what changed a file: how long it is now.
fn changed(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    if asked.version == 3 && xdr.flag("pre_op_attr")? {
        xdr.skip(24, "wcc_attr")?;
    }
    let length = attributes_of(asked.version, xdr, reading)?;
    if let (Verb::Write, Some(key), Some(length)) = (asked.verb, asked.handle, length) {
        reading.written_length(key, length);
    }
    if (asked.verb, asked.version) == (Verb::Write, 3) {
        reading.fields.number(&COUNT, xdr.u32("count")?);
    }
    Ok(())
}

/// The answer to READDIR and READDIRPLUS.
fn list(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let version = asked.version;
    if version == 3 {
        attributes_of(version, xdr, reading)?;
        xdr.skip(8, "cookieverf")?;
    }
    let directory = asked.handle.and_then(|handle| reading.out.recall(handle));
    for _ in 0..ENTRIES_MAX {
        if !xdr.flag("entry follows")? {
            reading.fields.flag(&EOF, xdr.flag("eof")?);
            break;
        }
        size(version, xdr, "fileid")?;
        let entry = name(xdr, reading)?;
        size(version, xdr, "cookie")?;
        if asked.verb == Verb::ListPlus {
            attributes_of(version, xdr, reading)?;
            if xdr.flag("handle_follows")? {
                let key = key_of(handle(version, xdr, reading)?);
                if let Some(directory) = &directory {
                    reading.out.remember(key, join(directory, &entry));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::PROTOCOL;
    use crate::proto::rpc::HEAD_BYTES_MAX;
    use crate::proto::rpc::build::Build;
    use crate::testing::{Bench, Turn, check, run, sturdy};
    use model::Side::{Client, Server};
    use model::{Side, Transport};

    const NFS: u32 = 100_003;

    /// NFS over UDP: the bench runs a row on its first transport.
    static OVER_UDP: crate::Protocol = crate::Protocol {
        name: "nfs",
        title: "Network File System",
        source: "RFC 1094",
        transports: &[Transport::Udp],
        ports: &[2049],
        schema: &super::super::SCHEMA,
        probe: |probe| (PROTOCOL.probe)(probe),
        start: crate::proto::rpc::start,
    };

    /// Regular file of `bytes` bytes, RFC 1813 §2.6.
    fn attributes_3(build: Build, bytes: u64) -> Build {
        build.words(&[1, 0o644, 1, 0, 0]).long(bytes).raw(&[0; 56])
    }

    /// Regular file of `bytes` bytes, RFC 1094 §2.3.5.
    fn attributes_2(build: Build, bytes: u32) -> Build {
        build.words(&[1, 0o644, 1, 0, 0, bytes]).raw(&[0; 44])
    }

    fn lookup_and_read(bytes: usize) -> Vec<(Side, Vec<u8>)> {
        let content = vec![0x7F; bytes];
        let length = u64::try_from(bytes).unwrap();
        let count = u32::try_from(bytes).unwrap();
        vec![
            (Client, Build::call(1, NFS, 3, 3).opaque(b"ROOTROOT").opaque(b"monitor").record()),
            (
                Server,
                attributes_3(Build::reply(1).words(&[0]).opaque(b"FILEFILE").words(&[1]), length)
                    .words(&[0])
                    .record(),
            ),
            (Client, Build::call(2, NFS, 3, 6).opaque(b"FILEFILE").long(0).words(&[count]).record()),
            (
                Server,
                attributes_3(Build::reply(2).words(&[0, 1]), length)
                    .words(&[count, 1])
                    .opaque(&content)
                    .record(),
            ),
        ]
    }

    fn turns(dialogue: &[(Side, Vec<u8>)]) -> Vec<Turn<'_>> {
        dialogue.iter().map(|(side, bytes)| (*side, &bytes[..])).collect()
    }

    #[test]
    fn a_file_is_looked_up_and_read() {
        let dialogue = lookup_and_read(5);
        check(&PROTOCOL, &turns(&dialogue), "
            c 4..44 rpc.xid=1 rpc.message=call rpc.version=3 rpc.procedure=3 rpc.program=100003 rpc.program_name=nfs rpc.cred_flavor=0
            c 44..68 Storage(Storage { step: Browse, outcome: Asked, path: Some(\"monitor\"), service: \"NFS\" })
            c 4..68 nfs.xid=1 nfs.message=call nfs.version=3 nfs.procedure=3 nfs.procedure_name=LOOKUP nfs.handle=524f4f54524f4f54 nfs.name=monitor
            s 4..28 rpc.xid=1 rpc.message=reply rpc.version=3 rpc.procedure=3 rpc.program=100003 rpc.program_name=nfs rpc.accept_stat=0
            s 28..32 of other: Storage(Storage { step: Browse, outcome: Granted, path: Some(\"monitor\"), service: \"NFS\" })
            s 28..32 Offers(FileShare)
            s 4..136 nfs.xid=1 nfs.message=reply nfs.version=3 nfs.procedure=3 nfs.procedure_name=LOOKUP nfs.status=0 nfs.handle=46494c4546494c45 nfs.file_type=1 nfs.size=5
            c 72..112 rpc.xid=2 rpc.message=call rpc.version=3 rpc.procedure=6 rpc.program=100003 rpc.program_name=nfs rpc.cred_flavor=0
            c 112..136 Storage(Storage { step: Read, outcome: Asked, path: Some(\"monitor\"), service: \"NFS\" })
            c 72..136 nfs.xid=2 nfs.message=call nfs.version=3 nfs.procedure=6 nfs.procedure_name=READ nfs.handle=46494c4546494c45 nfs.offset=0 nfs.count=5
            s 140..164 rpc.xid=2 rpc.message=reply rpc.version=3 rpc.procedure=6 rpc.program=100003 rpc.program_name=nfs rpc.accept_stat=0
            s 164..168 of other: Storage(Storage { step: Read, outcome: Granted, path: Some(\"monitor\"), service: \"NFS\" })
            s content Fetched length 5
            s content Fetched path \"monitor\"
            s content Fetched bytes 0..5
            s 140..276 nfs.xid=2 nfs.message=reply nfs.version=3 nfs.procedure=6 nfs.procedure_name=READ nfs.status=0 nfs.file_type=1 nfs.size=5 nfs.offset=0 nfs.count=5 nfs.eof=true
        ");
        sturdy(&PROTOCOL, &turns(&dialogue));
    }

    #[test]
    fn a_large_read_is_streamed_and_not_kept() {
        let dialogue = lookup_and_read(1 << 20);
        let got = run(&PROTOCOL, &turns(&dialogue));
        // The message is told between what was at hand with it and the rest.
        assert!(got.contains("s content Fetched bytes 0..1920\n"), "{got}");
        assert!(got.ends_with("s content Fetched bytes 1920..1048576\n"), "{got}");
        assert!(!got.contains("over the buffer limit"), "{got}");
        sturdy(&PROTOCOL, &turns(&lookup_and_read(HEAD_BYTES_MAX + 1)));
    }

    #[test]
    fn fragments_of_a_record_are_put_together() {
        let ask = Build::call(2, NFS, 3, 6).opaque(b"FILEFILE").long(4096).words(&[6000]).fragments(10);
        let answer = Build::reply(2).words(&[0, 0, 6000, 1]).opaque(&[1; 6000]).fragments(700);
        let next = Build::call(3, NFS, 3, 0).fragments(40);
        let dialogue: [Turn<'_>; 3] = [(Client, &ask), (Server, &answer), (Client, &next)];
        let got = run(&PROTOCOL, &dialogue);
        assert!(got.contains("s content Fetched length 10096"), "{got}");
        assert!(got.contains("s content Fetched bytes 4096..6100"), "{got}");
        assert!(got.contains("s content Fetched bytes 6100..10096"), "{got}");
        assert!(got.contains("rpc.xid=3 rpc.message=call"), "{got}");
    }

    #[test]
    fn several_records_in_one_segment_are_all_read() {
        let mut both = Build::call(1, NFS, 3, 0).record();
        both.extend(Build::call(2, NFS, 3, 0).record());
        let got = run(&PROTOCOL, &[(Client, &both)]);
        assert!(got.contains("rpc.xid=1") && got.contains("rpc.xid=2"), "{got}");
    }

    #[test]
    fn a_write_is_carried_to_the_server_and_its_length_told_at_the_end() {
        let write = Build::call(8, NFS, 3, 7).opaque(b"FILE").long(0).words(&[9, 2]).opaque(b"new image");
        let answer = attributes_3(Build::reply(8).words(&[0, 0, 1]), 9).words(&[9, 2]).long(1);
        let got = run(&PROTOCOL, &[(Client, &write.record()), (Server, &answer.record())]);
        assert!(got.contains("c content Pushed bytes 0..9"), "{got}");
        assert!(got.contains("of other: Storage(Storage { step: Write, outcome: Granted"), "{got}");
        assert!(got.ends_with("content Pushed length 9\nc content Pushed end complete=false\n"), "{got}");
    }

    #[test]
    fn version_2_reads_over_udp_tell_the_size_and_the_missing_rest() {
        let handle = [7; 32];
        let ask = Build::call(3, NFS, 2, 6).raw(&handle).words(&[8192, 4096, 4096]).bytes();
        let answer = attributes_2(Build::reply(3).words(&[0]), 9000).opaque(&[0x55; 808]).bytes();
        let got = run(&OVER_UDP, &[(Client, &ask), (Server, &answer)]);
        assert!(got.contains("s content Fetched length 9000"), "{got}");
        assert!(got.contains("s content Fetched bytes 8192..9000"), "{got}");
        let got = run(&OVER_UDP, &[(Client, &ask), (Server, &answer[..answer.len() - 100])]);
        assert!(got.contains("s content Fetched bytes 8192..8900\n"), "{got}");
        assert!(got.contains("s content Fetched missing 100 at 8900\n"), "{got}");
        sturdy(&OVER_UDP, &[(Client, &ask), (Server, &answer)]);
    }

    #[test]
    fn a_gap_inside_content_is_told_as_missing() {
        let dialogue = lookup_and_read(8000);
        let mut bench = Bench::new(&PROTOCOL);
        dialogue[..3].iter().for_each(|(side, bytes)| bench.feed(*side, bytes));
        let answer = &dialogue[3].1;
        bench.feed(Server, &answer[..4000]);
        bench.gap(Server, 1000);
        bench.feed(Server, &answer[5000..]);
        bench.feed(Client, &Build::call(9, NFS, 3, 0).record());
        bench.feed(Server, &Build::reply(9).record());
        let got = bench.finish();
        assert!(got.contains("missing 1000 at "), "{got}");
        assert!(got.contains("..8000\n"), "{got}");
        assert!(got.contains("rpc.xid=9 rpc.message=reply rpc.version=3"), "{got}");
    }

    #[test]
    fn after_a_gap_over_a_record_mark_the_next_record_is_found() {
        let call = Build::call(4, NFS, 3, 1).opaque(b"FILEFILE").record();
        let mut bench = Bench::new(&PROTOCOL);
        bench.feed(Client, &call[..30]);
        bench.gap(Client, 60);
        bench.feed(Client, &[0x11; 70]);
        bench.feed(Client, &call);
        let got = bench.finish();
        assert!(got.contains("nfs.procedure_name=GETATTR nfs.handle=46494c4546494c45"), "{got}");
    }

    #[test]
    fn a_message_that_ends_too_early_is_a_fault_and_the_next_is_read() {
        let mut both = Build::call(4, NFS, 3, 3).opaque(b"DIR1").words(&[40]).raw(b"short").record();
        both.extend(Build::call(5, NFS, 3, 0).record());
        let got = run(&PROTOCOL, &[(Client, &both)]);
        assert!(
            got.contains("Malformed(Malformed { field: \"name\", offset: 52, reason: CutShort })"),
            "{got}"
        );
        assert!(got.contains("rpc.xid=5"), "{got}");
    }

    #[test]
    fn a_name_without_its_padding_is_read() {
        let handle = [7; 32];
        let ask = Build::call(3, NFS, 2, 4).raw(&handle).words(&[1]).raw(b"a").bytes();
        let got = run(&OVER_UDP, &[(Client, &ask)]);
        assert!(got.contains("nfs.name=a"), "{got}");
        assert!(!got.contains("cut short"), "{got}");
    }
}
