//! Administration of a server of the site from a workstation, over SSH.
//!
//! # Source
//! RFC 4253 (transport), RFC 8731 (curve25519 key exchange), RFC 8709 (ed25519 keys).

use crate::actor::{Actor, Stage};
use crate::packet::{Host, Port};
use crate::random::Random;
use crate::tcp::{Dialogue, SITE_NANOS, Side};
use model::CaptureTime;

/// SSH's port.
const SSH_PORT: u16 = 22;
/// Cipher block that packets are padded to before encryption starts.
const BLOCK_BYTES: usize = 8;

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// A packet in the clear: length, padding length, payload, padding.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut padding = BLOCK_BYTES - (5 + payload.len()) % BLOCK_BYTES;
    if padding < 4 {
        padding += BLOCK_BYTES;
    }
    let mut bytes = ((1 + payload.len() + padding) as u32).to_be_bytes().to_vec();
    bytes.push(padding as u8);
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

fn key_exchange_init(random: &mut Random) -> Vec<u8> {
    const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes256-ctr";
    const MACS: &str = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512";
    let lists = [
        "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256",
        "ssh-ed25519,rsa-sha2-512",
        CIPHERS,
        CIPHERS,
        MACS,
        MACS,
        "none,zlib@openssh.com",
        "none,zlib@openssh.com",
        "",
        "",
    ];
    let mut payload = vec![20];
    payload.extend_from_slice(&random.bytes(16));
    lists.iter().for_each(|list| payload.extend_from_slice(&string(list.as_bytes())));
    payload.extend_from_slice(&[0; 5]);
    packet(&payload)
}

/// Somebody who looks after a server.
pub(crate) struct Administrator {
    /// His workstation.
    pub(crate) host: Host,
    pub(crate) random: Random,
    /// Next source port.
    pub(crate) port: u16,
}

impl Actor for Administrator {
    fn step(&mut self, now: CaptureTime, stage: &mut Stage<'_>) -> Option<CaptureTime> {
        stage.truth.conversed("ssh");
        let random = &mut self.random;
        self.port = if self.port > 60_000 { 58_000 } else { self.port + 1 };
        let client = Port { host: self.host, port: self.port };
        let server = Port { host: stage.site.admin, port: SSH_PORT };
        let key = [string(b"ssh-ed25519"), string(&random.bytes(32))].concat();
        let signature = [string(b"ssh-ed25519"), string(&random.bytes(64))].concat();
        let mut reply = vec![31];
        for part in [&key, &random.bytes(32), &signature] {
            reply.extend_from_slice(&string(part));
        }
        let ask = packet(&[&[30], string(&random.bytes(32)).as_slice()].concat());
        let answer = [packet(&reply), packet(&[21])].concat();
        let (ours, theirs) = (key_exchange_init(random), key_exchange_init(random));
        let sealed: Vec<(usize, usize)> =
            (0..12).map(|_| (36 + 8 * random.below(4) as usize, 36 + random.below(600) as usize)).collect();
        let mut noise = random.fork(5);
        let mut dialogue = Dialogue::open(stage.cable, now, (client, server), SITE_NANOS, random);
        dialogue.say(Side::Client, b"SSH-2.0-OpenSSH_for_Windows_9.5\r\n");
        dialogue.say(Side::Server, b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
        dialogue.say(Side::Client, &ours).say(Side::Server, &theirs);
        dialogue.say(Side::Client, &ask).say(Side::Server, &answer).say(Side::Client, &packet(&[21]));
        for (asked, answered) in sealed {
            dialogue.say(Side::Client, &noise.bytes(asked)).pause_nanos(6_000_000);
            dialogue.say(Side::Server, &noise.bytes(answered)).pause_nanos(400_000_000);
        }
        dialogue.close(Side::Client);
        Some(now.plus_nanos((self.random.between(60.0, 140.0) * 1e9) as i64))
    }
}
