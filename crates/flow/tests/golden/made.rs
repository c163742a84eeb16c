//! How a golden capture is made: from its recipe, the `.toml` beside it, and from nothing else.

use ingest::write::{PcapWriter, Resolution};
use model::{CaptureTime, Frame, LinkType};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};

/// Time of the first datagram of a recipe that lists them: that of a ward's beginning.
const START_NS: i64 = 1_768_204_800_000_000_000;
const STEP_NS: i64 = 10_000_000;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What a recipe says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// What the capture shows, for people.
    pub(crate) about: String,
    /// `invented`, always: no capture in the repository was recorded.
    pub(crate) patients: String,
    /// Frames of a simulated ward.
    ward: Option<Ward>,
    /// Which of them.
    #[serde(default)]
    keep: Keep,
    /// Or datagrams, one by one.
    #[serde(default)]
    datagram: Vec<Datagram>,
}

/// Options of the simulator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ward {
    scenarios: Vec<String>,
    seed: u64,
    monitors: u32,
    minutes: f64,
}

/// Which frames of a ward are kept: those that meet all that is named, and of these the first.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    /// One end has this address.
    host: Option<IpAddr>,
    /// One end uses this port.
    port: Option<u16>,
    /// Keep fragments, which have no ports, by their host alone.
    #[serde(default)]
    fragments: bool,
    /// `tcp` or `udp`.
    transport: Option<String>,
    /// This many.
    frames: Option<usize>,
}

/// A UDP datagram.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    /// Its bytes, in hexadecimal.
    hex: String,
}

/// The ends of a frame.
struct Ends {
    hosts: [IpAddr; 2],
    transport: u8,
    ports: Option<[u16; 2]>,
}

impl Ends {
    /// Of an Ethernet frame with IPv4, the only kind that wards have.
    fn of(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(14..).filter(|_| frame[12..14] == [0x08, 0x00])?;
        let address = |at: usize| IpAddr::from([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let (hosts, transport) = ([address(12), address(16)], packet[9]);
        let number = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
        let first = number(&packet[6..]) & 0x1FFF == 0;
        let inner = &packet[usize::from(packet[0] & 0x0F) * 4..];
        let ports = (first && matches!(transport, TCP | UDP)).then(|| [number(inner), number(&inner[2..])]);
        Some(Self { hosts, transport, ports })
    }
}

impl Keep {
    fn takes(&self, frame: &[u8]) -> bool {
        let Some(ends) = Ends::of(frame) else { return false };
        let number = self.transport.as_ref().map(|name| if name == "tcp" { TCP } else { UDP });
        self.host.is_none_or(|host| ends.hosts.contains(&host))
            && number.is_none_or(|number| number == ends.transport)
            && self.port.is_none_or(|port| ends.ports.map_or(self.fragments, |ports| ports.contains(&port)))
    }
}

impl Recipe {
    /// The capture, as a pcap file.
    pub(crate) fn make(&self) -> Vec<u8> {
        let frames = match &self.ward {
            Some(ward) => self.of_ward(ward),
            None => self.of_datagrams(),
        };
        let mut file = PcapWriter::new(Vec::new(), LinkType::Ethernet, Resolution::Nanos).unwrap();
        for (number, (time, bytes)) in (1..).zip(&frames) {
            let original_bytes = u32::try_from(bytes.len()).unwrap();
            let link = LinkType::Ethernet;
            file.write(&Frame { capture: 0, number, time: *time, link, original_bytes, bytes }).unwrap();
        }
        file.finish().unwrap()
    }

    fn of_ward(&self, ward: &Ward) -> Vec<(CaptureTime, Vec<u8>)> {
        let scenarios = ward.scenarios.iter().map(|name| name.parse().unwrap()).collect();
        let ward = simulate::Ward {
            seed: ward.seed,
            monitors: ward.monitors,
            minutes: ward.minutes,
            scenarios,
            ..simulate::Ward::default()
        };
        let (mut frames, most) = (Vec::new(), self.keep.frames.unwrap_or(usize::MAX));
        let mut write = |time: CaptureTime, bytes: &[u8]| {
            if frames.len() < most && self.keep.takes(bytes) {
                frames.push((time, bytes.to_vec()));
            }
            Ok(())
        };
        ward.write(&mut write, &mut |_| ()).unwrap();
        frames
    }

    fn of_datagrams(&self) -> Vec<(CaptureTime, Vec<u8>)> {
        let frame = |(number, datagram): (u16, &Datagram)| {
            let time = CaptureTime::from_nanos(START_NS + STEP_NS * i64::from(number));
            let payload = wire::testing::hex(&datagram.hex);
            let payload = flow::testing::udp(datagram.from.port(), datagram.to.port(), &payload);
            let packet = flow::testing::ip(datagram.from.ip(), datagram.to.ip(), UDP, number, &payload);
            (time, flow::testing::on_ethernet(&packet))
        };
        (1..).zip(&self.datagram).map(frame).collect()
    }
}
