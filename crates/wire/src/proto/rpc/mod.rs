//! ONC remote procedure call: the engine of port mapper, mount and NFS, and the row of all other programs.
//!
//! A call names a program by number, a reply only repeats the call's transaction number. So the engine keeps
//! what each call asked until its reply comes, and hands both to the reader of the program: `super::portmap`,
//! `super::mount`, `super::nfs`. Those are rows of their own; they differ from this one in what their
//! probe looks for. Whichever row took a flow, calls of every program on it are read.
//!
//! # Wire format
//! ```text
//! call:   | xid 4 | 0 | rpcvers = 2 | prog | vers | proc | cred: flavor, length, body | verf: same | args
//! reply:  | xid 4 | 1 | 0 accepted  | verf | accept_stat | results
//!                     | 1 denied    | reject_stat | …
//! ```
//! Over TCP a message is a record of one or more fragments, each behind a word: the top bit marks the last
//! fragment, the rest is its length. The bytes of a file in a READ or WRITE go to the sink as they arrive;
//! everything else is read from the whole message.
//!
//! # Limits
//! `CALLS_MAX` calls wait for replies; the oldest is dropped, and its reply tells only its own header. Of a
//! message without file content `MESSAGE_BYTES_MAX` are read, of one with it `HEAD_BYTES_MAX` before the
//! content. Arguments and results under RPCSEC_GSS are not read.
//!
//! # Source
//! RFC 5531 (RPC), RFC 4506 (XDR), RFC 9289 §4.1 (TLS).

#[cfg(test)]
pub(crate) mod build;
mod header;
mod program;
mod reading;
mod sight;
mod stream;
mod xdr;

pub(crate) use program::{MOUNT, NFS, NFS_CALLBACK, PORTMAP};
pub(crate) use reading::{LOOK_KEY, Reading, join, join_known, key_of};
pub(crate) use sight::verdict;
pub(crate) use xdr::Xdr;

use self::header::{AUTH_TLS, CallHeader, Outcome, RPCSEC_GSS, ReplyHeader};
use self::reading::{Bulk, Fields, Known};
use self::sight::{Sight, sight};
use self::stream::Stream;
use super::{mount, nfs, portmap};
use crate::{ContentPart, Gap, Parser, Probe, Protocol, Sink, Start, Step, Verdict};
use model::{Endpoint, Fact, Malformed, Reason, Schema, Side, Transport};
use std::collections::VecDeque;
use std::ops::Range;

/// Most calls that wait for their replies, per flow. Our limit; the oldest is dropped.
pub(crate) const CALLS_MAX: usize = 256;
/// Most bytes of a message that are kept to be read. Our limit; what a longer one says beyond is passed over.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 << 10;
/// Most bytes of a message with file content that are read before the content: both `opaque_auth` of 400
/// bytes, the largest file handles and attributes are under half of it.
pub(crate) const HEAD_BYTES_MAX: usize = 2048;

const _: () = assert!(MESSAGE_BYTES_MAX < crate::UNIT_BYTES_MAX);

/// Row of the registry: programs that have no row of their own.
pub static PROTOCOL: Protocol = Protocol {
    name: "rpc",
    title: "ONC remote procedure call",
    source: "RFC 5531",
    transports: &[Transport::Tcp, Transport::Udp],
    ports: &[],
    schema: &SCHEMA,
    probe,
    start: |start| Box::new(Engine::new(start)),
};

schema! { "rpc":
    XID = "xid" Number Device "Transaction number; the reply repeats the call's.";
    MESSAGE = "message" Text Device "`call` or `reply`.";
    PROGRAM = "program" Number Device "Number of the program.";
    PROGRAM_NAME = "program_name" Text Device "Name of the program, where we know it.";
    VERSION = "version" Number Device "Version of the program.";
    PROCEDURE = "procedure" Number Device "Number of the procedure.";
    FLAVOR = "cred_flavor" Number Device "Kind of the credential: 0 none, 1 system, 6 GSS.";
    MACHINE_NAME = "machine_name" Text Device "Name that the caller gives itself.";
    UID = "uid" Number Device "User that the caller says it is.";
    GID = "gid" Number Device "Group that the caller says it is.";
    ACCEPT_STAT = "accept_stat" Number Device "0 success; else why the procedure did not run.";
    REJECT_STAT = "reject_stat" Number Device "Why the call was denied: 0 version, 1 credential.";
}

