//! Mount protocol v1-v3: which directory a client attaches.
//!
//! The answer to MNT is a file handle, the only name that NFS uses afterwards; its path is kept for the NFS
//! flows between the same hosts.
//!
//! # Wire format
//! ```text
//! MNT call:    | path |                  reply v1/v2: | status | handle 32 |
//!                                        reply v3:    | status | handle, length before it | auth flavours |
//! UMNT call:   | path |                  reply: nothing
//! DUMP reply:  { | 1 | host | directory | } | 0 |
//! EXPORT reply:{ | 1 | directory | { | 1 | group | } | 0 | } | 0 |
//! ```
//!
//! # Limits
//! Paths are at most `PATH_BYTES_MAX`, names `NAME_BYTES_MAX`, handles `HANDLE_BYTES_MAX` bytes; of lists
//! the first `ENTRIES_MAX` entries are read.
//!
//! # Source
//! RFC 1094 appendix A (v1), RFC 1813 appendix I (v3).

use super::rpc::{self, MESSAGE, MOUNT, PROCEDURE, Reading, VERSION, XID, Xdr, key_of};
use crate::Protocol;
use model::{Malformed, StorageStep, Text, Transport};
use std::ops::Range;

/// `MNTPATHLEN`.
const PATH_BYTES_MAX: u32 = 1024;
/// `MNTNAMLEN`.
const NAME_BYTES_MAX: u32 = 255;
/// `FHSIZE3`.
const HANDLE_BYTES_MAX: u32 = 64;
/// `FHSIZE` of v1 and v2.
const HANDLE_BYTES_V1: usize = 32;
/// Most authentication flavours of an answer; ours, above what any server lists.
const FLAVORS_MAX: u32 = 64;
/// Most entries of a list that are read. Our limit; those beyond are passed over.
const ENTRIES_MAX: usize = 256;

const PROCEDURES: [&str; 8] = ["NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT", "EXPORTALL", "PATHCONF"];

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "mount",
    title: "NFS mount protocol",
    source: "RFC 1813 appendix I",
    transports: &[Transport::Udp, Transport::Tcp],
    ports: &[20048, 635],
    schema: &SCHEMA,
    probe: |probe| rpc::verdict(probe, &[MOUNT], &[20048, 635]),
    start: rpc::start,
};

schema! { "mount" after [XID, MESSAGE, VERSION, PROCEDURE]:
    PROCEDURE_NAME = "procedure_name" Text Device "Procedure, e.g. `MNT`.";
    PATH = "path" Text Device "Directory asked for or listed.";
    STATUS = "status" Number Device "0 granted; else the error number.";
    HANDLE = "handle" Bytes Device "File handle of the directory.";
    AUTH_FLAVOR = "auth_flavor" Number Device "Credential kind that the export takes.";
    HOST = "host" Text Device "Client that has the directory mounted, by the server's list.";
    GROUP = "group" Text Device "Host or group that may mount the directory.";
}

/// What a call asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    version: u32,
    procedure: u32,
    path: Option<Text>,
}

impl Asked {
    fn step(&self) -> Option<StorageStep> {
        match self.procedure {
            1 => Some(StorageStep::Mount),
            3 | 4 => Some(StorageStep::Unmount),
            2 | 5 | 6 => Some(StorageStep::Browse),
            _ => None,
        }
    }

    fn key(&self) -> u64 {
        self.path.as_ref().map_or(0, |path| key_of(path.as_str().as_bytes()))
    }
}

/// Reads the arguments of a call.
pub(crate) fn call(
    version: u32,
    procedure: u32,
    xdr: &mut Xdr<'_>,
    reading: &mut Reading<'_>,
) -> (Asked, Result<(), Malformed>) {
    let start = xdr.offset();
    tell_name(procedure, reading);
    let mut asked = Asked { version, procedure, path: None };
    let mut result = Ok(());
    if matches!(procedure, 1 | 3 | 7) {
        result = xdr.opaque(PATH_BYTES_MAX, "dirpath").map(|path| {
            reading.fields.text(&PATH, path);
            asked.path = Some(Text::from_bytes(path));
        });
    }
    if let Some(step) = asked.step() {
        reading.asked(step, asked.key(), asked.path.as_ref(), xdr.since(start));
    }
    (asked, result)
}

