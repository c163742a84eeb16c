//! Port mapper v2 and rpcbind v3/v4: where a program listens.
//!
//! A device that is about to mount asks here for mountd and NFS first, so that this is often the first sign
//! of it. Answers announce the flow that follows.
//!
//! # Wire format
//! ```text
//! v2 mapping:  | prog | vers | prot: 6 TCP, 17 UDP | port |
//! v3/v4 rpcb:  | prog | vers | netid: tcp, udp, tcp6 … | universal address | owner |
//! universal address: the IP address as text, and the port's two bytes in decimal: 10.0.0.5.8.1 is port 2049
//! ```
//! GETPORT answers a port or 0; GETADDR and GETVERSADDR answer a universal address or an empty text. DUMP
//! lists everything; CALLIT, BCAST and INDIRECT have the mapper call for the caller.
//!
//! # Limits
//! Addresses and names are at most `TEXT_BYTES_MAX` bytes; of a DUMP the first `ENTRIES_MAX` entries are
//! read.
//!
//! # Source
//! RFC 1833 §2 (rpcbind), §3 (port mapper), §2.2.1 and RFC 5665 §5.2.3 (universal addresses).

use super::rpc::{self, MESSAGE, MOUNT, NFS, PORTMAP, PROCEDURE, Reading, VERSION, XID, Xdr};
use crate::{Expectation, Protocol};
use model::{Malformed, StorageStep, Transport};

/// Longest network id, address or owner, in bytes. Our limit, above every valid one.
const TEXT_BYTES_MAX: u32 = 1024;
/// Most entries of a DUMP that are read. Our limit; those beyond are passed over.
const ENTRIES_MAX: usize = 256;
/// Largest argument of an indirect call, in bytes: that of a datagram.
const ARGUMENT_BYTES_MAX: u32 = 64 << 10;

const PROCEDURES: [&str; 13] = [
    "NULL",
    "SET",
    "UNSET",
    "GETPORT",
    "DUMP",
    "CALLIT",
    "GETTIME",
    "UADDR2TADDR",
    "TADDR2UADDR",
    "GETVERSADDR",
    "INDIRECT",
    "GETADDRLIST",
    "GETSTAT",
];

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "portmap",
    title: "Port mapper (rpcbind)",
    source: "RFC 1833",
    transports: &[Transport::Udp, Transport::Tcp],
    ports: &[111],
    schema: &SCHEMA,
    probe: |probe| rpc::verdict(probe, &[PORTMAP], &[111]),
    start: rpc::start,
};

schema! { "portmap" after [XID, MESSAGE, VERSION, PROCEDURE]:
    PROCEDURE_NAME = "procedure_name" Text Device "Procedure, e.g. `GETPORT`.";
    PROG = "prog" Number Device "Program asked for or listed.";
    PROG_VERSION = "prog_version" Number Device "Its version.";
    PROT = "prot" Number Device "IP protocol that carries it: 6 TCP, 17 UDP.";
    PORT = "port" Number Device "Port it listens on; 0 for none.";
    NETID = "netid" Text Device "Transport that carries it, e.g. `udp`.";
    ADDRESS = "address" Text Device "Universal address; empty for none.";
    OWNER = "owner" Text Device "Who registered it.";
    PROG_PROCEDURE = "prog_procedure" Number Device "Procedure of an indirect call.";
    DONE = "done" Flag Device "Whether SET or UNSET succeeded.";
}

/// What a call asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    version: u32,
    procedure: u32,
    program: Option<u32>,
    transport: Option<Transport>,
}

