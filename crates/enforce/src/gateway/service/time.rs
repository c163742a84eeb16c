//! The time: what a device may ask, what the server is asked in its place, what the device is told.
//!
//! Our question carries a random number where the standard has the time of sending, so that only who has seen it can answer
//! (RFC 8633 §5, data minimisation), and the device's own is put into its answer. The server's two times pass unchanged, so
//! that the way through the gateway counts as part of the round trip, which the device takes out of its reckoning.
//!
//! # Source
//! RFC 5905 §7.3, §8; RFC 4330 §5 (what a client checks).

use super::{Taken, Why};
use wire::proto::ntp::Message;

const CLIENT: u8 = 3;
const SERVER: u8 = 4;
/// Versions that are answered: those that have the form of the packet.
const VERSIONS: std::ops::RangeInclusive<u8> = 1..=4;
const OUR_VERSION: u8 = 4;
/// A clock that is not set.
const NOT_SET: u8 = 3;
/// Distances of a clock that is set.
const STRATA: std::ops::RangeInclusive<u8> = 1..=15;

/// Takes a question. `cookie` is the number of ours.
///
/// # Errors
/// [`Why`] nothing is answered.
pub fn question_of_time(datagram: &[u8], cookie: u64) -> Result<Taken, Why> {
    let asked = Message::read(datagram)?;
    if asked.mode != CLIENT || !VERSIONS.contains(&asked.version) {
        return Err(Why::Refused("is no question for the time"));
    }
    let ours = Message { version: OUR_VERSION, mode: CLIENT, transmit: cookie, ..Message::default() };
    let check = move |datagram: &[u8]| {
        let said = Message::read(datagram)?;
        if said.mode != SERVER || said.version != OUR_VERSION || said.origin != cookie {
            return Err(Why::Refused("answers another question"));
        }
        // Stratum 0 is a "kiss of death": asks for less, and tells no time.
        if said.leap == NOT_SET || !STRATA.contains(&said.stratum) || said.transmit == 0 || said.receive == 0
        {
            return Err(Why::Refused("has no time to tell"));
        }
        Ok(written(&Message { version: asked.version, poll: asked.poll, origin: asked.transmit, ..said }))
    };
    Ok(Taken::Asked { question: written(&ours), check: Box::new(check) })
}

fn written(message: &Message) -> Vec<u8> {
    let flags = message.leap << 6 | message.version << 3 | message.mode;
    let mut text = vec![flags, message.stratum, message.poll, message.precision];
    text.extend_from_slice(&message.root_delay.to_be_bytes());
    text.extend_from_slice(&message.root_dispersion.to_be_bytes());
    text.extend_from_slice(&message.reference_id);
    for time in [message.reference, message.origin, message.receive, message.transmit] {
        text.extend_from_slice(&time.to_be_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::*;

    const COOKIE: u64 = 0x1122_3344_5566_7788;

    fn asked() -> Message {
        Message { version: 3, mode: CLIENT, poll: 6, transmit: 99, reference: 12, ..Message::default() }
    }

    fn said() -> Message {
        let times = Message { reference: 1, origin: COOKIE, receive: 2, transmit: 3, ..Message::default() };
        Message {
            version: 4,
            mode: SERVER,
            stratum: 2,
            precision: 0xE9,
            root_delay: 5,
            reference_id: *b"GPS\0",
            ..times
        }
    }

    fn check() -> Check {
        match question_of_time(&written(&asked()), COOKIE).unwrap() {
            Taken::Asked { question, check } => {
                let ours = Message::read(&question).unwrap();
                // Nothing of the device goes on.
                assert_eq!(
                    ours,
                    Message { version: 4, mode: CLIENT, transmit: COOKIE, ..Message::default() }
                );
                check
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_device_is_told_the_servers_times_as_answer_to_its_own_question() {
        let told = Message::read(&check()(&written(&said())).unwrap()).unwrap();
        assert_eq!(told, Message { version: 3, poll: 6, origin: 99, ..said() });
    }

    #[test]
    fn what_is_no_answer_to_our_question_is_not_passed_on() {
        let check = check();
        let wrong = [
            Message { origin: 99, ..said() },
            Message { mode: 5, ..said() },
            Message { version: 3, ..said() },
            Message { stratum: 0, reference_id: *b"RATE", ..said() },
            Message { stratum: 16, ..said() },
            Message { leap: 3, ..said() },
            Message { transmit: 0, ..said() },
        ];
        for message in wrong {
            assert!(check(&written(&message)).is_err(), "{message:?}");
        }
        assert!(check(&[&written(&said())[..], &[0; 20]].concat()).is_err());
        for message in [
            Message { mode: 4, ..asked() },
            Message { version: 5, ..asked() },
            Message { mode: 6, ..asked() },
        ] {
            assert!(question_of_time(&written(&message), COOKIE).is_err());
        }
    }
}
