//! Compounds, built by hand from the operations of the standard.

use super::super::PROTOCOL;
use crate::proto::rpc::build::Build;
use crate::testing::{Turn, check, run, sturdy};
use model::Side;
use model::Side::{Client, Server};

/// A compound call of `count` operations.
fn compound(xid: u32, count: u32) -> Build {
    Build::call(xid, 100_003, 4, 1).opaque(b"").words(&[0, count])
}

/// A reply that answers `count` operations.
fn answers(xid: u32, count: u32) -> Build {
    Build::reply(xid).words(&[0]).opaque(b"").words(&[count])
}

const STATE: [u32; 4] = [1, 2, 3, 4];

/// OPEN of `name`, without the operations around it; RFC 7530 §16.16.
fn open(build: Build, access: u32, how: &[u32], name: &[u8]) -> Build {
    build.words(&[18, 0, access, 0]).long(7).opaque(b"owner").words(how).words(&[0]).opaque(name)
}

/// Results of OPEN without delegation, the directory unchanged or changed.
fn opened(build: Build, changed: u64) -> Build {
    build.words(&[18, 0]).words(&STATE).words(&[1]).long(5).long(5 + changed).words(&[0, 0, 0])
}

fn attach_and_read(content: &[u8]) -> Vec<(Side, Vec<u8>)> {
    let count = u32::try_from(content.len()).unwrap();
    let attach = compound(1, 3).words(&[24, 15]).opaque(b"pm").words(&[10]);
    let attached = answers(1, 3).words(&[24, 0, 15, 0, 10, 0]).opaque(b"DIRHANDLE");
    let read = open(compound(2, 4).words(&[22]).opaque(b"DIRHANDLE"), 1, &[0], b"monitor")
        .words(&[10, 25])
        .words(&STATE)
        .long(0)
        .words(&[count]);
    let got = opened(answers(2, 4).words(&[22, 0]), 0)
        .words(&[10, 0])
        .opaque(b"FILEHANDLE")
        .words(&[25, 0, 1])
        .opaque(content);
    vec![
        (Client, attach.record()),
        (Server, attached.record()),
        (Client, read.record()),
        (Server, got.record()),
    ]
}

fn turns(dialogue: &[(Side, Vec<u8>)]) -> Vec<Turn<'_>> {
    dialogue.iter().map(|(side, bytes)| (*side, &bytes[..])).collect()
}

