//! Codes of parameters, channels and units: MDC (ISO/IEEE 11073-10101), LOINC and UCUM.
//!
//! # Source
//! ISO/IEEE 11073-10101 numbers (partition × 65536 + code) as IHE PCD gateways publish them; the LOINC codes that
//! the vital-signs profile of FHIR R4 demands; UCUM.

use model::{Channel, Vital};

/// A code with the name that goes with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Coded {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
}

const fn coded(code: &'static str, name: &'static str) -> Coded {
    Coded { code, name }
}

/// Codes of one parameter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codes {
    pub(super) mdc: Coded,
    /// The first is the one that a profile demands.
    pub(super) loinc: &'static [Coded],
    /// Unit in MDC; in UCUM it is the parameter's own.
    pub(super) unit: Coded,
    /// Where it stands under the monitor: the number of its measuring unit, channel and metric.
    pub(super) place: (&'static Module, u8, u8),
}

/// A measuring unit inside a monitor.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Module {
    pub(super) number: u8,
    pub(super) unit: Coded,
    pub(super) channel: Coded,
}

/// The monitor itself.
pub(super) const MONITOR: Coded = coded("69965", "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS");
/// System of MDC codes in FHIR.
pub(super) const MDC_SYSTEM: &str = "urn:iso:std:iso:11073:10101";
/// System of LOINC codes in FHIR.
pub(super) const LOINC_SYSTEM: &str = "http://loinc.org";
/// System of UCUM units in FHIR.
pub(super) const UCUM_SYSTEM: &str = "http://unitsofmeasure.org";
/// Group of a cuff's three pressures.
pub(super) const PRESSURES: (Coded, Coded) = (
    coded("150020", "MDC_PRESS_BLD_NONINV"),
    coded("85354-9", "Blood pressure panel with all children optional"),
);

static ECG: Module = Module {
    number: 5,
    unit: coded("69798", "MDC_DEV_ECG_VMD"),
    channel: coded("69799", "MDC_DEV_ECG_CHAN"),
};
static OXIMETER: Module = Module {
    number: 22,
    unit: coded("69642", "MDC_DEV_ANALY_SAT_O2_VMD"),
    channel: coded("69643", "MDC_DEV_ANALY_SAT_O2_CHAN"),
};
static PRESSURE: Module = Module {
    number: 13,
    unit: coded("69854", "MDC_DEV_METER_PRESS_BLD_VMD"),
    channel: coded("69855", "MDC_DEV_METER_PRESS_BLD_CHAN"),
};
static TEMPERATURE: Module = Module {
    number: 26,
    unit: coded("69902", "MDC_DEV_METER_TEMP_VMD"),
    channel: coded("69903", "MDC_DEV_METER_TEMP_CHAN"),
};

const BEATS: Coded = coded("264864", "MDC_DIM_BEAT_PER_MIN");
const BREATHS: Coded = coded("264928", "MDC_DIM_RESP_PER_MIN");
const PERCENT: Coded = coded("262688", "MDC_DIM_PERCENT");
const MMHG: Coded = coded("266016", "MDC_DIM_MMHG");
const CELSIUS: Coded = coded("268192", "MDC_DIM_DEGC");

/// Codes of a parameter; none where there is no code of which we are sure.
pub(super) const fn of(vital: Vital) -> Option<Codes> {
    Some(match vital {
        Vital::HeartRate => Codes {
            mdc: coded("147842", "MDC_ECG_HEART_RATE"),
            loinc: &[Coded { code: "8867-4", name: "Heart rate" }],
            unit: BEATS,
            place: (&ECG, 1, 1),
        },
        Vital::PvcRate => {
            Codes { mdc: coded("148066", "MDC_ECG_V_P_C_RATE"), loinc: &[], unit: BEATS, place: (&ECG, 1, 2) }
        }
        Vital::RespirationRate => Codes {
            mdc: coded("151562", "MDC_RESP_RATE"),
            loinc: &[Coded { code: "9279-1", name: "Respiratory rate" }],
            unit: BREATHS,
            place: (&ECG, 2, 1),
        },
        Vital::Spo2 => Codes {
            mdc: coded("150456", "MDC_PULS_OXIM_SAT_O2"),
            loinc: &[
                Coded { code: "2708-6", name: "Oxygen saturation in Arterial blood" },
                Coded { code: "59408-5", name: "Oxygen saturation in Arterial blood by Pulse oximetry" },
            ],
            unit: PERCENT,
            place: (&OXIMETER, 1, 1),
        },
        Vital::PulseRate => Codes {
            mdc: coded("149530", "MDC_PULS_OXIM_PULS_RATE"),
            loinc: &[
                Coded { code: "8867-4", name: "Heart rate" },
                Coded { code: "8889-8", name: "Heart rate by Pulse oximetry" },
            ],
            unit: BEATS,
            place: (&OXIMETER, 1, 2),
        },
        Vital::NibpSystolic => Codes {
            mdc: coded("150021", "MDC_PRESS_BLD_NONINV_SYS"),
            loinc: &[Coded { code: "8480-6", name: "Systolic blood pressure" }],
            unit: MMHG,
            place: (&PRESSURE, 1, 1),
        },
        Vital::NibpDiastolic => Codes {
            mdc: coded("150022", "MDC_PRESS_BLD_NONINV_DIA"),
            loinc: &[Coded { code: "8462-4", name: "Diastolic blood pressure" }],
            unit: MMHG,
            place: (&PRESSURE, 1, 2),
        },
        Vital::NibpMean => Codes {
            mdc: coded("150023", "MDC_PRESS_BLD_NONINV_MEAN"),
            loinc: &[Coded { code: "8478-0", name: "Mean blood pressure" }],
            unit: MMHG,
            place: (&PRESSURE, 1, 3),
        },
        Vital::Temperature1 => thermometer(1),
        Vital::Temperature2 => thermometer(2),
        _ => return None,
    })
}

const fn thermometer(channel: u8) -> Codes {
    Codes {
        mdc: coded("150344", "MDC_TEMP"),
        loinc: &[Coded { code: "8310-5", name: "Body temperature" }],
        unit: CELSIUS,
        place: (&TEMPERATURE, channel, 1),
    }
}

/// MDC code of a waveform. Which lead an ECG trace is, the device does not say.
pub(super) const fn of_channel(channel: Channel) -> Option<Coded> {
    Some(match channel {
        Channel::Ecg(_) => coded("131328", "MDC_ECG_ELEC_POTL"),
        Channel::Pleth => coded("150452", "MDC_PULS_OXIM_PLETH"),
        Channel::Respiration => coded("151780", "MDC_IMPED_TTHOR"),
        _ => return None,
    })
}
