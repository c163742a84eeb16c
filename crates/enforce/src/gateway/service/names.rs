//! Addresses of names: what a device may ask, what the resolver is asked in its place, what the device is told.
//!
//! A device may ask for the IPv4 addresses of the names that its policy lists. Any other name is refused here (rcode 5), and
//! nobody hears of it; an IPv6 address of a listed name is answered "there is none", since nothing on the device's side
//! speaks IPv6. What the device is told has one question, and addresses of exactly the name that it asked for: aliases are
//! followed and left out, as is all that a server adds.
//!
//! # Limits
//! [`ADDRESSES_MAX`] addresses, the rest is left out; [`TTL_MAX`].
//!
//! # Source
//! RFC 1035 §4; RFC 8020 and RFC 2308 are not needed: no authority section is written.

use super::{Grants, Taken, Why};
use model::Prefix;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use wire::proto::dns::{Answer, Message, Question, Said, Section};

/// Addresses that a device is told. Our limit: what fits into the 512 bytes that every resolver can take.
const ADDRESSES_MAX: usize = 16;
/// Seconds that a device may keep an address. Our limit, so that a change in the hospital arrives within the hour.
const TTL_MAX: u32 = 3600;
/// Aliases followed. Our limit; resolvers follow about as many.
const ALIASES_MAX: usize = 16;
const A: u16 = 1;
const AAAA: u16 = 28;
const CNAME: u16 = 5;
const OPT: u16 = 41;
const INTERNET: u16 = 1;
const NO_ERROR: u16 = 0;
const SERVER_FAILURE: u16 = 2;
const NO_SUCH_NAME: u16 = 3;
const REFUSED: u16 = 5;

/// Takes a question of `device`. `id` is the number of ours, should one be asked.
///
/// # Errors
/// [`Why`] nothing is answered.
pub fn question_of_names(grants: &Grants, device: Ipv4Addr, datagram: &[u8], id: u16) -> Result<Taken, Why> {
    let message = Message::read(datagram)?;
    if message.is_response() || message.opcode() != 0 || message.rcode() != 0 || message.is_truncated() {
        return Err(Why::Refused("is no question"));
    }
    let [question] = &message.questions[..] else { return Err(Why::Refused("has not one question")) };
    // What a resolver may add about itself (RFC 6891) is not passed on.
    let only_options =
        message.records.iter().all(|record| record.section == Section::Additional && record.kind == OPT);
    if !only_options || message.records.len() > 1 {
        return Err(Why::Refused("brings records with its question"));
    }
    if question.class != INTERNET || !is_host_name(&question.name) {
        return Err(Why::Refused("asks for what is no host's name"));
    }
    let asked = question.clone();
    // Whether recursion was desired is the device's own bit, which an answer repeats.
    let (own, desired) = (message.id, message.flags & 0x0100);
    let told = move |rcode, ttl, addresses: &[Ipv4Addr]| answer(own, desired, &asked, rcode, ttl, addresses);
    let Some(networks) = grants.name(device, &question.name) else {
        return Ok(Taken::Answered(told(REFUSED, 0, &[])));
    };
    match question.kind {
        A => {}
        AAAA => return Ok(Taken::Answered(told(NO_ERROR, 0, &[]))),
        _ => return Ok(Taken::Answered(told(REFUSED, 0, &[]))),
    }
    let (name, networks) = (question.name.clone(), networks.clone());
    let ours = Question { name: name.clone(), kind: A, class: INTERNET };
    let check = move |datagram: &[u8]| {
        let (rcode, ttl, addresses) = outcome(datagram, id, &name, &networks)?;
        Ok(told(rcode, ttl, &addresses))
    };
    Ok(Taken::Asked { question: header_and_question(id, 0x0100, &ours, 0), check: Box::new(check) })
}

