//! RDP: a screen that is offered to others; its connection request and confirm.
//!
//! # Wire format
//! ```text
//! 0   1   2          4           5        6       8       10      11
//! | 3 | 0 | length 2 | X.224 n 1 | type 1 | dst 2 | src 2 | class 1 | cookie or token CR LF | negotiation 8
//!                                  type: E0 connection request, D0 connection confirm
//! negotiation, least significant byte first: | type 1 | flags 1 | length 2 (8) | protocols 4 |
//! ```
//! The cookie (`Cookie: mstshash=name`) holds the first characters of an account name and is withheld. After
//! a confirm that chooses TLS the flow is encrypted; nothing further is read.
//!
//! X.224 in TPKT alone also starts other protocols (S7, H.323): the cookie or the negotiation must be there.
//!
//! # Source
//! [MS-RDPBCGR] §2.2.1.1, §2.2.1.2; RFC 1006 §6 (TPKT); ITU-T X.224 §13.3, §13.4.

use crate::{Cursor, Parser, Probe, Protocol, Sink, Step, Verdict};
use model::{Fact, Malformed, Offer, Reason, Side, Transport, Value};

/// Row of the registry.
pub static PROTOCOL: Protocol = Protocol {
    name: "rdp",
    title: "Remote desktop protocol",
    source: "[MS-RDPBCGR] §2.2.1",
    transports: &[Transport::Tcp],
    ports: &[3389],
    schema: &SCHEMA,
    probe,
    start: |_| Box::new(Rdp),
};

schema! { "rdp":
    KIND = "kind" Text Device "request or confirm.";
    PROTOCOLS = "protocols" Number Device "Security asked for (bits) or chosen: 0 own, 1 TLS, 2 CredSSP.";
}

/// TPKT and the fixed part of X.224.
const HEADER_BYTES: usize = 11;
/// Most bytes of the connection units: TPKT and an X.224 length of 8 bits.
const UNIT_BYTES_MAX: usize = 4 + 255;
/// Bytes of a negotiation structure.
const NEGOTIATION_BYTES: usize = 8;
const REQUEST: u8 = 0xE0;
const CONFIRM: u8 = 0xD0;
const COOKIES: &[&[u8]] = &[b"Cookie: mstshash=", b"Cookie: msts=", b"mth://", b"tsv://"];

fn probe(probe: &Probe<'_>) -> Verdict {
    let input = probe.input;
    match input {
        [] | [3] | [3, 0] | [3, 0, 0] | [3, 0, 0, _] => return Verdict::Unsure,
        [3, 0, 0, length, n, ..] if usize::from(*length) == usize::from(*n) + 5 => {}
        _ => return Verdict::NotForUs,
    }
    let end = input.get(3).copied().map_or(0, usize::from);
    let kind = input.get(5).copied();
    if end < HEADER_BYTES || kind.is_some_and(|kind| kind != REQUEST && kind != CONFIRM) {
        return Verdict::NotForUs;
    }
    let Some(unit) = input.get(..end) else { return Verdict::Unsure };
    match unit.get(HEADER_BYTES..) {
        Some(rest)
            if COOKIES.iter().any(|cookie| rest.starts_with(cookie)) || negotiation(unit).is_some() =>
        {
            Verdict::Certain
        }
        // The oldest clients and servers send neither: the port has to stand in.
        Some([]) if probe.on_port(PROTOCOL.ports) => Verdict::Certain,
        _ => Verdict::NotForUs,
    }
}

/// Type and protocols of the negotiation that ends `unit`.
fn negotiation(unit: &[u8]) -> Option<(u8, u32)> {
    let start = unit.len().checked_sub(NEGOTIATION_BYTES).filter(|start| *start >= HEADER_BYTES)?;
    // A request may carry a correlation structure of 36 bytes after it: flag 8.
    const CORRELATION_BYTES: usize = 36;
    let at = |start: usize| -> Option<(u8, u32)> {
        let [kind, _, 8, 0, p0, p1, p2, p3] = *unit.get(start..)?.first_chunk::<NEGOTIATION_BYTES>()? else {
            return None;
        };
        (1..=3).contains(&kind).then(|| (kind, u32::from_le_bytes([p0, p1, p2, p3])))
    };
    at(start).or_else(|| at(start.checked_sub(CORRELATION_BYTES).filter(|start| *start >= HEADER_BYTES)?))
}

struct Rdp;

impl Parser for Rdp {
    fn step(&mut self, side: Side, input: &[u8], out: &mut dyn Sink) -> Step {
        match unit(side, input, out) {
            Ok(step) => step,
            Err(fault) => fault.into(),
        }
    }
}

