//! The device's own stream to a central station that may have it, and the bypass that the kernel keeps open to one.

use super::place::{At, Place, said, text};
use serde_json::Value;

const CENTRAL: &str = "10.20.1.9:515";
/// Length of what monitor.py sends of a patient, and of a cycle.
const PATIENT_BYTES: usize = 4 + 0xAD;
const CYCLE_BYTES: usize = 8 + 4 + 0x3D3 + 4 + 0x114 + 4;

impl Place {
    /// A central station that keeps what it is sent in `file`, and talks back.
    fn start_central(&self, file: &str) {
        let before = self.read("central.out").matches("listening").count();
        let path = self.path(file);
        self.start_script(At::Ward, "central", "receiver.py", &["raw", "10.20.1.9", "515", text(&path)]);
        self.until("the central station listens", || {
            self.read("central.out").matches("listening").count() > before
        });
    }

    /// What a monitor sends for these cycles, as a station of its own beside it takes it.
    fn reference(&self, first: u32, count: u32) -> Vec<u8> {
        let name = format!("reference-{first}");
        let path = self.path(&name);
        self.start_script(At::Monitor, &name, "receiver.py", &["raw", "127.0.0.1", "9515", text(&path)]);
        self.until("it listens", || self.read(&format!("{name}.out")).contains("listening"));
        self.send_to("127.0.0.1", "9515", first, count, 0);
        let bytes = PATIENT_BYTES + usize::try_from(count).unwrap() * CYCLE_BYTES;
        self.until("it has all", || self.bytes(&name).len() == bytes);
        self.end(&name, "-KILL");
        self.bytes(&name)
    }

    fn bytes(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).unwrap_or_default()
    }

    fn send_to(&self, host: &str, port: &str, first: u32, count: u32, interval_ms: u32) {
        let numbers = [first, count, interval_ms].map(|number| number.to_string());
        let [first, count, interval] = &numbers;
        let sent = self.script(At::Monitor, "monitor.py", &[host, port, "7", first, count, interval]);
        assert_eq!(&sent.lines().count().to_string(), count, "{sent}");
    }

    fn original(&self, counter: &str) -> u64 {
        self.standing()["original"][counter].as_u64().unwrap_or_default()
    }

    /// Whether somebody takes a connection.
    fn connects(&self, from: At, host: &str, port: &str) -> bool {
        let tries = format!("import socket; socket.create_connection(('{host}', {port}), 2)");
        self.output(from, &["timeout", "4", "python3", "-c", &tries]).status.success()
    }
}

#[test]
fn a_central_station_gets_the_devices_own_bytes_and_a_gap_shows_as_a_new_connection() {
    let Some(place) = Place::new() else { return };
    let first = place.reference(0, 20);
    let patient = first[..PATIENT_BYTES].to_vec();
    assert!(patient.windows(10).any(|part| part == b"ZQ70010001"), "the reference begins with the patient");
    place.start_receiver();
    place.start_central("central-1");
    place.start_gateway_to(&["--receiver", super::RECEIVER, "--original", CENTRAL]);
    place.look();
    place.send(0, 20, 50);
    place.until("the station has every byte", || place.bytes("central-1").len() >= first.len());
    assert_eq!(place.bytes("central-1"), first);

    // While it is gone, cycles are left out, though not for the others; nothing of them comes later.
    place.end("central", "-KILL");
    place.send(20, 10, 50);
    place.until_arrived(30);
    place.until("they are counted", || place.original("left_out") == 10);
    place.start_central("central-2");
    place.send(30, 10, 50);
    let third = place.reference(30, 10);
    place.until("the station has what came since", || place.bytes("central-2").len() >= third.len());
    assert_eq!(place.bytes("central-2"), third);

    // It goes and comes back while the device sends: the new connection begins with the patient, then with a whole cycle.
    let arguments = ["202.114.4.119", "515", "7", "40", "120", "50"];
    place.start_script(At::Monitor, "device", "monitor.py", &arguments);
    place.until_arrived(60);
    place.end("central", "-KILL");
    place.until_arrived(80);
    place.start_central("central-3");
    place.ended("device");
    place.until_arrived(160);
    let whole = place.reference(40, 120);
    place.until("the station has the last cycle", || {
        place.bytes("central-3").ends_with(&whole[whole.len() - CYCLE_BYTES..])
    });
    // Each connection begins with the patient, and its cycles follow one another; between two, some are missing.
    let after = place.bytes("central-3");
    let cycles: Vec<&[u8]> = whole[PATIENT_BYTES..].chunks(CYCLE_BYTES).collect();
    let (mut rest, mut next, mut begins) = (&after[..], 0, false);
    while !rest.is_empty() {
        if let Some(cycles) = rest.strip_prefix(&patient[..]) {
            (rest, begins) = (cycles, true);
            continue;
        }
        let number = cycles.iter().position(|cycle| rest.starts_with(cycle)).expect("a whole cycle");
        assert!(number == next || (begins && number > next), "cycle {number} after {next}");
        (rest, next, begins) = (&rest[CYCLE_BYTES..], number + 1, false);
    }
    assert!(after.starts_with(&patient), "the new connection says who lies there");
    assert!(after.len() < whole.len(), "nothing was filled in");
    // The other receiver has everything, in order, without a name.
    assert_eq!(place.numbers(), (0..160).collect::<Vec<_>>());
    assert!(!place.read("messages.ndjson").contains("Marshgate"));
    let buffer = std::fs::read_dir(place.path("buffer"))
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap());
    assert!(
        buffer.into_iter().all(|bytes| !bytes.windows(9).any(|part| part == b"Marshgate")),
        "a name is on disk"
    );
    // What the station says stays in the gateway.
    assert!(place.frames().iter().all(|frame| frame["payload"] == 0), "something was sent to the monitor");
}

