//! Any bytes of a device through the gateway: however they are cut, the same cycles come out, and each makes a message.
#![no_main]

use enforce::gateway::{Cycle, Form, Session};
use model::{CaptureTime, Endpoint};

fn read(pieces: &[&[u8]]) -> (Vec<Cycle>, bool) {
    let at = |ip: &str, port| Endpoint { ip: ip.parse().unwrap(), port };
    let mut session = Session::new(at("202.114.4.8", 40000), at("202.114.4.119", 515)).with_original();
    let mut cycles = Vec::new();
    let read = pieces.iter().all(|piece| session.feed(piece, CaptureTime::default(), &mut cycles).is_ok());
    // Cycles of one piece are a nanosecond apart.
    cycles.iter_mut().for_each(|cycle| cycle.received = CaptureTime::default());
    (cycles, read)
}

libfuzzer_sys::fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let (front, back) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let (whole, read_whole) = read(&[&bytes]);
    let (cut, read_cut) = read(&[front, back]);
    assert_eq!((&whole, read_whole), (&cut, read_cut));
    for cycle in whole {
        // What goes on to a central station was sent by the device.
        let original = cycle.original.iter().all(|original| bytes.windows(original.cycle.len().max(1)).any(|part| part == original.cycle));
        assert!(original || cycle.original.iter().all(|original| original.cycle.is_empty()));
        for form in [Form::Hl7, Form::FhirTransaction, Form::FhirBundle] {
            cycle.message(form, None).unwrap();
        }
    }
});