fn unit(side: Side, input: &[u8], out: &mut dyn Sink) -> Result<Step, Malformed> {
    if input.len() < HEADER_BYTES {
        return Ok(Step::Need(HEADER_BYTES));
    }
    let mut cursor = Cursor::new(input);
    let version = cursor.u16_be("TPKT version")?;
    if version != 0x0300 {
        return Err(Cursor::new(input).malformed("TPKT version", Reason::NotDefined(u64::from(version))));
    }
    let at = cursor;
    let end = usize::from(cursor.u16_be("TPKT length")?);
    if !(HEADER_BYTES..=UNIT_BYTES_MAX).contains(&end) {
        let (min, max) = (HEADER_BYTES as u64, UNIT_BYTES_MAX as u64);
        return Err(at.malformed("TPKT length", Reason::OutsideRange { value: end as u64, min, max }));
    }
    let Some(unit) = input.get(..end) else { return Ok(Step::Need(end)) };
    cursor.skip(1, "X.224 length")?;
    let at = cursor;
    let (kind, name): (_, &[u8]) = match (cursor.u8("X.224 type")?, side) {
        (REQUEST, Side::Client) => (REQUEST, b"request"),
        (CONFIRM, Side::Server) => (CONFIRM, b"confirm"),
        (other, _) => return Err(at.malformed("X.224 type", Reason::NotDefined(u64::from(other)))),
    };
    // A request's cookie holds the name of an account.
    if let Some(cookie) = unit.get(HEADER_BYTES..).filter(|rest| rest.starts_with(b"Cookie: ")) {
        let bytes = cookie.iter().position(|byte| *byte == b'\r').unwrap_or(cookie.len());
        out.conceal(HEADER_BYTES..HEADER_BYTES + bytes);
    }
    let negotiation = negotiation(unit);
    let mut fields = vec![(&KIND, Value::text(name))];
    fields.extend(negotiation.map(|(_, protocols)| (&PROTOCOLS, Value::Number(u64::from(protocols)))));
    out.message(&SCHEMA, &fields, 0..end);
    if kind == CONFIRM {
        out.fact(Fact::Offers(Offer::RemoteDesktop), 0..end);
        // Type 2 is a choice, 3 a refusal.
        if negotiation.is_some_and(|(kind, chosen)| kind == 2 && chosen != 0) {
            out.fact(Fact::Encrypted, 0..end);
        }
    }
    Ok(Step::Ignore)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, hex, probe, sturdy};

    fn request() -> Vec<u8> {
        let cookie = b"Cookie: mstshash=nurse\r\n";
        [&hex("0300 002b 26 e0 0000 0000 00")[..], cookie, &hex("01 00 0800 03000000")].concat()
    }

    #[test]
    fn a_confirmed_request_is_a_screen_offered_and_the_cookie_stays_here() {
        let (request, confirm) = (request(), hex("0300 0013 0e d0 0000 1234 00  02 1f 0800 02000000"));
        let rest = hex("1603030005 0100000000");
        let dialogue: [(Side, &[u8]); 3] =
            [(Side::Client, &request), (Side::Server, &confirm), (Side::Client, &rest)];
        check(
            &PROTOCOL,
            &dialogue,
            "c 0..43 rdp.kind=request rdp.protocols=3
             s 0..19 rdp.kind=confirm rdp.protocols=2
             s 0..19 Offers(RemoteDesktop)
             s 0..19 Encrypted",
        );
        sturdy(&PROTOCOL, &dialogue);
    }

    #[test]
    fn what_breaks_the_protocol_stops_it() {
        let cases = [
            (hex("0400 002b 26 e0 0000 0000 00"), "c stop TPKT version at byte 0: 1024 is not defined"),
            (hex("0300 0005 26 e0 0000 0000 00"), "c stop TPKT length at byte 2: 5 is outside 11..=259"),
            (hex("0300 000b 06 d0 0000 0000 00"), "c stop X.224 type at byte 5: 208 is not defined"),
        ];
        for (bytes, transcript) in cases {
            check(&PROTOCOL, &[(Side::Client, &bytes)], transcript);
        }
    }

    #[test]
    fn other_users_of_the_framing_are_refused() {
        assert_eq!(probe(&PROTOCOL, Side::Client, &request()), Verdict::Certain);
        assert_eq!(probe(&PROTOCOL, Side::Client, &request()[..20]), Verdict::Unsure);
        let s7 = hex("0300 0016 11 e0 0000 0001 00 c1 02 0100 c2 02 0102 c0 01 0a");
        assert_eq!(probe(&PROTOCOL, Side::Client, &s7), Verdict::NotForUs);
        assert_eq!(probe(&PROTOCOL, Side::Client, &hex("16 0301 0005 01")), Verdict::NotForUs);
    }
}