#[test]
fn killed_it_lets_a_monitor_reach_its_named_central_station_and_nothing_else() {
    let Some(place) = Place::new() else { return };
    place.start_gateway_to(&["--receiver", super::RECEIVER, "--bypass", "202.114.4.8=10.20.1.9"]);
    place.lead_nowhere();
    place.send(0, 10, 10);
    place.until("all are accepted", || place.standing()["cycles"] == 10);
    assert!(
        place.output(At::Ward, &["ip", "address", "add", "10.20.1.10/24", "dev", "eth0"]).status.success()
    );
    let any = place.path("any");
    place.start_script(At::Ward, "other", "receiver.py", &["raw", "10.20.1.10", "515", text(&any)]);
    place.start_script(At::Internet, "leak", "receiver.py", &["raw", "198.51.100.2", "515", text(&any)]);
    place.start_script(At::Monitor, "open", "receiver.py", &["raw", "202.114.4.8", "515", text(&any)]);
    place.start_central("central");
    place.until("all listen", || {
        ["other", "leak", "open"].iter().all(|name| place.read(&format!("{name}.out")).contains("listening"))
    });
    let outside = place.received(At::Internet, "eth0");
    place.end("gateway", "-KILL");

    place.send_to("10.20.1.9", "515", 10, 5, 10);
    let sent = place.reference(10, 5);
    place.until("the central station has them", || place.bytes("central").len() >= sent.len());
    assert_eq!(place.bytes("central"), sent);
    assert!(place.connects(At::Monitor, "10.20.1.9", "515"));
    // Another port of it, another host of the ward, the internet, and the other way.
    place.start_receiver();
    assert!(!place.connects(At::Monitor, "10.20.1.9", "2575"));
    assert!(!place.connects(At::Monitor, "10.20.1.10", "515"));
    assert!(!place.connects(At::Monitor, "198.51.100.2", "515"));
    assert!(!place.connects(At::Ward, "202.114.4.8", "515"));
    assert_eq!(place.bytes("any"), b"");
    assert_eq!(place.received(At::Internet, "eth0"), outside, "frames reached the internet");

    place.start_gateway_to(&["--receiver", super::RECEIVER, "--bypass", "202.114.4.8=10.20.1.9"]);
    place.until_arrived(10);
    assert_eq!(place.numbers(), (0..10).collect::<Vec<_>>(), "what was accepted before is not lost");
    let refused = place.output(
        At::Gateway,
        &[super::LAZARET, "gateway", "rules", "--device-interface", "d", "--bypass", "x"],
    );
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert_ne!(place.standing(), Value::Null);
}