impl Asked {
    /// The key of a Locate, when a program of the file service is asked for.
    fn file_service(&self) -> Option<u64> {
        self.program.filter(|program| [NFS, MOUNT].contains(program)).map(u64::from)
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
    tell_name(version, procedure, reading);
    let mut asked = Asked { version, procedure, program: None, transport: None };
    let result = match (version, procedure) {
        (2, 1..=3) => mapping(&mut asked, xdr, reading).map(|_| ()),
        (3 | 4, 1..=3) | (4, 9 | 11) => entry(&mut asked, xdr, reading).map(|_| ()),
        (2, 5) | (3, 5) | (4, 5 | 10) => indirect(&mut asked, xdr, reading),
        (3 | 4, 7) => xdr.opaque(TEXT_BYTES_MAX, "uaddr").map(|text| reading.fields.text(&ADDRESS, text)),
        _ => Ok(()),
    };
    let looks_up = matches!((version, procedure), (_, 3 | 5) | (4, 9..=11));
    if let Some(key) = asked.file_service().filter(|_| looks_up) {
        reading.asked(StorageStep::Locate, key, None, xdr.since(start));
    }
    (asked, result)
}

fn tell_name(version: u32, procedure: u32, reading: &mut Reading<'_>) {
    let name = match (version, procedure) {
        (3 | 4, 3) => Some("GETADDR"),
        (4, 5) => Some("BCAST"),
        (2, 6..) | (3, 9..) => None,
        _ => PROCEDURES.get(procedure as usize).copied(),
    };
    if let Some(name) = name {
        reading.fields.text(&PROCEDURE_NAME, name.as_bytes());
    }
}

/// A mapping of v2; its port.
fn mapping(asked: &mut Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<u32, Malformed> {
    let program = xdr.u32("prog")?;
    asked.program = Some(program);
    reading.fields.number(&PROG, program);
    reading.fields.number(&PROG_VERSION, xdr.u32("vers")?);
    let prot = xdr.u32("prot")?;
    asked.transport = match prot {
        6 => Some(Transport::Tcp),
        17 => Some(Transport::Udp),
        _ => None,
    };
    reading.fields.number(&PROT, prot);
    let port = xdr.u32("port")?;
    reading.fields.number(&PORT, port);
    Ok(port)
}

/// An rpcb of v3 and v4; its universal address.
fn entry<'a>(asked: &mut Asked, xdr: &mut Xdr<'a>, reading: &mut Reading<'_>) -> Result<&'a [u8], Malformed> {
    let program = xdr.u32("r_prog")?;
    asked.program = Some(program);
    reading.fields.number(&PROG, program);
    reading.fields.number(&PROG_VERSION, xdr.u32("r_vers")?);
    let netid = xdr.opaque(TEXT_BYTES_MAX, "r_netid")?;
    asked.transport = transport(netid);
    reading.fields.text(&NETID, netid);
    let address = xdr.opaque(TEXT_BYTES_MAX, "r_addr")?;
    reading.fields.text(&ADDRESS, address);
    reading.fields.text(&OWNER, xdr.opaque(TEXT_BYTES_MAX, "r_owner")?);
    Ok(address)
}

fn indirect(asked: &mut Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let program = xdr.u32("prog")?;
    asked.program = Some(program);
    reading.fields.number(&PROG, program);
    reading.fields.number(&PROG_VERSION, xdr.u32("vers")?);
    reading.fields.number(&PROG_PROCEDURE, xdr.u32("proc")?);
    xdr.opaque(ARGUMENT_BYTES_MAX, "args").map(|_| ())
}

fn transport(netid: &[u8]) -> Option<Transport> {
    match netid {
        b"tcp" | b"tcp6" => Some(Transport::Tcp),
        b"udp" | b"udp6" => Some(Transport::Udp),
        _ => None,
    }
}

/// The port of a universal address.
fn universal_port(address: &[u8]) -> Option<u16> {
    let mut parts = address.rsplitn(3, |byte| *byte == b'.');
    let mut octet = || std::str::from_utf8(parts.next()?).ok()?.parse::<u8>().ok();
    let (low, high) = (octet()?, octet()?);
    Some(u16::from_be_bytes([high, low]))
}

/// Reads the results of a reply.
pub(crate) fn reply(asked: Asked, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    let start = xdr.offset();
    tell_name(asked.version, asked.procedure, reading);
    let port = match (asked.version, asked.procedure) {
        (_, 1 | 2) => {
            reading.fields.flag(&DONE, xdr.flag("result")?);
            return Ok(());
        }
        (2, 3) | (2, 5) => {
            let port = xdr.u32("port")?;
            reading.fields.number(&PORT, port);
            u16::try_from(port).unwrap_or(0)
        }
        (3 | 4, 3 | 5) | (4, 9 | 10) => {
            let address = xdr.opaque(TEXT_BYTES_MAX, "uaddr")?;
            reading.fields.text(&ADDRESS, address);
            universal_port(address).unwrap_or(0)
        }
        (_, 4) => return listing(asked.version, xdr, reading),
        _ => return Ok(()),
    };
    if let Some(key) = asked.file_service() {
        reading.located(port != 0, key, xdr.since(start));
    }
    // Over UDP a caller asks without naming a transport for the results of CALLIT: those use UDP.
    let transport = if asked.procedure == 5 { Some(Transport::Udp) } else { asked.transport };
    announce(asked.program, transport, port, reading);
    Ok(())
}

/// The list of DUMP.
fn listing(version: u32, xdr: &mut Xdr<'_>, reading: &mut Reading<'_>) -> Result<(), Malformed> {
    for _ in 0..ENTRIES_MAX {
        if !xdr.flag("entry follows")? {
            break;
        }
        let mut listed = Asked { version, procedure: 4, program: None, transport: None };
        let port = if version == 2 {
            u16::try_from(mapping(&mut listed, xdr, reading)?).unwrap_or(0)
        } else {
            universal_port(entry(&mut listed, xdr, reading)?).unwrap_or(0)
        };
        if listed.file_service().is_some() {
            announce(listed.program, listed.transport, port, reading);
        }
    }
    Ok(())
}

/// Tells that the server expects calls of `program` on `port`.
fn announce(program: Option<u32>, transport: Option<Transport>, port: u16, reading: &mut Reading<'_>) {
    let protocol = match program {
        Some(PORTMAP) | None => return,
        Some(NFS) => "nfs",
        Some(MOUNT) => "mount",
        Some(_) => "rpc",
    };
    if let (Some(transport), Some(mapper), 1..) = (transport, reading.sender, port) {
        reading.expect(Expectation { transport, ip: mapper.ip, port, protocol, token: 0 });
    }
}

#[cfg(test)]
mod tests {
    use super::super::rpc::build::Build;
    use super::*;
    use crate::Verdict;
    use crate::testing::{check, hex, probe, run, sturdy};
    use model::Side::{Client, Server};

    /// GETPORT of NFS v3 over UDP from the machine `mon7`, by hand from RFC 5531 §9 and RFC 1833 §3.2.
    fn getport() -> Vec<u8> {
        hex("
            00000041 00000000 00000002 | xid, call, RPC version 2
            000186a0 00000002 00000003 | portmapper, version 2, GETPORT
            00000001 00000018          | AUTH_SYS, 24 bytes
            00000007 00000004 6d6f6e37 | stamp, `mon7`
            00000000 00000000 00000000 | uid, gid, no groups
            00000000 00000000          | no verifier
            000186a3 00000003          | NFS, version 3
            00000011 00000000          | UDP, port
        ")
    }

    #[test]
    fn a_device_that_asks_for_nfs_names_itself_and_learns_the_port() {
        let answer = hex("00000041 00000001 00000000 00000000 00000000 00000000 00000801");
        check(&PROTOCOL, &[(Client, &getport()), (Server, &answer)], "
            c 0..64 Identified(Sender, HostName(\"mon7\"))
            c 0..64 rpc.xid=65 rpc.message=call rpc.version=2 rpc.procedure=3 rpc.program=100000 rpc.program_name=portmapper rpc.cred_flavor=1 rpc.machine_name=mon7 rpc.uid=0 rpc.gid=0
            c 64..80 Storage(Storage { step: Locate, outcome: Asked, path: None, service: \"NFS\" })
            c 0..80 portmap.xid=65 portmap.message=call portmap.version=2 portmap.procedure=3 portmap.procedure_name=GETPORT portmap.prog=100003 portmap.prog_version=3 portmap.prot=17 portmap.port=0
            s 0..24 rpc.xid=65 rpc.message=reply rpc.version=2 rpc.procedure=3 rpc.program=100000 rpc.program_name=portmapper rpc.accept_stat=0
            s 24..28 of other: Storage(Storage { step: Locate, outcome: Granted, path: None, service: \"NFS\" })
            s expect nfs over udp at 192.0.2.2 port 2049
            s 0..28 portmap.xid=65 portmap.message=reply portmap.version=2 portmap.procedure=3 portmap.procedure_name=GETPORT portmap.port=2049
        ");
        sturdy(&PROTOCOL, &[(Client, &getport()), (Server, &answer)]);
    }

    #[test]
    fn port_zero_is_a_refusal() {
        let answer = Build::reply(0x41).words(&[0]).bytes();
        let got = run(&PROTOCOL, &[(Client, &getport()), (Server, &answer)]);
        assert!(got.contains("of other: Storage(Storage { step: Locate, outcome: Refused(0)"), "{got}");
        assert!(!got.contains("expect"), "{got}");
    }

    #[test]
    fn a_repeated_call_and_its_answer_are_told_once() {
        let answer = Build::reply(0x41).words(&[2049]).bytes();
        let twice = [(Client, &getport()[..]), (Client, &getport()), (Server, &answer), (Server, &answer)];
        let got = run(&PROTOCOL, &twice);
        assert_eq!(got.matches("Storage(Storage").count(), 2, "{got}");
        assert_eq!(got.matches("Identified").count(), 1, "{got}");
    }

    #[test]
    fn rpcbind_addresses_are_read_as_ports() {
        let ask = Build::call(9, PORTMAP, 4, 3)
            .words(&[MOUNT, 3])
            .opaque(b"tcp6")
            .opaque(b"::.0.111")
            .opaque(b"libnfs")
            .bytes();
        let answer = Build::reply(9).opaque(b"2001:db8::5.78.80").bytes();
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &answer)]);
        assert!(got.contains("portmap.netid=tcp6 portmap.address=::.0.111 portmap.owner=libnfs"), "{got}");
        assert!(got.contains("expect mount over tcp at 192.0.2.2 port 20048"), "{got}");
        assert_eq!(universal_port(b"10.0.0.5.8.1"), Some(2049));
        assert_eq!(universal_port(b""), None);
        assert_eq!(universal_port(b"10.0.0.5.256.1"), None);
    }

    #[test]
    fn a_dump_lists_programs_and_announces_the_file_service() {
        let ask = Build::call(1, PORTMAP, 2, 4).bytes();
        let list = Build::reply(1)
            .words(&[1, 100_000, 2, 17, 111, 1, MOUNT, 1, 17, 635, 1, NFS, 3, 6, 2049, 0])
            .bytes();
        let got = run(&PROTOCOL, &[(Client, &ask), (Server, &list)]);
        assert!(got.contains("portmap.prog=100005 portmap.prog_version=1 portmap.prot=17 portmap.port=635"));
        assert!(got.contains("expect mount over udp at 192.0.2.2 port 635"), "{got}");
        assert!(got.contains("expect nfs over tcp at 192.0.2.2 port 2049"), "{got}");
    }

    #[test]
    fn what_was_captured_of_a_cut_datagram_is_told() {
        let got = run(&PROTOCOL, &[(Client, &getport()[..72])]);
        assert!(got.contains("step: Locate, outcome: Asked"), "{got}");
        assert!(got.ends_with("c cut short\n"), "{got}");
    }

    #[test]
    fn only_calls_of_the_port_mapper_are_taken() {
        assert_eq!(probe(&PROTOCOL, Client, &getport()), Verdict::Certain);
        let nfs = Build::call(1, NFS, 3, 0).bytes();
        assert_eq!(probe(&PROTOCOL, Client, &nfs), Verdict::NotForUs);
        for (at, byte) in [(7, 2), (11, 3), (19, 200), (27, 99), (30, 9)] {
            let mut other = getport();
            other[at] = byte;
            assert_eq!(probe(&PROTOCOL, Client, &other), Verdict::NotForUs, "byte {at}");
        }
        assert_eq!(probe(&PROTOCOL, Client, &getport()[..16]), Verdict::NotForUs);
    }
}