fn tell_name(procedure: u32, reading: &mut Reading<'_>) {
    if let Some(name) = PROCEDURES.get(procedure as usize) {
        reading.fields.text(&PROCEDURE_NAME, name.as_bytes());
    }
}

/// The server's RPC layer refused the call.
pub(crate) fn refused(asked: &Asked, status: u32, range: Range<usize>, reading: &mut Reading<'_>) {
    tell_name(asked.procedure, reading);
    if let Some(step) = asked.step() {
        reading.answered(step, status, asked.key(), asked.path.as_ref(), range);
    }
}

/// Reads the results of a reply.
pub(crate) fn reply(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let start = xdr.offset();
    tell_name(asked.procedure, reading);
    let (status, result) = match asked.procedure {
        1 => {
            let status = xdr.u32("status")?;
            reading.fields.number(&STATUS, status);
            let granted = status == 0;
            (status, if granted { mounted(asked, xdr, reading) } else { Ok(()) })
        }
        2 => (0, mounts(xdr, reading)),
        5 | 6 => (0, exports(xdr, reading)),
        _ => (0, Ok(())),
    };
    if let Some(step) = asked.step() {
        reading.answered(step, status, asked.key(), asked.path.as_ref(), xdr.since(start));
    }
    if status == 0 {
        reading.serves_files(xdr.since(start));
    }
    result
}

/// The handle that MNT answers.
fn mounted(asked: &Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let handle = match asked.version {
        0..=2 => xdr.fixed(HANDLE_BYTES_V1, "fhandle")?,
        _ => xdr.opaque(HANDLE_BYTES_MAX, "fhandle3")?,
    };
    reading.fields.bytes(&HANDLE, handle);
    if let Some(path) = &asked.path {
        reading.out.remember(key_of(handle), path.clone());
    }
    if asked.version >= 3 {
        for _ in 0..xdr.length(FLAVORS_MAX, "auth_flavors")? {
            reading.fields.number(&AUTH_FLAVOR, xdr.u32("auth_flavors")?);
        }
    }
    Ok(())
}

/// The list of DUMP.
fn mounts(xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    for _ in 0..ENTRIES_MAX {
        if !xdr.flag("mountlist")? {
            break;
        }
        reading.fields.text(&HOST, xdr.opaque(NAME_BYTES_MAX, "ml_hostname")?);
        reading.fields.text(&PATH, xdr.opaque(PATH_BYTES_MAX, "ml_directory")?);
    }
    Ok(())
}

