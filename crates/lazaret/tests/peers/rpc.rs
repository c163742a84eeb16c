//! A client of the port mapper, the mount protocol and NFS v3 over UDP: as the update of a CMS8000 does it.

use std::net::UdpSocket;
use std::time::Duration;

/// Environment variable that makes a test the client: the file to write what was fetched to.
pub(crate) const ROLE: &str = "LAZARET_TEST_UDP_CLIENT";

const PORTMAP: u32 = 100_000;
const NFS: u32 = 100_003;
const MOUNT: u32 = 100_005;
/// Bytes asked for at once: an answer is several IP fragments.
const READ_BYTES: u32 = 8192;

/// Asks the port mapper for both ports, mounts `export`, looks `name` up, reads it whole and unmounts.
pub(crate) fn update(server: &str, export: &str, name: &str) -> Vec<u8> {
    let mut client =
        Client { socket: UdpSocket::bind("0.0.0.0:0").unwrap(), server: server.to_owned(), xid: 0x1A2A_0001 };
    client.socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mount_port = client.port(MOUNT);
    let nfs_port = client.port(NFS);

    let mut mounted = client.call(mount_port, [MOUNT, 3, 1], &opaque(export.as_bytes()));
    assert_eq!(mounted.word(), 0, "MNT refused");
    let root = mounted.opaque();

    let mut found = client.call(nfs_port, [NFS, 3, 3], &[opaque(&root), opaque(name.as_bytes())].concat());
    assert_eq!(found.word(), 0, "LOOKUP refused");
    let file = found.opaque();

    let mut bytes = Vec::new();
    loop {
        let offset = (bytes.len() as u64).to_be_bytes();
        let arguments = [&opaque(&file)[..], &offset, &READ_BYTES.to_be_bytes()].concat();
        let mut read = client.call(nfs_port, [NFS, 3, 6], &arguments);
        assert_eq!(read.word(), 0, "READ refused");
        if read.word() == 1 {
            // fattr3, RFC 1813 §2.3.5.
            read.skip(84);
        }
        let (_count, end) = (read.word(), read.word() == 1);
        let part = read.opaque();
        assert!(end || !part.is_empty(), "READ gave nothing");
        bytes.extend(part);
        if end {
            break;
        }
    }
    client.call(mount_port, [MOUNT, 3, 3], &opaque(export.as_bytes()));
    bytes
}

struct Client {
    socket: UdpSocket,
    server: String,
    xid: u32,
}

impl Client {
    fn port(&mut self, program: u32) -> u16 {
        let arguments = [program, 3, 17, 0].map(u32::to_be_bytes).concat();
        let port = self.call(111, [PORTMAP, 2, 3], &arguments).word();
        assert_ne!(port, 0, "program {program} is not registered");
        u16::try_from(port).unwrap()
    }

    /// Results of `[program, version, procedure]`; asks again where an answer is late.
    fn call(&mut self, port: u16, procedure: [u32; 3], arguments: &[u8]) -> Reader {
        self.xid += 1;
        let [program, version, procedure] = procedure;
        // RFC 5531 §9: call, RPC version 2; credential AUTH_SYS: stamp, machine, uid, gid, no further groups.
        let credential = [&7u32.to_be_bytes()[..], &opaque(b"monitor"), &[0; 12]].concat();
        let head = [self.xid, 0, 2, program, version, procedure, 1].map(u32::to_be_bytes).concat();
        let message = [&head[..], &opaque(&credential), &[0; 8], arguments].concat();
        for _ in 0..10 {
            self.socket.send_to(&message, (self.server.as_str(), port)).unwrap();
            let mut answer = vec![0; 65536];
            while let Ok((bytes, _)) = self.socket.recv_from(&mut answer) {
                let mut reader = Reader(answer[..bytes].to_vec());
                if reader.word() != self.xid {
                    continue;
                }
                assert_eq!((reader.word(), reader.word()), (1, 0), "not an accepted reply");
                let (_flavor, _verifier) = (reader.word(), reader.opaque());
                assert_eq!(reader.word(), 0, "the procedure did not run");
                return reader;
            }
        }
        panic!("no answer from port {port}");
    }
}

/// Counted bytes of XDR, padded to four (RFC 4506 §4.10).
fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// What is left of an answer.
struct Reader(Vec<u8>);

impl Reader {
    fn take(&mut self, bytes: usize) -> Vec<u8> {
        assert!(bytes <= self.0.len(), "the answer ends too early");
        self.0.drain(..bytes).collect()
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn skip(&mut self, bytes: usize) {
        self.take(bytes);
    }

    fn opaque(&mut self) -> Vec<u8> {
        let bytes = usize::try_from(self.word()).unwrap();
        let taken = self.take(bytes);
        self.skip(bytes.next_multiple_of(4) - bytes);
        taken
    }
}
