//! Network File System v2, v3 and v4: what is looked up, read and written on a remote disk.
//!
//! NFS names files by handles. Their paths come from the answers of the mount protocol and of LOOKUP, CREATE
//! and the like, and are kept for all flows between the two hosts. The bytes of READ and WRITE go to the sink
//! as parts of the file with that handle, at their offsets.
//!
//! # Wire format
//! See `classic` for v2 and v3, one operation per call, and `compound` for v4, many operations per call.
//!
//! # Limits
//! Handles are at most `HANDLE_BYTES_MAX` bytes, names `NAME_BYTES_MAX`.
//!
//! # Source
//! RFC 1094 (v2), RFC 1813 (v3), RFC 7530 (v4.0), RFC 8881 (v4.1), RFC 7862 (v4.2).

mod classic;
mod compound;
mod operation;

use super::rpc::{self, MESSAGE, NFS, NFS_CALLBACK, PROCEDURE, Reading, VERSION, XID, Xdr, key_of};
use crate::{ContentId, Protocol, Scope};
use model::{Malformed, Mover, Text, Transport};
use std::ops::Range;

/// Longest file handle, in bytes: `NFS4_FHSIZE`; v3 has 64, v2 exactly 32.
const HANDLE_BYTES_MAX: u32 = 128;
/// Longest name or link text, in bytes. Our limit; v2 allows 255, later versions what the server says.
const NAME_BYTES_MAX: u32 = 4096;
/// Longest compound that is read whole even if it holds content of a file, so that the operations behind the
/// content are read too, in bytes. Our limit; of a longer one the content is streamed and the rest passed
/// over.
const COMPOUND_BYTES_MAX: u64 = 16 << 10;

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "nfs",
    title: "Network File System",
    source: "RFC 1094, RFC 1813, RFC 7530, RFC 8881, RFC 7862",
    transports: &[Transport::Tcp, Transport::Udp],
    ports: &[2049],
    schema: &SCHEMA,
    probe: |probe| rpc::verdict(probe, &[NFS, NFS_CALLBACK], &[2049]),
    start: rpc::start,
};

schema! { "nfs" after [XID, MESSAGE, VERSION, PROCEDURE]:
    PROCEDURE_NAME = "procedure_name" Text Device "Procedure, e.g. `LOOKUP`.";
    MINOR_VERSION = "minor_version" Number Device "Minor version of a v4 compound.";
    OPERATION = "operation" Text Device "Operation of a v4 compound; repeats.";
    STATUS = "status" Number Device "0 done; else the error number.";
    HANDLE = "handle" Bytes Device "File handle asked about or answered.";
    NAME = "name" Text Device "Name within a directory, or text of a link.";
    OFFSET = "offset" Quantity("By") Device "Offset in the file, in bytes.";
    COUNT = "count" Quantity("By") Device "Bytes to read or write, or read or written.";
    SIZE = "size" Quantity("By") Device "Size of the file by its attributes, in bytes.";
    EOF = "eof" Flag Device "The read reached the end of the file, the list its end.";
    FILE_TYPE = "file_type" Number Device "Kind of the file by its attributes: 1 file, 2 directory.";
}

/// What a call asked.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Version 2 or 3.
    Classic(classic::Asked),
    /// Version 4.
    Compound(compound::Asked),
    /// A version that does not exist.
    Other,
}

impl Asked {
    /// Whether a reply of `total` bytes may hold so much content of a file that it is to be streamed.
    pub(crate) fn answer_may_carry(&self, total: u64) -> bool {
        match self {
            Self::Classic(asked) => asked.answer_may_carry(),
            Self::Compound(asked) => total > COMPOUND_BYTES_MAX && asked.answer_may_carry(),
            Self::Other => false,
        }
    }
}

/// Whether a call of `total` bytes may hold so much content of a file that it is to be streamed.
pub(crate) fn call_may_carry(version: u32, procedure: u32, total: u64) -> bool {
    match (version, procedure) {
        (2, 8) | (3, 7) => true,
        (4, 1) => total > COMPOUND_BYTES_MAX,
        _ => false,
    }
}

/// Reads the arguments of a call.
pub(crate) fn call(
    version: u32,
    procedure: u32,
    xdr: &mut Xdr<'_>,
    reading: &mut Reading<'_>,
) -> (Asked, Result<(), Malformed>) {
    match version {
        2 | 3 => {
            let (asked, result) = classic::call(version, procedure, xdr, reading);
            (Asked::Classic(asked), result)
        }
        4 => {
            let (asked, result) = compound::call(procedure, xdr, reading);
            (Asked::Compound(asked), result)
        }
        _ => (Asked::Other, Ok(())),
    }
}

/// The server's RPC layer refused the call.
pub(crate) fn refused(asked: &Asked, status: u32, range: Range<usize>, reading: &mut Reading<'_>) {
    match asked {
        Asked::Classic(asked) => classic::refused(asked, status, range, reading),
        Asked::Compound(asked) => compound::refused(asked, status, range, reading),
        Asked::Other => {}
    }
}

/// Reads the results of a reply.
pub(crate) fn reply(asked: Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    match asked {
        Asked::Classic(asked) => classic::reply(&asked, xdr, reading),
        Asked::Compound(asked) => compound::reply(&asked, xdr, reading),
        Asked::Other => Ok(()),
    }
}

/// The file with the handle `key`.
fn content_id(key: u64, mover: Mover) -> ContentId {
    ContentId { scope: Scope::HostPair, key, mover }
}

/// A name, told as a field.
fn name(xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<Text, Malformed> {
    let name = xdr.opaque(NAME_BYTES_MAX, "name")?;
    reading.fields.text(&NAME, name);
    Ok(Text::from_bytes(name))
}

/// A path as the key of facts about it, else the handle.
fn fact_key(path: Option<&Text>, handle: Option<u64>) -> u64 {
    path.map(|path| key_of(path.as_str().as_bytes())).or(handle).unwrap_or(0)
}