/// The list of EXPORT.
fn exports(xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let mut entries = 0;
    while entries < ENTRIES_MAX && xdr.flag("exports")? {
        entries += 1;
        reading.fields.text(&PATH, xdr.opaque(PATH_BYTES_MAX, "ex_dir")?);
        while entries < ENTRIES_MAX && xdr.flag("ex_groups")? {
            entries += 1;
            reading.fields.text(&GROUP, xdr.opaque(NAME_BYTES_MAX, "gr_name")?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::rpc::build::Build;
    use super::*;
    use crate::Verdict;
    use crate::testing::{check, hex, probe, run, sturdy};
    use model::Side::{Client, Server};

    /// MNT `/pm`, version 3, by hand from RFC 1813 §5.2.1.
    fn mnt() -> Vec<u8> {
        hex("
            00000042 00000000 00000002 000186a5 00000003 00000001 00000000 00000000 00000000 00000000
            00000003 2f706d00 | `/pm`
        ")
    }

    #[test]
    fn a_mount_is_told_as_asked_and_as_granted() {
        let granted = hex("
            00000042 00000001 00000000 00000000 00000000 00000000
            00000000 00000004 aabbccdd | status, handle
            00000001 00000001          | one flavour: AUTH_SYS
        ");
        check(&PROTOCOL, &[(Client, &mnt()), (Server, &granted)], "
            c 0..40 rpc.xid=66 rpc.message=call rpc.version=3 rpc.procedure=1 rpc.program=100005 rpc.program_name=mountd rpc.cred_flavor=0
            c 40..48 Storage(Storage { step: Mount, outcome: Asked, path: Some(\"/pm\"), service: \"NFS\" })
            c 0..48 mount.xid=66 mount.message=call mount.version=3 mount.procedure=1 mount.procedure_name=MNT mount.path=/pm
            s 0..24 rpc.xid=66 rpc.message=reply rpc.version=3 rpc.procedure=1 rpc.program=100005 rpc.program_name=mountd rpc.accept_stat=0
            s 24..44 of other: Storage(Storage { step: Mount, outcome: Granted, path: Some(\"/pm\"), service: \"NFS\" })
            s 24..44 Offers(FileShare)
            s 0..44 mount.xid=66 mount.message=reply mount.version=3 mount.procedure=1 mount.procedure_name=MNT mount.status=0 mount.handle=aabbccdd mount.auth_flavor=1
        ");
        sturdy(&PROTOCOL, &[(Client, &mnt()), (Server, &granted)]);
    }

    #[test]
    fn a_refused_mount_keeps_its_status_and_offers_nothing() {
        let refused = Build::reply(0x42).words(&[13]).bytes();
        let got = run(&PROTOCOL, &[(Client, &mnt()), (Server, &refused)]);
        assert!(got.contains("outcome: Refused(13), path: Some(\"/pm\")"), "{got}");
        assert!(!got.contains("Offers"), "{got}");
        let not_run = Build::default().words(&[0x42, 1, 0, 0, 0, 2, 1, 3]).bytes();
        let got = run(&PROTOCOL, &[(Client, &mnt()), (Server, &not_run)]);
        assert!(got.contains("outcome: Refused(2), path: Some(\"/pm\")"), "{got}");
    }

    #[test]
    fn exports_and_their_groups_are_listed() {
        let ask = Build::call(5, MOUNT, 1, 5).bytes();
        let list = Build::reply(5)
            .words(&[1])
            .opaque(b"/pm")
            .words(&[1])
            .opaque(b"10.0.0.0/8")
            .words(&[1])
            .opaque(b"ward")
            .words(&[0, 1])
            .opaque(b"/log")
            .words(&[0, 0])
            .bytes();
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &list)]);
        assert!(
            got.contains("mount.path=/pm mount.group=10.0.0.0/8 mount.group=ward mount.path=/log"),
            "{got}"
        );
        assert!(got.contains("step: Browse, outcome: Granted"), "{got}");
        sturdy(&PROTOCOL, &[(Client, &ask), (Server, &list)]);
    }

    #[test]
    fn letting_go_is_told() {
        let ask = Build::call(6, MOUNT, 3, 3).opaque(b"/pm").bytes();
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &Build::reply(6).bytes())]);
        assert!(got.contains("of other: Storage(Storage { step: Unmount, outcome: Granted"), "{got}");
    }

    #[test]
    fn a_path_over_the_limit_is_a_fault_of_the_caller() {
        let long = Build::call(7, MOUNT, 3, 1).words(&[1025]).raw(&[b'a'; 1028]).bytes();
        let got = run(&PROTOCOL, &[(Client, &long)]);
        assert!(got.contains("stop dirpath at byte 40: 1025 is outside 0..=1024"), "{got}");
    }

    #[test]
    fn a_reply_without_its_call_is_taken_on_the_port_of_mountd_only() {
        let reply = Build::reply(1).words(&[0]).bytes();
        assert_eq!(probe(&PROTOCOL, Server, &reply), Verdict::Certain);
        assert_eq!(probe(&super::super::rpc::PROTOCOL, Server, &reply), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Client, &mnt()), Verdict::Certain);
    }
}