fn probe(probe: &Probe<'_>) -> Verdict {
    match sight(probe) {
        Sight::Call(number) if !program::WITH_ROW.contains(&number) => Verdict::Certain,
        // A record mark and five words in their places; a datagram has fewer to show.
        Sight::Reply if probe.transport == Transport::Tcp => Verdict::Certain,
        Sight::Open => Verdict::Unsure,
        Sight::Call(_) | Sight::Reply | Sight::Nothing => Verdict::NotForUs,
    }
}

/// Makes the parser that all rows share.
pub(crate) fn start(start: &Start) -> Box<dyn Parser> {
    Box::new(Engine::new(start))
}

/// What a call asked, for its reply.
#[derive(Debug)]
enum Asked {
    /// Nothing that the reply needs.
    Nothing,
    /// See the programs.
    Portmap(portmap::Asked),
    Mount(mount::Asked),
    Nfs(Box<nfs::Asked>),
}

#[derive(Debug)]
struct Call {
    side: Side,
    xid: u32,
    program: u32,
    version: u32,
    procedure: u32,
    /// The caller asked whether to go on under TLS.
    asks_tls: bool,
    asked: Asked,
}

/// Parser of one flow.
struct Engine {
    transport: Transport,
    /// By side. A flow between two low ports may be taken for the wrong way round: who answers is the server.
    endpoints: [Endpoint; 2],
    streams: [Stream; 2],
    calls: VecDeque<Call>,
    known: Known,
    encrypted: bool,
}

/// What reading a message came to.
struct Read {
    /// File content that goes on.
    bulk: Option<Bulk>,
    /// What was wrong, if anything.
    fault: Option<Malformed>,
}

impl Engine {
    fn new(start: &Start) -> Self {
        let stream = || Stream::new(start.midstream);
        Self {
            transport: start.transport,
            endpoints: [start.client, start.server],
            streams: [stream(), stream()],
            calls: VecDeque::new(),
            known: Known::default(),
            encrypted: false,
        }
    }

    /// Reads one message, or the front of one.
    fn read(&mut self, side: Side, message: &[u8], gathered: Option<usize>, out: &mut dyn Sink) -> Read {
        let mut xdr = Xdr::new(message, gathered);
        let fields = Fields::of(&SCHEMA, out);
        let sender = self.endpoints.get(side.index()).copied();
        let mut reading = Reading { out, known: &mut self.known, fields, bulk: None, sender };
        let result = match (xdr.u32("xid"), xdr.u32("msg_type")) {
            (Ok(xid), Ok(0)) => call(&mut self.calls, side, xid, xdr, &mut reading),
            (Ok(xid), Ok(1)) => reply(&mut self.calls, side, xid, xdr, &mut reading).map(|encrypted| {
                self.encrypted |= encrypted;
            }),
            (Ok(_), Ok(other)) => Err(xdr.malformed("msg_type", Reason::NotDefined(other.into()))),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        Read { bulk: reading.bulk, fault: result.err() }
    }

    fn datagram(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        let read = self.read(side, input, None, out);
        if let Some(Bulk { id, offset, left }) = read.bulk {
            out.content(id, ContentPart::Missing { offset, bytes: left });
            return Step::Need(input.len() + 1);
        }
        match read.fault {
            None => Step::Done(input.len()),
            Some(Malformed { reason: Reason::CutShort, .. }) => Step::Need(input.len() + 1),
            Some(fault) => Step::Stop(fault),
        }
    }

    /// How many bytes of a message of `total` bytes must be at hand before it is read. `front` are at least
    /// its first six words, or all of it.
    fn wanted(&self, side: Side, front: &[u8], total: u64) -> usize {
        let mut xdr = Xdr::new(front, None);
        let mut word = || xdr.u32("front").unwrap_or(0);
        let (xid, kind, _, program, version, procedure) = (word(), word(), word(), word(), word(), word());
        let has_content = match kind {
            0 => program == NFS && nfs::call_may_carry(version, procedure, total),
            _ => self.calls.iter().find(|call| call.side != side && call.xid == xid).is_some_and(
                |call| matches!(&call.asked, Asked::Nfs(asked) if asked.answer_may_carry(total)),
            ),
        };
        let most = if has_content { HEAD_BYTES_MAX } else { MESSAGE_BYTES_MAX };
        usize::try_from(total).unwrap_or(most).min(most)
    }
}

impl Parser for Engine {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        if self.encrypted {
            return Step::Ignore;
        }
        if self.transport == Transport::Tcp {
            return stream::step(self, side, input, out);
        }
        self.datagram(side, input, out)
    }

