//! Any bytes through the gateway: for the fuzz targets `gateway` and `asked` and their replay.
//!
//! An input is two bytes, the length of its first part (least significant byte first), and both parts after each other.
#![expect(clippy::unwrap_used, reason = "checks for tests: failing loudly is their job")]

use super::service::{Grants, Lease, Leases, Leasing, Service, Taken, question_of_names, question_of_time};
use super::{Cycle, Form, Session};
use model::{CaptureTime, Endpoint};
use std::net::Ipv4Addr;
use std::sync::LazyLock;
use wire::proto::{dhcp, dns, ntp};

const DEVICE: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 8);
const NEAR: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 119);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 1);
/// In place of what is drawn at random for a question.
const NUMBER: u64 = 0x0102_0304_0506_0708;

static GRANTS: LazyLock<Grants> = LazyLock::new(|| {
    let policy = "schema = 'lazaret.policy/1'\nname = 'ward'\n[[device]]\nname = 'bed 7'\nmacs = ['02:1b:5e:00:10:20']\n\
        addresses = ['202.114.4.8']\n\
        [[device.allow]]\nopens = 'device'\npeer = '10.20.1.9'\nprotocol = 'udp'\nports = '53-123'\n\
        [[device.allow]]\nopens = 'device'\npeer = '255.255.255.255'\nprotocol = 'udp'\nports = '67'\n\
        [[device.allow]]\nopens = 'device'\npeer = 'name:time.example'\nprotocol = 'udp'\nports = '123'\n";
    Grants::of(&policy::read(policy).unwrap(), &Service::ALL).unwrap()
});

fn parts(input: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, parts)) = input.split_first_chunk::<2>() else { return (&[], &[]) };
    parts.split_at(usize::from(u16::from_le_bytes(*length)).min(parts.len()))
}

/// What a device sends, in one piece and in two: what is recognised alike gives the same cycles, and each makes its messages.
/// Gives how many cycles.
///
/// # Panics
/// Where that does not hold.
pub fn device(input: &[u8]) -> usize {
    let (front, back) = parts(input);
    let bytes = [front, back].concat();
    let (whole, cut) = (Heard::of(&[&bytes]), Heard::of(&[front, back]));
    // A piece alone may look like something that the whole does not: a printer's command, say.
    if whole.protocol == cut.protocol {
        assert_eq!(whole.cycles, cut.cycles);
        assert!(whole.cycles.is_empty() || whole.read == cut.read);
    }
    for cycle in &whole.cycles {
        // What goes on to a central station was sent by the device.
        let sent = |original: &[u8]| {
            original.is_empty() || bytes.windows(original.len()).any(|part| part == original)
        };
        assert!(cycle.original.iter().all(|original| sent(&original.cycle)));
        for form in [Form::Hl7, Form::FhirTransaction, Form::FhirBundle] {
            cycle.message(form, None).unwrap();
        }
    }
    whole.cycles.len()
}

/// What was read of a device.
struct Heard {
    cycles: Vec<Cycle>,
    protocol: Option<&'static str>,
    /// To the end.
    read: bool,
}

impl Heard {
    fn of(pieces: &[&[u8]]) -> Self {
        let client = Endpoint { ip: DEVICE.into(), port: 40_000 };
        let mut session = Session::new(client, Endpoint { ip: NEAR.into(), port: 515 }).with_original();
        let mut cycles = Vec::new();
        let read =
            pieces.iter().all(|piece| session.feed(piece, CaptureTime::default(), &mut cycles).is_ok());
        // Cycles of one piece are a nanosecond apart.
        cycles.iter_mut().for_each(|cycle| cycle.received = CaptureTime::default());
        Self { cycles, protocol: session.protocol(), read }
    }
}

/// A device's question and a server's answer, through each service: what goes on is well formed, about what was asked, and to
/// the one that asked. Gives how many services told the device something.
///
/// # Panics
/// Where that does not hold.
pub fn asked(input: &[u8]) -> usize {
    let (question, answer) = parts(input);
    [names, time, lease].into_iter().filter_map(|service| service(question, answer)).count()
}

fn names(question: &[u8], answer: &[u8]) -> Option<()> {
    let told = match question_of_names(&GRANTS, DEVICE, question, NUMBER as u16).ok()? {
        Taken::Answered(told) => told,
        Taken::Asked { question, check } => {
            assert_eq!(dns::Message::read(&question).unwrap().questions.len(), 1);
            check(answer).ok()?
        }
    };
    let (asked, told) = (dns::Message::read(question).unwrap(), dns::Message::read(&told).unwrap());
    assert!(told.is_response() && told.id == asked.id && told.questions == asked.questions);
    let name = &asked.questions.first().unwrap().name;
    assert!(told.records.iter().all(|record| record.kind == 1 && &record.name == name));
    Some(())
}

fn time(question: &[u8], answer: &[u8]) -> Option<()> {
    let Taken::Asked { question: ours, check } = question_of_time(question, NUMBER).ok()? else {
        return None;
    };
    assert_eq!(ntp::Message::read(&ours).unwrap().transmit, NUMBER);
    let told = check(answer).ok()?;
    let (asked, told) = (ntp::Message::read(question).unwrap(), ntp::Message::read(&told).unwrap());
    assert!(told.mode == 4 && told.origin == asked.transmit && (1..=15).contains(&told.stratum));
    Some(())
}

fn lease(question: &[u8], answer: &[u8]) -> Option<()> {
    let lease = Lease { of: Leasing { mac: "02:1b:5e:00:10:20".parse().unwrap(), ip: DEVICE }, near: NEAR };
    let mut leases = Leases::new(RELAY, &[lease]);
    let now = CaptureTime::default();
    let ours = leases.ask(question, NUMBER as u32, now).ok()?;
    let ours = dhcp::Message::read(&ours).unwrap();
    assert!(ours.relay == RELAY && ours.mac == lease.of.mac);
    let reply = leases.answer(answer, &GRANTS, now).ok()?;
    let told = dhcp::Message::read(&reply.text).unwrap();
    assert!(
        reply.lease == lease && told.flags == 0 && (told.your_ip == DEVICE || told.your_ip.is_unspecified())
    );
    assert!(leases.answer(answer, &GRANTS, now).is_err(), "answered twice");
    Some(())
}
