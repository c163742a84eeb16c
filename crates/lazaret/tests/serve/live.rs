//! Waveforms of a replayed ward, by WebSocket.

use super::server::{Caller, Folder, Server, done, read_head};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

/// A WebSocket, as far as this test needs one (RFC 6455): messages of the server, whole and unmasked.
struct Socket(BufReader<TcpStream>);

impl Socket {
    fn open(server: &Server, caller: &Caller<'_>, path: &str) -> Self {
        let mut stream = server.connect();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            caller.bearer
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader);
        assert_eq!(status, 101);
        // The answer to the sample nonce of RFC 6455, section 1.3.
        assert_eq!(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        Self(reader)
    }

    /// The next binary message; none where the server closes.
    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).ok()?;
            let length = match head[1] {
                126 => {
                    let mut long = [0; 2];
                    self.0.read_exact(&mut long).unwrap();
                    usize::from(u16::from_be_bytes(long))
                }
                short => {
                    assert!(short < 126, "a message of more than 64 KiB");
                    usize::from(short)
                }
            };
            let mut bytes = vec![0; length];
            self.0.read_exact(&mut bytes).unwrap();
            match head[0] {
                0x82 => return Some(bytes),
                0x88 => return None,
                // Pings.
                _ => {}
            }
        }
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().unwrap()
}

#[test]
fn the_beds_of_a_replayed_ward_are_told_as_they_were() {
    let folder = Folder::new("live");
    let ward = folder.ward(5, &["benign"]);
    let vitals = done(&["vitals", "--format", "json", &ward]);
    let vitals: Value = serde_json::from_slice(&vitals.stdout).unwrap();
    let server = Server::start(&folder, &["--no-tls", "--replay", &ward, "--speed", "2"]);
    let admin = server.admin();
    let mut all = Socket::open(&server, &admin, "/api/v1/live/waveforms");
    let mut kinds: BTreeMap<u8, u64> = BTreeMap::new();
    let (mut beds, mut pulses) = (BTreeSet::new(), BTreeSet::new());
    let mut times = Vec::new();
    // Until every bed has ended three cycles.
    let mut cycles: BTreeMap<i32, u32> = BTreeMap::new();
    while cycles.len() < 3 || cycles.values().any(|count| *count < 3) {
        let message = all.next().unwrap();
        assert_eq!(message[0], 1, "version");
        *kinds.entry(message[1]).or_default() += 1;
        let bed = i32::from_le_bytes(number(&message, 4));
        beds.insert(bed);
        times.push(i64::from_le_bytes(number(&message, 16)));
        match message[1] {
            1 => assert!((1..=5).contains(&message[2]) && message.len() > 24),
            2 if message[24] == 4 && message[25] == 0 => {
                pulses.insert((bed, f32::from_le_bytes(number(&message, 28)).to_string()));
            }
            5 => *cycles.entry(bed).or_default() += 1,
            _ => {}
        }
    }
    for kind in [1, 2, 5] {
        assert!(kinds[&kind] > 3, "{kinds:?}");
    }
    let known: BTreeSet<i32> = vitals["beds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bed| bed["bed"].as_i64().map_or(-1, |bed| i32::try_from(bed).unwrap()))
        .collect();
    assert!(
        beds.is_subset(&known) && beds.iter().filter(|bed| **bed >= 0).count() == 3,
        "{beds:?} of {known:?}"
    );
    assert!(!pulses.is_empty());
    assert!(times.iter().all(|time| *time > 1_000_000_000_000_000_000), "capture time");
    // One bed alone, chosen from the list.
    let list = admin.get("/api/v1/live");
    assert_eq!(list["listening"], true);
    let leads = |bed: &&Value| bed["channels"].as_array().unwrap().iter().any(|channel| channel == "ecg-1");
    let with_leads: Vec<_> = list["beds"].as_array().unwrap().iter().filter(leads).collect();
    assert_eq!(with_leads.len(), 3, "{list}");
    let bed = with_leads[1];
    let mut one =
        Socket::open(&server, &admin, &format!("/api/v1/beds/{}/waveform", bed["id"].as_str().unwrap()));
    for _ in 0..20 {
        let message = one.next().unwrap();
        assert_eq!(i64::from(i32::from_le_bytes(number(&message, 4))), bed["bed"].as_i64().unwrap());
    }
    // At its end the results are in the store.
    server.until("the replay ended", |said| said.contains("the replay ended"));
    assert!(admin.get("/api/v1/beds")["beds"].as_array().unwrap().iter().any(|one| one["id"] == bed["id"]));
    let trend = admin.get(&format!("/api/v1/beds/{}/trend", bed["id"].as_str().unwrap()));
    assert!(trend["spans"][0]["numerics"]["heart-rate"]["samples"].as_i64().unwrap() > 3, "{trend}");
    assert_eq!(server.end("-TERM"), 0);
    // What was said before its end was under way; then the server closes.
    assert!(std::iter::from_fn(|| one.next()).count() < 10_000);
}
