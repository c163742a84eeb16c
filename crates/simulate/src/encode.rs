//! One monitor's units for samples and numbers of the caller's choice, e.g. a recording's.

use crate::heart::Block;
use crate::patient::Limits;
use crate::telemetry;

/// What a monitor sends in one second.
#[derive(Clone, Copy, Debug)]
pub struct Cycle<'a> {
    /// Samples of the three ECG traces, 256 each; a shorter one is filled up with zeros.
    pub ecg: [&'a [u8]; 3],
    /// Samples of the respiration trace, 128.
    pub respiration: &'a [u8],
    /// Samples of the pleth, 256; without them no pleth unit is sent.
    pub pleth: Option<&'a [u8]>,
    /// Heart rate, 1/min; none: marked invalid.
    pub heart_rate: Option<u8>,
    /// Respiration rate, 1/min.
    pub respiration_rate: Option<u8>,
    /// Oxygen saturation, %.
    pub spo2: Option<u8>,
    /// Pulse rate, 1/min.
    pub pulse_rate: Option<u8>,
    /// Limits of the heart rate, high and low, 1/min.
    pub heart_rate_limits: (u16, u16),
    /// Whether the alarm of the heart rate is on.
    pub heart_rate_alarm: bool,
}

/// Where the numbers stand in the units, behind the four bytes of the header.
const HEART_RATE_AT: usize = 4 + 0x384;
const RESPIRATION_RATE_AT: usize = 4 + 0x386;
const SPO2_AT: usize = 4 + 0x104;
const PULSE_RATE_AT: usize = 4 + 0x106;

fn filled<const N: usize>(samples: &[u8]) -> [u8; N] {
    let mut block = [0; N];
    for (place, sample) in block.iter_mut().zip(samples) {
        *place = *sample;
    }
    block
}

fn number(unit: &mut [u8], at: usize, value: Option<u8>) {
    if let (None, Some(place)) = (value, unit.get_mut(at..at + 2)) {
        place.fill(0xFF);
    }
}

impl Cycle<'_> {
    /// The units, in the order in which a monitor sends them, with the end of the cycle.
    #[must_use]
    pub fn units(&self) -> Vec<u8> {
        let mut block = Block::empty();
        block.ecg = self.ecg.map(filled);
        block.respiration = filled(self.respiration);
        block.heart_rate = self.heart_rate.unwrap_or_default();
        block.respiration_rate = self.respiration_rate.unwrap_or_default();
        block.pulse_rate = self.pulse_rate.unwrap_or_default();
        let limits = Limits {
            heart_rate: self.heart_rate_limits,
            heart_rate_alarm: self.heart_rate_alarm,
            respiration: (32, 8),
            spo2: (100, 88),
        };
        let mut units = telemetry::ecg(&block, &limits);
        number(&mut units, HEART_RATE_AT, self.heart_rate);
        number(&mut units, RESPIRATION_RATE_AT, self.respiration_rate);
        if let Some(pleth) = self.pleth {
            block.pleth = filled(pleth);
            let mut unit = telemetry::pleth(&block, Some(self.spo2.unwrap_or_default()), &limits);
            number(&mut unit, SPO2_AT, self.spo2);
            number(&mut unit, PULSE_RATE_AT, self.pulse_rate);
            units.extend_from_slice(&unit);
        }
        units.extend_from_slice(&telemetry::end_of_cycle());
        units
    }
}

/// The unit that names the bed.
#[must_use]
pub fn bed(number: u8) -> Vec<u8> {
    telemetry::bed(number)
}
