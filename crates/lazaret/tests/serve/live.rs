//! Waveforms of a replayed ward, by WebSocket.

use super::server::{Caller, Folder, Server, done, read_head};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

/// A message.
#[derive(Debug)]
enum Said {
    Text(Value),
    Samples(Vec<u8>),
}

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

    /// The next message; none where the server closes.
    fn next(&mut self) -> Option<Said> {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).ok()?;
            let length = match head[1] {
                126 => {
                    let mut long = [0; 2];
                    self.0.read_exact(&mut long).unwrap();
                    usize::from(u16::from_be_bytes(long))
                }
                127 => {
                    let mut longer = [0; 8];
                    self.0.read_exact(&mut longer).unwrap();
                    usize::try_from(u64::from_be_bytes(longer)).unwrap()
                }
                short => usize::from(short),
            };
            let mut bytes = vec![0; length];
            self.0.read_exact(&mut bytes).unwrap();
            match head[0] {
                0x81 => return Some(Said::Text(serde_json::from_slice(&bytes).unwrap())),
                0x82 => return Some(Said::Samples(bytes)),
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

/// Channel, number of the first sample, samples a second and number of samples of each part of a message.
fn blocks(message: &[u8]) -> Vec<(u8, u32, f32, u32)> {
    let (mut at, mut found) = (16, Vec::new());
    for _ in 0..u16::from_le_bytes(number(message, 2)) {
        let samples = u16::from_le_bytes(number(message, at + 2));
        let (first, rate) = (number(message, at + 4), number(message, at + 8));
        found.push((message[at], u32::from_le_bytes(first), f32::from_le_bytes(rate), samples.into()));
        at += 12 + usize::from(samples);
    }
    assert_eq!(at, message.len());
    found
}

#[test]
fn the_beds_of_a_replayed_ward_are_told_as_they_were() {
    let folder = Folder::new("live");
    let ward = folder.ward(5, &["benign"]);
    let vitals = done(&["vitals", "--format", "json", &ward]);
    let vitals: Value = serde_json::from_slice(&vitals.stdout).unwrap();
    let known: BTreeSet<u64> =
        vitals["beds"].as_array().unwrap().iter().filter_map(|bed| bed["bed"].as_u64()).collect();
    let server = Server::start(&folder, &["--no-tls", "--replay", &ward, "--speed", "2"]);
    let admin = server.admin();
    let mut all = Socket::open(&server, &admin, "/api/v1/live/waveforms");
    let Some(Said::Text(hello)) = all.next() else { panic!("no hello") };
    assert_eq!((&hello["kind"], &hello["schema"]), (&"hello".into(), &"lazaret.live/1".into()));
    assert_eq!((&hello["origin"]["kind"], &hello["origin"]["speed"]), (&"replay".into(), &2.0.into()));
    let (mut beds, mut pulses) = (BTreeSet::new(), BTreeSet::new());
    // Until every bed has been told of, and has sent three seconds of its first ECG trace, whose samples are numbered on.
    // Under load a bed's samples come well before what is told of it.
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    let mut seconds: BTreeMap<u32, f32> = BTreeMap::new();
    while beds.len() < known.len()
        || pulses.is_empty()
        || seconds.len() < 3
        || seconds.values().any(|seconds| *seconds < 3.0)
    {
        match all.next().unwrap() {
            Said::Text(bed) => {
                assert_eq!((&bed["kind"], &bed["alarm"]), (&"bed".into(), &"not-sent".into()));
                assert!(bed["time_ms"].as_i64().unwrap() > 1_000_000_000_000, "capture time");
                beds.insert(bed["bed"].as_u64().unwrap());
                if bed["numerics"]["pulse-rate"]["validity"] == "valid" {
                    pulses.insert((bed["bed"].as_u64(), bed["numerics"]["pulse-rate"]["value"].to_string()));
                }
            }
            Said::Samples(message) => {
                assert_eq!(message[..2], [1, 1], "version and kind");
                let key = u32::from_le_bytes(number(&message, 4));
                for (channel, first, rate, samples) in blocks(&message) {
                    assert!((1..=5).contains(&channel));
                    if channel != 1 {
                        continue;
                    }
                    assert_eq!(*next.entry(key).or_insert(first), first, "samples are numbered on");
                    next.insert(key, first + samples);
                    if rate > 0.0 {
                        *seconds.entry(key).or_default() += samples as f32 / rate;
                    }
                }
            }
        }
    }
    assert_eq!(beds, known);
    // One bed alone, chosen from the list.
    let list = admin.get("/api/v1/live");
    assert_eq!(list["beds"].as_array().unwrap().len(), 3, "{list}");
    let bed = &list["beds"][1];
    let detail = admin.get(&format!("/api/v1/live/beds/{}", bed["id"].as_str().unwrap()));
    assert_eq!(detail["now"]["bed"], bed["bed"]);
    assert!(!detail["times_ms"].as_array().unwrap().is_empty(), "{detail}");
    let mut one =
        Socket::open(&server, &admin, &format!("/api/v1/beds/{}/waveform", bed["id"].as_str().unwrap()));
    let key = bed["key"].as_u64().unwrap();
    for _ in 0..20 {
        match one.next().unwrap() {
            Said::Text(hello) if hello["kind"] == "hello" => {
                assert_eq!(hello["beds"].as_array().unwrap().len(), 1);
            }
            Said::Text(told) => assert_eq!(told["key"], key),
            Said::Samples(message) => assert_eq!(u64::from(u32::from_le_bytes(number(&message, 4))), key),
        }
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