#[test]
fn a_walk_from_the_root_attaches_and_a_file_below_it_is_read() {
    let dialogue = attach_and_read(b"\x7fELF");
    check(
        &PROTOCOL,
        &turns(&dialogue),
        "
        c 4..44 rpc.xid=1 rpc.message=call rpc.version=4 rpc.procedure=1 rpc.program=100003 rpc.program_name=nfs rpc.cred_flavor=0
        c 72..76 Storage(Storage { step: Mount, outcome: Asked, path: Some(\"/pm\"), service: \"NFS\" })
        c 4..76 nfs.xid=1 nfs.message=call nfs.version=4 nfs.procedure=1 nfs.procedure_name=COMPOUND nfs.minor_version=0 nfs.operation=PUTROOTFH nfs.operation=LOOKUP nfs.name=pm nfs.operation=GETFH
        s 4..28 rpc.xid=1 rpc.message=reply rpc.version=4 rpc.procedure=1 rpc.program=100003 rpc.program_name=nfs rpc.accept_stat=0
        s 48..56 of other: Storage(Storage { step: Mount, outcome: Granted, path: Some(\"/pm\"), service: \"NFS\" })
        s 48..56 Offers(FileShare)
        s 4..80 nfs.xid=1 nfs.message=reply nfs.version=4 nfs.procedure=1 nfs.procedure_name=COMPOUND nfs.status=0 nfs.operation=PUTROOTFH nfs.operation=LOOKUP nfs.operation=GETFH nfs.handle=44495248414e444c45
        c 80..120 rpc.xid=2 rpc.message=call rpc.version=4 rpc.procedure=1 rpc.program=100003 rpc.program_name=nfs rpc.cred_flavor=0
        c 152..208 Storage(Storage { step: Read, outcome: Asked, path: Some(\"/pm/monitor\"), service: \"NFS\" })
        c 80..244 nfs.xid=2 nfs.message=call nfs.version=4 nfs.procedure=1 nfs.procedure_name=COMPOUND nfs.minor_version=0 nfs.operation=PUTFH nfs.handle=44495248414e444c45 nfs.operation=OPEN nfs.name=monitor nfs.operation=GETFH nfs.operation=READ nfs.offset=0 nfs.count=4
        s 84..108 rpc.xid=2 rpc.message=reply rpc.version=4 rpc.procedure=1 rpc.program=100003 rpc.program_name=nfs rpc.accept_stat=0
        s 128..136 of other: Storage(Storage { step: Read, outcome: Granted, path: Some(\"/pm/monitor\"), service: \"NFS\" })
        s content Fetched length 4
        s content Fetched path \"/pm/monitor\"
        s content Fetched bytes 0..4
        s 84..228 nfs.xid=2 nfs.message=reply nfs.version=4 nfs.procedure=1 nfs.procedure_name=COMPOUND nfs.status=0 nfs.operation=PUTFH nfs.operation=OPEN nfs.operation=GETFH nfs.handle=46494c4548414e444c45 nfs.operation=READ nfs.eof=true nfs.count=4
        ",
    );
    sturdy(&PROTOCOL, &turns(&dialogue));
}

#[test]
fn a_large_read_is_streamed_to_its_end() {
    let dialogue = attach_and_read(&vec![9; 300_000]);
    let got = run(&PROTOCOL, &turns(&dialogue));
    assert!(got.contains("s content Fetched length 300000"), "{got}");
    assert!(got.ends_with("..300000\n"), "{got}");
}

#[test]
fn a_file_that_was_made_written_and_closed_is_complete() {
    let make = open(compound(1, 3).words(&[22]).opaque(b"DIR"), 2, &[1, 0, 0, 0], b"new").words(&[10]);
    let made = opened(answers(1, 3).words(&[22, 0]), 1).words(&[10, 0]).opaque(b"NEWFILE");
    let write = compound(2, 2)
        .words(&[22])
        .opaque(b"NEWFILE")
        .words(&[38])
        .words(&STATE)
        .long(0)
        .words(&[2])
        .opaque(b"firmware");
    let wrote = answers(2, 2).words(&[22, 0, 38, 0, 8, 2]).long(1);
    let close = compound(3, 2).words(&[22]).opaque(b"NEWFILE").words(&[4, 1]).words(&STATE);
    let closed = answers(3, 2).words(&[22, 0, 4, 0]).words(&STATE);
    let dialogue = [
        (Client, make.record()),
        (Server, made.record()),
        (Client, write.record()),
        (Server, wrote.record()),
        (Client, close.record()),
        (Server, closed.record()),
    ];
    let got = run(&PROTOCOL, &turns(&dialogue));
    assert!(got.contains("c content Pushed path \"new\"\nc content Pushed bytes 0..8\n"), "{got}");
    assert!(got.contains("s content Pushed length 8\ns content Pushed end complete=true\n"), "{got}");
    assert_eq!(got.matches("end complete").count(), 1, "{got}");
    sturdy(&PROTOCOL, &turns(&dialogue));
}

#[test]
fn a_refusal_is_told_of_what_stands_on_it() {
    let ask = compound(1, 3).words(&[24, 15]).opaque(b"pm").words(&[10]).record();
    let refused = Build::reply(1).words(&[2]).opaque(b"").words(&[2, 24, 0, 15, 2]).record();
    let got = run(&PROTOCOL, &[(Client, &ask), (Server, &refused)]);
    assert!(got.contains("step: Mount, outcome: Refused(2), path: Some(\"/pm\")"), "{got}");
    assert!(!got.contains("Offers"), "{got}");
}

#[test]
fn an_operation_of_unknown_length_ends_the_reading_without_a_fault() {
    let ask = compound(1, 3).words(&[22]).opaque(b"FILE").words(&[49, 1, 2, 3, 4, 5, 6, 7, 8]).record();
    let next = compound(2, 1).words(&[24]).record();
    let got = run(&PROTOCOL, &[(Client, &ask), (Client, &next)]);
    assert!(got.contains("nfs.operation=LAYOUTCOMMIT\n"), "{got}");
    assert!(got.contains("nfs.operation=PUTROOTFH\n"), "{got}");
    assert!(!got.contains("Malformed") && !got.contains("stop"), "{got}");
}

#[test]
fn sparse_reads_tell_their_holes_as_missing() {
    let ask = compound(1, 2).words(&[22]).opaque(b"FILE").words(&[68]).words(&STATE).long(0).words(&[99]);
    let answer =
        answers(1, 2).words(&[22, 0, 68, 0, 1, 2, 0]).long(0).opaque(b"abcd").words(&[1]).long(4).long(95);
    let got = run(&PROTOCOL, &[(Client, &ask.record()), (Server, &answer.record())]);
    assert!(got.contains("Fetched bytes 0..4\ns content Fetched missing 95 at 4\n"), "{got}");
}

#[test]
fn clients_and_servers_name_their_software() {
    let ask = Build::call(1, 100_003, 4, 1)
        .opaque(b"")
        .words(&[1, 1, 42])
        .long(1)
        .opaque(b"client 7")
        .words(&[0, 0, 1])
        .opaque(b"kernel.org")
        .opaque(b"Linux 2.6.27 armv5")
        .words(&[0, 0, 0]);
    let got = run(&PROTOCOL, &[(Client, &ask.record())]);
    assert!(got.contains("Identified(Sender, Software(\"Linux 2.6.27 armv5\"))"), "{got}");
}