/// What a server says of `name`, where it answers our question.
fn outcome(
    datagram: &[u8],
    id: u16,
    name: &[u8],
    networks: &BTreeSet<Prefix>,
) -> Result<(u16, u32, Vec<Ipv4Addr>), Why> {
    let message = Message::read(datagram)?;
    let asked = [Question { name: name.to_vec(), kind: A, class: INTERNET }];
    if message.id != id || !message.is_response() || message.opcode() != 0 || message.questions != asked {
        return Err(Why::Refused("answers another question"));
    }
    if message.is_truncated() {
        return Err(Why::Refused("does not fit into its answer"));
    }
    let answers: Vec<&Answer> =
        message.records.iter().filter(|record| record.section == Section::Answer).collect();
    match message.rcode() {
        NO_ERROR => {}
        rcode @ (NO_SUCH_NAME | SERVER_FAILURE) if answers.is_empty() => return Ok((rcode, 0, Vec::new())),
        _ => return Err(Why::Refused("has an outcome that is not passed on")),
    }
    let chain = aliases(name, &answers);
    let mut ttl = TTL_MAX;
    let mut addresses = Vec::new();
    for record in answers {
        if record.class != INTERNET || !chain.contains(&record.name.as_slice()) {
            return Err(Why::Refused("has records of what was not asked"));
        }
        ttl = ttl.min(record.ttl);
        match (record.kind, &record.said) {
            (CNAME, Said::Name(_)) => {}
            (A, Said::Ip(IpAddr::V4(ip))) => addresses.push(*ip),
            _ => return Err(Why::Refused("has records of what was not asked")),
        }
    }
    if let Some(wrong) = addresses.iter().find_map(|ip| fault(*ip, networks)) {
        return Err(Why::Refused(wrong));
    }
    addresses.truncate(ADDRESSES_MAX);
    Ok((NO_ERROR, ttl, addresses))
}

/// The name and what it is an alias of, in turn.
fn aliases<'a>(name: &'a [u8], answers: &[&'a Answer]) -> Vec<&'a [u8]> {
    let mut chain = vec![name];
    for _ in 0..ALIASES_MAX {
        let of = |record: &&Answer| record.kind == CNAME && Some(&record.name.as_slice()) == chain.last();
        match answers.iter().find(|record| of(record)).map(|record| &record.said) {
            Some(Said::Name(target)) if !chain.contains(&target.as_slice()) => chain.push(target),
            _ => break,
        }
    }
    chain
}

/// What is wrong with an address for a name.
fn fault(ip: Ipv4Addr, networks: &BTreeSet<Prefix>) -> Option<&'static str> {
    if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || ip.is_broadcast() || ip.is_link_local()
    {
        return Some("gives an address that is no host's");
    }
    let known = networks.is_empty() || networks.iter().any(|network| network.contains(ip.into()));
    (!known).then_some("gives an address that the policy does not have for the name")
}

/// Letters, digits, hyphens, underscores; labels of at most 63, the whole of at most 253.
fn is_host_name(name: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let label = |label: &[u8]| (1..=63).contains(&label.len()) && label.iter().all(fits);
    name.len() <= 253 && name.split(|byte| *byte == b'.').all(label)
}

fn header_and_question(id: u16, flags: u16, question: &Question, answers: u16) -> Vec<u8> {
    let mut text = Vec::with_capacity(64);
    for number in [id, flags, 1, answers, 0, 0] {
        text.extend_from_slice(&number.to_be_bytes());
    }
    for label in question.name.split(|byte| *byte == b'.') {
        // A host name's labels have at most 63 bytes.
        text.push(u8::try_from(label.len()).unwrap_or(63));
        text.extend_from_slice(label);
    }
    text.push(0);
    text.extend_from_slice(&question.kind.to_be_bytes());
    text.extend_from_slice(&question.class.to_be_bytes());
    text
}

