//! Any datagram of a device or of a server through the gateway's services: what goes on is well formed, about what was asked, and
//! to the one that asked.
#![no_main]

use enforce::gateway::service::{
    Grants, Lease, Leases, Leasing, Service, Taken, question_of_names, question_of_time,
};
use model::CaptureTime;
use std::net::Ipv4Addr;
use std::sync::LazyLock;
use wire::proto::{dhcp, dns, ntp};

const DEVICE: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 8);
const NEAR: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 119);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 1);
const NUMBER: u64 = 0x0102_0304_0506_0708;

static GRANTS: LazyLock<Grants> = LazyLock::new(|| {
    let policy = "schema = 'lazaret.policy/1'\nname = 'ward'\n[[device]]\nname = 'bed 7'\nmacs = ['02:1b:5e:00:10:20']\n\
        addresses = ['202.114.4.8']\n\
        [[device.allow]]\nopens = 'device'\npeer = '10.20.1.9'\nprotocol = 'udp'\nports = '53-123'\n\
        [[device.allow]]\nopens = 'device'\npeer = '255.255.255.255'\nprotocol = 'udp'\nports = '67'\n\
        [[device.allow]]\nopens = 'device'\npeer = 'name:time.example'\nprotocol = 'udp'\nports = '123'\n";
    Grants::of(&policy::read(policy).unwrap(), &Service::ALL).unwrap()
});

fn names(question: &[u8], answer: &[u8]) {
    let told = match question_of_names(&GRANTS, DEVICE, question, NUMBER as u16) {
        Ok(Taken::Answered(told)) => told,
        Ok(Taken::Asked { question, check }) => {
            assert_eq!(dns::Message::read(&question).unwrap().questions.len(), 1);
            let Ok(told) = check(answer) else { return };
            told
        }
        Err(_) => return,
    };
    let (asked, told) = (dns::Message::read(question).unwrap(), dns::Message::read(&told).unwrap());
    assert!(told.is_response() && told.id == asked.id && told.questions == asked.questions);
    let name = &asked.questions[0].name;
    assert!(told.records.iter().all(|record| record.kind == 1 && &record.name == name));
}

fn time(question: &[u8], answer: &[u8]) {
    let Ok(Taken::Asked { question: ours, check }) = question_of_time(question, NUMBER) else { return };
    assert_eq!(ntp::Message::read(&ours).unwrap().transmit, NUMBER);
    let Ok(told) = check(answer) else { return };
    let (asked, told) = (ntp::Message::read(question).unwrap(), ntp::Message::read(&told).unwrap());
    assert!(told.mode == 4 && told.origin == asked.transmit && (1..=15).contains(&told.stratum));
}

fn lease(question: &[u8], answer: &[u8]) {
    let lease = Lease { of: Leasing { mac: "02:1b:5e:00:10:20".parse().unwrap(), ip: DEVICE }, near: NEAR };
    let mut leases = Leases::new(RELAY, &[lease]);
    let now = CaptureTime::default();
    let Ok(ours) = leases.ask(question, NUMBER as u32, now) else { return };
    let ours = dhcp::Message::read(&ours).unwrap();
    assert!(ours.relay == RELAY && ours.mac == lease.of.mac);
    let Ok(reply) = leases.answer(answer, &GRANTS, now) else { return };
    let told = dhcp::Message::read(&reply.text).unwrap();
    assert!(reply.lease == lease && told.flags == 0 && (told.your_ip == DEVICE || told.your_ip.is_unspecified()));
    assert!(leases.answer(answer, &GRANTS, now).is_err(), "answered twice");
}

libfuzzer_sys::fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (question, answer) = input;
    names(&question, &answer);
    time(&question, &answer);
    lease(&question, &answer);
});