    fn gap(&mut self, side: Side, bytes: u64, out: &mut dyn Sink) -> Gap {
        if self.transport == Transport::Tcp
            && let Some(stream) = self.streams.get_mut(side.index())
        {
            stream.gap(bytes, out);
        }
        Gap::Resume
    }

    fn end(&mut self, out: &mut dyn Sink) {
        self.known.end(out);
    }
}

/// Reads a call behind its message type and keeps what it asked.
fn call(
    calls: &mut VecDeque<Call>,
    side: Side,
    xid: u32,
    mut xdr: Xdr<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Malformed> {
    let header = header::call(xid, &mut xdr)?;
    tell_call(&header, xdr.since(0), reading);
    let mut asked = Asked::Nothing;
    let mut result = Ok(());
    if header.flavor != RPCSEC_GSS {
        (asked, result) = arguments(&header, xdr, reading);
    }
    let CallHeader { program, version, procedure, flavor, .. } = header;
    // A repeated call takes the place of the first.
    calls.retain(|call| call.side != side || call.xid != xid);
    if calls.len() >= CALLS_MAX {
        calls.pop_front();
    }
    let asks_tls = flavor == AUTH_TLS;
    calls.push_back(Call { side, xid, program, version, procedure, asks_tls, asked });
    result
}

/// The part of a call that belongs to its program.
fn arguments(
    header: &CallHeader<'_>,
    mut xdr: Xdr<'_>,
    reading: &mut Reading<'_>,
) -> (Asked, Result<(), Malformed>) {
    let CallHeader { xid, version, procedure, .. } = *header;
    let schema = match header.program {
        PORTMAP => &portmap::SCHEMA,
        MOUNT => &mount::SCHEMA,
        NFS => &nfs::SCHEMA,
        _ => return (Asked::Nothing, Ok(())),
    };
    reading.fields = Fields::of(schema, reading.out);
    tell_common(reading, xid, b"call", version, procedure);
    let (asked, result) = match header.program {
        PORTMAP => {
            let (asked, result) = portmap::call(version, procedure, &mut xdr, reading);
            (Asked::Portmap(asked), result)
        }
        MOUNT => {
            let (asked, result) = mount::call(version, procedure, &mut xdr, reading);
            (Asked::Mount(asked), result)
        }
        _ => {
            let (asked, result) = nfs::call(version, procedure, &mut xdr, reading);
            (Asked::Nfs(Box::new(asked)), result)
        }
    };
    tell_program(schema, xdr.whole(), reading);
    (asked, result)
}

/// Reads a reply behind its message type. True when both sides go on under TLS.
fn reply(
    calls: &mut VecDeque<Call>,
    side: Side,
    xid: u32,
    mut xdr: Xdr<'_>,
    reading: &mut Reading<'_>,
) -> Result<bool, Malformed> {
    let header = header::reply(&mut xdr)?;
    let at = calls.iter().position(|call| call.side != side && call.xid == xid);
    let call = at.and_then(|at| calls.remove(at));
    tell_reply(xid, &header, call.as_ref(), xdr.since(0), reading);
    let Some(call) = call else { return Ok(false) };
    if call.asks_tls && header.starts_tls {
        reading.out.fact(Fact::Encrypted, xdr.since(0));
        return Ok(true);
    }
    results(&header, xid, call, xdr, reading).map(|()| false)
}

/// The part of a reply that belongs to its program.
fn results(
    header: &ReplyHeader,
    xid: u32,
    call: Call,
    mut xdr: Xdr<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), Malformed> {
    let schema = match &call.asked {
        Asked::Nothing => return Ok(()),
        Asked::Portmap(_) => &portmap::SCHEMA,
        Asked::Mount(_) => &mount::SCHEMA,
        Asked::Nfs(_) => &nfs::SCHEMA,
    };
    let refused = match header.outcome {
        Outcome::Success => None,
        Outcome::NotRun(status) | Outcome::Denied(status) => Some(status),
    };
    reading.fields = Fields::of(schema, reading.out);
    tell_common(reading, xid, b"reply", call.version, call.procedure);
    let range = xdr.since(0);
    let result = match (call.asked, refused) {
        (Asked::Portmap(asked), None) => portmap::reply(asked, &mut xdr, reading),
        (Asked::Mount(asked), None) => mount::reply(&asked, &mut xdr, reading),
        (Asked::Nfs(asked), None) => nfs::reply(*asked, &mut xdr, reading),
        (Asked::Mount(asked), Some(status)) => {
            mount::refused(&asked, status, range, reading);
            Ok(())
        }
        (Asked::Nfs(asked), Some(status)) => {
            nfs::refused(&asked, status, range, reading);
            Ok(())
        }
        (Asked::Portmap(_) | Asked::Nothing, _) => Ok(()),
    };
    tell_program(schema, xdr.whole(), reading);
    result
}

fn tell_common(reading: &mut Reading<'_>, xid: u32, kind: &'static [u8], version: u32, procedure: u32) {
    reading.fields.number(&XID, xid);
    reading.fields.text(&MESSAGE, kind);
    reading.fields.number(&VERSION, version);
    reading.fields.number(&PROCEDURE, procedure);
}

fn tell_program(schema: &'static Schema, range: Range<usize>, reading: &mut Reading<'_>) {
    let none = Fields::of(schema, reading.out);
    std::mem::replace(&mut reading.fields, none).tell(schema, range, reading.out);
}

fn tell_call(header: &CallHeader<'_>, range: Range<usize>, reading: &mut Reading<'_>) {
    tell_common(reading, header.xid, b"call", header.version, header.procedure);
    tell_program_number(header.program, reading);
    reading.fields.number(&FLAVOR, header.flavor);
    if let Some(system) = header.system {
        reading.fields.text(&MACHINE_NAME, system.machine_name);
        reading.fields.number(&UID, system.uid);
        reading.fields.number(&GID, system.gid);
        reading.machine_name(system.machine_name, range.clone());
    }
    tell_program(&SCHEMA, range, reading);
}

fn tell_program_number(number: u32, reading: &mut Reading<'_>) {
    reading.fields.number(&PROGRAM, number);
    if let Some(name) = program::name(number) {
        reading.fields.text(&PROGRAM_NAME, name.as_bytes());
    }
}

fn tell_reply(
    xid: u32,
    header: &ReplyHeader,
    call: Option<&Call>,
    range: Range<usize>,
    reading: &mut Reading<'_>,
) {
    match call {
        Some(call) => {
            tell_common(reading, xid, b"reply", call.version, call.procedure);
            tell_program_number(call.program, reading);
        }
        None => {
            reading.fields.number(&XID, xid);
            reading.fields.text(&MESSAGE, b"reply");
        }
    }
    match header.outcome {
        Outcome::Success => reading.fields.number(&ACCEPT_STAT, 0u32),
        Outcome::NotRun(status) => reading.fields.number(&ACCEPT_STAT, status),
        Outcome::Denied(status) => reading.fields.number(&REJECT_STAT, status),
    }
    tell_program(&SCHEMA, range, reading);
}

#[cfg(test)]
mod tests {
    use super::build::Build;
    use super::*;
    use crate::testing::{Bench, check, probe as first_look, run, sturdy};
    use model::Side::{Client, Server};

    const NLM: u32 = 100_021;

    #[test]
    fn other_programs_are_named_and_answers_matched_to_their_calls() {
        let ask = Build::call_from("mon7", 5, NLM, 4, 2).words(&[1, 2]).record();
        let answer = Build::reply(5).words(&[0]).record();
        check(
            &PROTOCOL,
            &[(Client, &ask), (Server, &answer)],
            "
            c 4..68 Identified(Sender, HostName(\"mon7\"))
            c 4..68 rpc.xid=5 rpc.message=call rpc.version=4 rpc.procedure=2 rpc.program=100021 rpc.program_name=nlockmgr rpc.cred_flavor=1 rpc.machine_name=mon7 rpc.uid=0 rpc.gid=0
            s 4..28 rpc.xid=5 rpc.message=reply rpc.version=4 rpc.procedure=2 rpc.program=100021 rpc.program_name=nlockmgr rpc.accept_stat=0
            ",
        );
        sturdy(&PROTOCOL, &[(Client, &ask), (Server, &answer)]);
    }

    #[test]
    fn every_program_on_a_flow_is_read_whichever_row_took_it() {
        let mut both = Build::call(1, NLM, 4, 0).record();
        both.extend(Build::call(2, MOUNT, 3, 1).opaque(b"/pm").record());
        let got = run(&PROTOCOL, &[(Client, &both)]);
        assert!(got.contains("step: Mount, outcome: Asked, path: Some(\"/pm\")"), "{got}");
    }

    #[test]
    fn sealed_arguments_and_results_are_not_read() {
        let credential = [0; 20];
        let ask = Build::default()
            .words(&[9, 0, 2, NFS, 3, 3, RPCSEC_GSS])
            .opaque(&credential)
            .words(&[6])
            .opaque(&[1; 12])
            .raw(&[0xEE; 60])
            .record();
        let answer = Build::default().words(&[9, 1, 0, 6]).opaque(&[1; 12]).words(&[0]).raw(&[0xEE; 40]);
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &answer.record())]);
        assert!(got.contains("rpc.cred_flavor=6"), "{got}");
        assert!(!got.contains("nfs.") && !got.contains("Malformed"), "{got}");
    }

    #[test]
    fn a_server_that_starts_tls_is_not_read_further() {
        let ask = Build::default().words(&[1, 0, 2, NFS, 4, 0, AUTH_TLS, 0, 0, 0]).record();
        let answer = Build::default().words(&[1, 1, 0, 0]).opaque(b"STARTTLS").words(&[0]).record();
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &answer), (Client, &[0x16, 3, 1, 2, 0])]);
        assert!(got.ends_with("s 4..36 Encrypted\n"), "{got}");
    }

    #[test]
    fn calls_without_answers_are_bounded() {
        let mut bench = Bench::new(&PROTOCOL);
        let most = u32::try_from(CALLS_MAX).unwrap();
        for xid in 0..=most {
            bench.feed(Client, &Build::call(xid, NLM, 4, 0).record());
        }
        bench.feed(Server, &Build::reply(0).record());
        bench.feed(Server, &Build::reply(1).record());
        let got = bench.finish();
        assert!(got.contains("rpc.xid=0 rpc.message=reply rpc.accept_stat=0"), "the oldest is dropped");
        assert!(got.contains("rpc.xid=1 rpc.message=reply rpc.version=4"), "the next is there");
    }

    #[test]
    fn a_denied_call_keeps_its_reason() {
        let ask = Build::call(1, MOUNT, 3, 1).opaque(b"/pm").record();
        let denied = Build::default().words(&[1, 1, 1, 1, 2]).record();
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &denied)]);
        assert!(got.contains("rpc.reject_stat=1"), "{got}");
        assert!(got.contains("step: Mount, outcome: Refused(1)"), "{got}");
    }

    #[test]
    fn streams_that_are_not_rpc_end_at_the_field_that_shows_it() {
        let got = run(&PROTOCOL, &[(Client, &Build::default().words(&[1, 7, 2, 3, 4, 5]).record())]);
        assert!(got.contains("stop msg_type at byte 8: 7 is not defined"), "{got}");
        let got = run(&PROTOCOL, &[(Client, &[0xFF; 40])]);
        assert!(got.contains("stop fragment length at byte 0"), "{got}");
    }

    #[test]
    fn look_alikes_are_refused_and_prefixes_wait() {
        let call = Build::call(1, NLM, 4, 2).record();
        assert_eq!(first_look(&PROTOCOL, Client, &call), Verdict::Certain);
        for cut in 0..28 {
            assert_eq!(first_look(&PROTOCOL, Client, &call[..cut]), Verdict::Unsure, "{cut} bytes");
        }
        let texts: [&[u8]; 5] = [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00\x80\x07\x00\xc0",
            &[0; 64],
            &[0x80; 64],
        ];
        for text in texts {
            assert_eq!(first_look(&PROTOCOL, Client, text), Verdict::NotForUs, "{text:02x?}");
        }
        for row in [&PROTOCOL, &nfs::PROTOCOL] {
            let midstream = Probe {
                transport: Transport::Tcp,
                side: Client,
                client_port: 900,
                server_port: 2049,
                input: &[&[0xAB; 90][..], &Build::call(1, NFS, 3, 1).opaque(b"FILE").record()].concat(),
                midstream: true,
            };
            let expected = if row.name == "nfs" { Verdict::Certain } else { Verdict::NotForUs };
            assert_eq!((row.probe)(&midstream), expected);
        }
    }
}