/// QR, RA, the device's own RD, and an outcome; then addresses of the name that is asked for.
fn answer(id: u16, desired: u16, asked: &Question, rcode: u16, ttl: u32, addresses: &[Ipv4Addr]) -> Vec<u8> {
    let flags = 0x8080 | desired | rcode;
    let mut text = header_and_question(id, flags, asked, u16::try_from(addresses.len()).unwrap_or(0));
    for ip in addresses {
        // A pointer to the name in the question.
        text.extend_from_slice(&[0xC0, 12]);
        text.extend_from_slice(&A.to_be_bytes());
        text.extend_from_slice(&INTERNET.to_be_bytes());
        text.extend_from_slice(&ttl.to_be_bytes());
        text.extend_from_slice(&4_u16.to_be_bytes());
        text.extend_from_slice(&ip.octets());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::grant::tests::grants;
    use super::*;

    const DEVICE: Ipv4Addr = Ipv4Addr::new(202, 114, 4, 8);
    const NAME: &[u8] = b"time.hospital.example";
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 20, 1, 9);

    fn asks(name: &[u8], kind: u16) -> Vec<u8> {
        header_and_question(7, 0x0100, &Question { name: name.to_vec(), kind, class: INTERNET }, 0)
    }

    fn taken(datagram: &[u8]) -> Result<Taken, Why> {
        question_of_names(&grants(), DEVICE, datagram, 0xBEEF)
    }

    fn check() -> Check {
        match taken(&asks(b"TIME.hospital.example", A)).unwrap() {
            Taken::Asked { question, check } => {
                let ours = Message::read(&question).unwrap();
                assert_eq!((ours.id, ours.questions[0].name.as_slice()), (0xBEEF, NAME));
                check
            }
            other => panic!("{other:?}"),
        }
    }

    use super::super::Check;

    /// An answer of a server to our question, with records after it.
    fn says(id: u16, flags: u16, records: &[(&[u8], u16, &[u8])]) -> Vec<u8> {
        let question = Question { name: NAME.to_vec(), kind: A, class: INTERNET };
        let mut text = header_and_question(id, flags, &question, u16::try_from(records.len()).unwrap());
        for (name, kind, data) in records {
            text.extend_from_slice(
                &header_and_question(0, 0, &Question { name: name.to_vec(), kind: *kind, class: 1 }, 0)[12..],
            );
            text.extend_from_slice(&60_u32.to_be_bytes());
            text.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            text.extend_from_slice(data);
        }
        text
    }

    #[test]
    fn a_listed_name_is_asked_for_and_its_addresses_are_told_anew() {
        let check = check();
        let said = says(0xBEEF, 0x8180, &[(NAME, A, &SERVER.octets())]);
        let told = Message::read(&check(&said).unwrap()).unwrap();
        assert_eq!((told.id, told.flags), (7, 0x8180));
        assert_eq!(told.records.len(), 1);
        assert_eq!((&told.records[0].said, told.records[0].ttl), (&Said::Ip(SERVER.into()), 60));
        // Over an alias: the device sees its own name only.
        let target = b"\x03ntp\x08hospital\x07example\x00";
        let aliased = [(NAME, CNAME, &target[..]), (b"ntp.hospital.example", A, &SERVER.octets())];
        let told = Message::read(&check(&says(0xBEEF, 0x8180, &aliased)).unwrap()).unwrap();
        assert_eq!((told.records.len(), told.records[0].name.as_slice()), (1, NAME));
        let told = Message::read(&check(&says(0xBEEF, 0x8183, &[])).unwrap()).unwrap();
        assert_eq!((told.rcode(), told.records.len()), (NO_SUCH_NAME, 0));
    }

    #[test]
    fn what_does_not_answer_the_question_is_not_passed_on() {
        let check = check();
        let own: (&[u8], u16, &[u8]) = (NAME, A, &[10, 20, 1, 9]);
        let wrong: [(&str, Vec<u8>); 9] = [
            ("id", says(0xBEEE, 0x8180, &[own])),
            ("a question", says(0xBEEF, 0x0100, &[])),
            ("truncated", says(0xBEEF, 0x8380, &[own])),
            ("refused with records", says(0xBEEF, 0x8185, &[own])),
            ("another name", says(0xBEEF, 0x8180, &[own, (b"evil.example", A, &[10, 20, 1, 9])])),
            ("another kind", says(0xBEEF, 0x8180, &[own, (NAME, 16, b"\x04evil")])),
            ("an address outside the policy", says(0xBEEF, 0x8180, &[(NAME, A, &[202, 114, 4, 120])])),
            ("loopback", says(0xBEEF, 0x8180, &[(NAME, A, &[127, 0, 0, 1])])),
            ("something behind the end", [says(0xBEEF, 0x8180, &[own]), b"x".to_vec()].concat()),
        ];
        for (what, datagram) in wrong {
            assert!(check(&datagram).is_err(), "{what}");
        }
        let mut other = says(0xBEEF, 0x8180, &[own]);
        other[13] = b'x';
        assert_eq!(check(&other), Err(Why::Refused("answers another question")));
    }

    #[test]
    fn other_names_are_refused_here_and_other_messages_get_no_answer() {
        let here = |datagram: &[u8]| match taken(datagram).unwrap() {
            Taken::Answered(text) => Message::read(&text).unwrap(),
            other => panic!("{other:?}"),
        };
        let refused = here(&asks(b"update.example", A));
        assert_eq!((refused.id, refused.rcode(), refused.records.len()), (7, REFUSED, 0));
        assert_eq!(here(&asks(NAME, 16)).rcode(), REFUSED);
        let none = here(&asks(NAME, AAAA));
        assert_eq!((none.rcode(), none.records.len()), (NO_ERROR, 0));
        let mut two = asks(NAME, A);
        two[5] = 2;
        two.extend_from_slice(&asks(NAME, A)[12..]);
        let mut update = asks(NAME, A);
        update[2] = 0x28;
        let long = asks(&[b'a'; 60].repeat(2), A);
        for datagram in
            [two, update, asks(b"a b", A), long, says(7, 0x8180, &[]), says(7, 0x0100, &[(NAME, A, &[1; 4])])]
        {
            assert!(taken(&datagram).is_err());
        }
    }
}
