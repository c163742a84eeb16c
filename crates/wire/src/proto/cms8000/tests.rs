//! Every type of unit, written by hand from the published layout and from nothing else: offsets in comments
//! are those of the layout, from `D+0`. All patients are invented.

use super::*;
use crate::testing::{Bench, Nowhere, Turn, check, hex, probe, run, sturdy};
use Side::{Client, Server};

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A field of a fixed width, padded with NUL.
fn padded(text: &str, width: usize) -> Vec<u8> {
    let mut field = text.as_bytes().to_vec();
    field.resize(width, 0);
    field
}

const CYCLE_END: &str = "02 00 05 47";
const BED_7: &str = "06 00 05 45  00 00 07 FF";
const SENSOR_OFF: &str = "12 00 05 49  01  53 50 4F 32 20 53 45 4E 53 4F 52 20 4F 46 46 | SPO2 SENSOR OFF";

/// 0x3E: L = 2 + 0xAD = 0xAF.
fn patient() -> Vec<u8> {
    joined(&[
        &hex("AF 00 05 3E"),
        &padded("ICU 3", 32),          // D+0x00 department
        &hex("00 00"),                 // D+0x20 unknown
        &hex("07"),                    // D+0x22 bed
        &padded("TESTMANN ERIKA", 32), // D+0x23 name
        &padded("T-000123", 32),       // D+0x43 number
        &hex("32 30 32 36 00"),        // D+0x63 admission year 2026
        &hex("31 31 00"),              // D+0x68 month 11
        &hex("30 39 00"),              // D+0x6B day 09
        &hex("00 00 00 00 00 00"),     // D+0x6E unknown
        &hex("AE 06"),                 // D+0x74 height 1710 mm
        &hex("A4 02"),                 // D+0x76 weight 676 = 67.6 kg
        &hex("01 00 00 00"),           // D+0x78 unknown
        &hex("31 39 35 34 00"),        // D+0x7C birth year 1954
        &hex("30 32 00"),              // D+0x81 month 02
        &hex("32 38 00"),              // D+0x84 day 28
        &hex("00 00 00 00 00"),        // D+0x87 unknown
        &hex("02"),                    // D+0x8C blood type
        &padded("DR BEISPIEL", 32),    // D+0x8D doctor
    ])
}

/// 0x46 sub 0x14: L = 2 + 0x3D3 = 0x3D5.
fn ecg(rates: &str) -> Vec<u8> {
    joined(&[
        &hex("D5 03 05 46"),
        &hex("00 00 14 00"),
        &[0x80; 256],                                  // D+0x004 ECG 1
        &[0x81; 256],                                  // D+0x104 ECG 2
        &[0x82; 256],                                  // D+0x204 ECG 3
        &[0x40; 128],                                  // D+0x304 respiration
        &hex(rates),                                   // D+0x384 heart rate, flag; D+0x386 respiration, flag
        &hex("CD CC 4C 3E  00 00 00 00  00 00 C0 7F"), // D+0x388 0.2 mV, 0 mV, not a number
        &[0; 15],                                      // D+0x394 unknown
        &hex("78 00  32 00  01 00"),                   // D+0x3A3 heart rate: high 120, low 50, on
        &hex("1E 00  08 00  00 00"),                   // D+0x3A9 respiration: high 30, low 8, off
        &[0; 30],                                      // D+0x3AF probably ST limits
        &hex("0A 00  00 00  02 00"),                   // D+0x3CD PVC: high 10, low 0, switch 2
    ])
}

/// 0x46 sub 0x15: L = 2 + 0x114 = 0x116.
fn pleth() -> Vec<u8> {
    joined(&[
        &hex("16 01 05 46"),
        &hex("00 00 15 00"),
        &[0x55; 256],                // D+0x004 pleth
        &hex("61 00"),               // D+0x104 SpO2 97 %, attached
        &hex("49 00"),               // D+0x106 pulse 73, valid
        &hex("5A 00  64 00  01 00"), // D+0x108 SpO2: 90 and 100, on
        &hex("78 00  32 00  01 00"), // D+0x10E pulse: 120 and 50, on
    ])
}

/// 0x46 sub 0x16: L = 2 + 0x23 = 0x25.
fn nibp(time: &str, pressures: &str) -> Vec<u8> {
    joined(&[
        &hex("25 00 05 46"),
        &hex("00 00 16 00"),
        &hex(time),                  // D+0x04 u16 year, month, day, hour, minute, second
        &hex(pressures),             // D+0x0B systolic, diastolic, mean
        &hex("A0 00  5A 00  01 00"), // D+0x11 systolic: high 160, low 90, on
        &hex("5A 00  32 00  01 00"), // D+0x17 diastolic: high 90, low 50, on
        &hex("6E 00  3C 00  00 00"), // D+0x1D mean: high 110, low 60, off
    ])
}

/// 0x46 sub 0x17: L = 2 + 0x2E = 0x30.
fn temperature() -> Vec<u8> {
    joined(&[
        &hex("30 00 05 46"),
        &hex("00 00 17 00"),
        &hex("00 00 14 42  00 00 C0 7F  00 00 00 00"), // D+0x04 T1 37.0, T2 not a number, TD 0
        &hex("00 00 1C 42  00 00 10 42  01 00"),       // D+0x10 T1: high 39, low 36, on
        &hex("00 00 1C 42  00 00 10 42  01 00"),       // D+0x1A T2
        &hex("00 00 00 40  00 00 00 00  00 00"),       // D+0x24 TD: high 2, low 0, off
    ])
}

const RATES: &str = "48 00 10 00";

fn facts(transcript: &str) -> String {
    let kept = transcript.lines().filter(|line| !line.contains(" cms8000."));
    kept.map(|line| format!("{line}\n")).collect()
}

/// Compares what is reported but for messages and the three lines that open every flow.
fn check_facts(dialogue: &[Turn<'_>], expected: &str) {
    let got = facts(&run(&PROTOCOL, dialogue));
    let got: Vec<_> = got
        .lines()
        .filter(|line| !line.contains("BedsideMonitor") && !line.contains("CentralStation"))
        .collect();
    let expected: Vec<_> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(got, expected);
}

#[test]
fn the_smallest_units_of_the_published_example_are_read() {
    let bytes = joined(&[&hex(CYCLE_END), &hex(BED_7), &hex(SENSOR_OFF), &hex("02 00 05 43")]);
    check(
        &PROTOCOL,
        &[(Client, &bytes)],
        "
        c 0..4 Identified(Sender, BedsideMonitor)
        c 0..4 Identified(Receiver, CentralStation)
        c 0..4 cms8000.type=71 cms8000.length=2
        c 0..4 CycleEnded({})
        c 4..12 cms8000.type=69 cms8000.length=6 cms8000.bed=7
        c 10..11 Identified(Sender, Bed(7))
        c 12..32 cms8000.type=73 cms8000.length=18 cms8000.notice_code=1 cms8000.notice_text=SPO2 SENSOR OFF
        c 12..32 Notice(Notice { code: 1, text: \"SPO2 SENSOR OFF\" })
        c 32..36 cms8000.type=67 cms8000.length=2
    ",
    );
}

#[test]
fn a_patient_unit_tells_the_bed_before_the_patient() {
    check(
        &PROTOCOL,
        &[(Client, &patient())],
        "
        c 0..4 Identified(Sender, BedsideMonitor)
        c 0..4 Identified(Receiver, CentralStation)
        c 38..39 Identified(Sender, Bed(7))
        c 0..177 cms8000.type=62 cms8000.length=175 cms8000.department=ICU 3 \
        cms8000.patient_name=TESTMANN ERIKA cms8000.patient_number=T-000123 cms8000.doctor=DR BEISPIEL \
        cms8000.admitted=2026-11-09 cms8000.born=1954-02-28 cms8000.height=1710 cms8000.weight=676 \
        cms8000.bed=7 cms8000.blood_type=2
        c 0..177 patient \"T-000123\" more=true
    ",
    );
}

#[test]
fn a_patient_without_a_number_is_identified_by_name_and_an_empty_block_names_nobody() {
    let mut nameless = patient();
    nameless[4 + 0x43..4 + 0x63].fill(0);
    check_facts(
        &[(Client, &nameless)],
        "
        c 38..39 Identified(Sender, Bed(7))
        c 0..177 patient \"TESTMANN ERIKA\" more=true
    ",
    );
    let empty = joined(&[&hex("AF 00 05 3E"), &[0; 0xAD]]);
    check_facts(&[(Client, &empty)], "");
}

#[test]
fn ecg_and_respiration_give_numbers_limits_and_four_waveforms() {
    let bytes = ecg(RATES);
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    assert!(
        transcript.contains(
            "c 0..983 cms8000.type=70 cms8000.sub_type=20 cms8000.length=981 \
        cms8000.heart_rate=72 cms8000.heart_rate_flag=0 cms8000.respiration_rate=16 \
        cms8000.respiration_rate_flag=0 cms8000.st=0.2 cms8000.st=0 cms8000.alarm_of=heart-rate \
        cms8000.alarm_low=50 cms8000.alarm_high=120 cms8000.alarm_set=1 "
        ),
        "{transcript}"
    );
    let waveform = |channel: &str, code: u8, count: usize| {
        let payload = vec![code; count];
        format!("Waveform(Waveform {{ channel: {channel}, samples: {count}, payload: U8({payload:?}) }})")
    };
    let expected = [
        "c 0..983 Disclosed(VitalSigns)".to_owned(),
        "c 904..908 Measured([Sample { vital: HeartRate, value: 72.0, validity: Valid }, Sample { vital: RespirationRate, value: 16.0, validity: Valid }])".to_owned(),
        "c 935..983 LimitsSet([AlarmLimit { vital: HeartRate, low: 50.0, high: 120.0, switch: On }, AlarmLimit { vital: RespirationRate, low: 8.0, high: 30.0, switch: Off }, AlarmLimit { vital: PvcRate, low: 0.0, high: 10.0, switch: Unknown(2) }])".to_owned(),
        format!("c 8..264 {}", waveform("Ecg(1)", 0x80, 256)),
        format!("c 264..520 {}", waveform("Ecg(2)", 0x81, 256)),
        format!("c 520..776 {}", waveform("Ecg(3)", 0x82, 256)),
        format!("c 776..904 {}", waveform("Respiration", 0x40, 128)),
    ];
    check_facts(&[(Client, &bytes)], &expected.join("\n"));
}

#[test]
fn pleth_limits_are_ordered_whatever_their_order_on_the_wire() {
    let transcript = run(&PROTOCOL, &[(Client, &pleth())]);
    assert!(transcript.contains("c 264..268 Measured([Sample { vital: Spo2, value: 97.0, validity: Valid }, Sample { vital: PulseRate, value: 73.0, validity: Valid }])"), "{transcript}");
    assert!(transcript.contains("c 268..280 LimitsSet([AlarmLimit { vital: Spo2, low: 90.0, high: 100.0, switch: On }, AlarmLimit { vital: PulseRate, low: 50.0, high: 120.0, switch: On }])"), "{transcript}");
    assert!(
        transcript.contains("c 8..264 Waveform(Waveform { channel: Pleth, samples: 256,"),
        "{transcript}"
    );
}

#[test]
fn a_cuff_reading_is_told_whenever_it_is_sent() {
    let none = nibp("00 00 00 00 00 00 00", "00 00 00 00 00 00");
    let first = nibp("EA 07 0B 17 0A 0F 1E", "78 00 50 00 5D 00"); // 2026-11-23 10:15:30, 120/80 (93)
    let later = nibp("EA 07 0B 17 0A 2D 00", "78 00 50 00 5D 00");
    let bytes = joined(&[&none, &first, &first, &later]);
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    assert_eq!(transcript.matches("Measured(").count(), 4);
    assert_eq!(transcript.matches("validity: Invalid").count(), 3, "{transcript}");
    assert_eq!(transcript.matches("LimitsSet(").count(), 1);
    assert!(transcript.contains("c 47..60 Measured([Sample { vital: NibpSystolic, value: 120.0, validity: Valid }, Sample { vital: NibpDiastolic, value: 80.0, validity: Valid }, Sample { vital: NibpMean, value: 93.0, validity: Valid }])"), "{transcript}");
    assert!(
        transcript.contains("cms8000.nibp_time=2026-11-23 10:15:30 cms8000.nibp_systolic=120"),
        "{transcript}"
    );
}

#[test]
fn a_temperature_that_is_no_number_is_invalid_and_so_is_the_difference() {
    check_facts(
        &[(Client, &temperature())],
        "
        c 0..50 Disclosed(VitalSigns)
        c 8..20 Measured([Sample { vital: Temperature1, value: 37.0, validity: Valid }, Sample { vital: \
        Temperature2, value: 0.0, validity: Invalid }, Sample { vital: TemperatureDifference, value: 0.0, \
        validity: Invalid }])
        c 20..50 LimitsSet([AlarmLimit { vital: Temperature1, low: 36.0, high: 39.0, switch: On }, \
        AlarmLimit { vital: Temperature2, low: 36.0, high: 39.0, switch: On }, AlarmLimit { vital: \
        TemperatureDifference, low: 0.0, high: 2.0, switch: Off }])
    ",
    );
}

#[test]
fn a_flag_that_is_neither_valid_nor_invalid_is_kept_as_unknown() {
    let transcript = run(&PROTOCOL, &[(Client, &ecg("48 07 FF FF"))]);
    assert!(transcript.contains("value: 72.0, validity: Unknown(7)"), "{transcript}");
    assert!(transcript.contains("vital: RespirationRate, value: 255.0, validity: Invalid"), "{transcript}");
}

#[test]
fn limits_are_told_again_only_when_one_changed() {
    let mut changed = ecg(RATES);
    changed[4 + 0x3A3] = 0x82; // heart rate: high 130
    let bytes = joined(&[&ecg(RATES), &ecg(RATES), &changed, &changed]);
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    assert_eq!(transcript.matches("LimitsSet(").count(), 2);
    assert!(transcript.contains("vital: HeartRate, low: 50.0, high: 130.0"), "{transcript}");
    assert_eq!(transcript.matches("Disclosed(VitalSigns)").count(), 1);
}

#[test]
fn unknown_types_and_sub_types_are_kept_raw_and_counted() {
    let bytes = joined(&[
        &hex("05 00 05 60  AA BB CC"),       // type 0x60
        &hex("07 00 05 46  00 00 18 00 99"), // telemetry sub 0x18
        &hex(CYCLE_END),
    ]);
    check(
        &PROTOCOL,
        &[(Client, &bytes)],
        "
        c 0..4 Identified(Sender, BedsideMonitor)
        c 0..4 Identified(Receiver, CentralStation)
        c 0..7 cms8000.type=96 cms8000.length=5 cms8000.unknown=1 cms8000.raw=05000560aabbcc
        c 7..16 cms8000.type=70 cms8000.length=7 cms8000.sub_type=24 cms8000.unknown=2 \
        cms8000.raw=070005460000180099
        c 16..20 cms8000.type=71 cms8000.length=2
        c 16..20 CycleEnded({})
    ",
    );
}

#[test]
fn a_length_outside_its_range_or_another_third_byte_stops() {
    let stop = |bytes: &str| {
        let bytes = joined(&[&hex(CYCLE_END), &hex(bytes)]);
        let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
        transcript.lines().last().unwrap().to_owned()
    };
    assert_eq!(stop("00 00 05 47"), "c stop L at byte 0: 0 is outside 2..=8000");
    assert_eq!(stop("01 00 05 47"), "c stop L at byte 0: 1 is outside 2..=8000");
    assert_eq!(stop("41 1F 05 47"), "c stop L at byte 0: 8001 is outside 2..=8000");
    assert_eq!(stop("02 00 06 47"), "c stop third byte at byte 2: 6 is not defined");
    let longest = joined(&[&hex("40 1F 05 60"), &[0; 7998]]);
    assert!(run(&PROTOCOL, &[(Client, &longest)]).contains("cms8000.length=8000 cms8000.unknown=1"));
}

#[test]
fn a_short_patient_block_is_read_as_far_as_it_goes_and_reading_goes_on() {
    let mut short = patient()[..4 + 0x63].to_vec(); // ends after the number: L = 2 + 0x63
    short[..2].copy_from_slice(&[0x65, 0x00]);
    let bytes = joined(&[&short, &short, &hex(CYCLE_END)]);
    check_facts(
        &[(Client, &bytes)],
        "
        c 38..39 Identified(Sender, Bed(7))
        c 0..103 patient \"T-000123\" more=true
        c 0..103 Malformed(Malformed { field: \"patient data\", offset: 103, reason: CutShort })
        c 103..206 patient \"T-000123\" more=true
        c 206..210 CycleEnded({})
    ",
    );
}

#[test]
fn a_short_telemetry_body_gives_what_is_there() {
    let mut short = ecg(RATES)[..4 + 0x386].to_vec(); // ends after the heart rate: L = 2 + 0x386
    short[..2].copy_from_slice(&[0x88, 0x03]);
    let transcript = run(&PROTOCOL, &[(Client, &short)]);
    assert!(
        transcript.contains("Measured([Sample { vital: HeartRate, value: 72.0, validity: Valid }])"),
        "{transcript}"
    );
    assert!(
        transcript.contains("field: \"ECG and respiration body\", offset: 906, reason: CutShort"),
        "{transcript}"
    );
    assert!(!transcript.contains("LimitsSet"));
    let bare = hex("04 00 05 46 00 00  02 00 05 47");
    assert!(run(&PROTOCOL, &[(Client, &bare)]).contains("field: \"telemetry data\", offset: 6"));
}

#[test]
fn two_monitors_on_one_connection_are_told_apart_by_their_beds() {
    let bed_8 = hex("06 00 05 45  00 00 08 FF");
    let mut other = ecg("60 00 12 00");
    other[4 + 0x3A3] = 0x82;
    let cycle = joined(&[&hex(BED_7), &ecg(RATES), &hex(CYCLE_END), &bed_8, &other, &hex(CYCLE_END)]);
    let bytes = joined(&[&cycle, &cycle]);
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    let beds: Vec<_> =
        transcript.lines().filter(|line| line.contains("Bed(")).map(|line| line.contains("Bed(7)")).collect();
    assert_eq!(beds, [true, false, true, false]);
    assert_eq!(transcript.matches("LimitsSet(").count(), 2, "each bed has its own limits");
    assert_eq!(transcript.matches("CycleEnded").count(), 4);
}

/// What is told of samples that nobody asked for, when `bytes` are all that the monitor sends.
fn passed(bytes: &[u8]) -> String {
    let mut bench = Bench::new(&PROTOCOL).without_waveforms();
    bench.feed(Client, bytes);
    let told = bench.finish();
    let about = |line: &&str| {
        ["CycleEnded", "SamplesPassed", "Bed(", "patient ", "stop "].iter().any(|word| line.contains(word))
    };
    told.lines().filter(about).map(|line| format!("{line}\n")).collect()
}

#[test]
fn samples_of_a_cycle_that_never_ends_are_told_when_the_flow_does() {
    assert_eq!(
        passed(&joined(&[&pleth(), &hex(CYCLE_END), &pleth(), &pleth()])),
        "c 280..284 CycleEnded({Pleth: 256})\nc 0..0 SamplesPassed({Pleth: 512})\n"
    );
    assert_eq!(
        passed(&joined(&[&pleth(), &hex(CYCLE_END)])),
        "c 280..284 CycleEnded({Pleth: 256})\n",
        "what a cycle's end told is not told again"
    );
}

#[test]
fn samples_of_a_cycle_that_never_ends_are_told_before_another_bed_or_patient_is_named() {
    let bed_8 = hex("06 00 05 45  00 00 08 FF");
    let told = passed(&joined(&[&hex(BED_7), &pleth(), &bed_8, &ecg(RATES), &patient(), &pleth()]));
    let lines: Vec<_> = told.lines().map(|line| line.splitn(3, ' ').last().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "Identified(Sender, Bed(7))",
            "SamplesPassed({Pleth: 256})",
            "Identified(Sender, Bed(8))",
            "SamplesPassed({Ecg(1): 256, Ecg(2): 256, Ecg(3): 256, Respiration: 128})",
            "Identified(Sender, Bed(7))",
            "patient \"T-000123\" more=true",
            "SamplesPassed({Pleth: 256})",
        ]
    );
}

#[test]
fn samples_of_a_cycle_that_never_ends_are_told_before_a_fault_gives_the_flow_up() {
    let told = passed(&joined(&[&pleth(), &hex("02 00 06 47")]));
    assert!(told.contains("SamplesPassed({Pleth: 256})\nc stop third byte"), "{told}");
}

#[test]
fn samples_of_a_monitor_that_was_called_are_told_of_its_side() {
    let mut bench = Bench::new(&PROTOCOL).without_waveforms();
    bench.feed(Server, &pleth());
    let told = bench.finish();
    assert!(told.contains("of other: SamplesPassed({Pleth: 256})"), "{told}");
}

#[test]
fn more_beds_than_are_remembered_stay_bounded() {
    let beds: Vec<u8> = (0..=255).flat_map(|bed| [0x06, 0x00, 0x05, 0x45, 0x00, 0x00, bed, 0xFF]).collect();
    let transcript = run(&PROTOCOL, &[(Client, &beds)]);
    assert_eq!(transcript.matches("Identified(Sender, Bed(").count(), 256);
    let mut speaker = Speaker::default();
    for bed in 0..=255 {
        speaker.at_bed(bed, 2, &mut Nowhere);
    }
    assert_eq!(speaker.beds.len(), BEDS_MAX);
}

#[test]
fn a_gap_inside_a_unit_resumes_at_the_next_two_headers() {
    let mut bench = Bench::new(&PROTOCOL);
    let bytes = ecg(RATES);
    bench.feed(Client, &bytes[..300]);
    bench.gap(Client, 200);
    bench.feed(Client, &bytes[500..]);
    bench.feed(Client, &hex(CYCLE_END));
    bench.feed(Client, &pleth());
    let transcript = bench.finish();
    assert!(transcript.contains("CycleEnded"), "{transcript}");
    assert!(transcript.contains("Measured([Sample { vital: Spo2"), "{transcript}");
    assert!(!transcript.contains("HeartRate"), "the unit with the gap is not read: {transcript}");
}

#[test]
fn after_a_gap_a_strong_unit_that_ends_the_input_is_believed() {
    let mut bench = Bench::new(&PROTOCOL);
    bench.feed(Client, &hex(CYCLE_END));
    bench.gap(Client, 1000);
    bench.feed(Client, &joined(&[&[0x80; 40], &hex(BED_7)]));
    assert!(bench.finish().contains("Bed(7)"));
}

#[test]
fn after_a_gap_among_several_beds_nothing_is_told_until_a_bed_is_named() {
    let bed_8 = hex("06 00 05 45  00 00 08 FF");
    let mut bench = Bench::new(&PROTOCOL);
    bench.feed(Client, &joined(&[&hex(BED_7), &ecg(RATES), &bed_8, &ecg(RATES)]));
    bench.gap(Client, 8);
    bench.feed(Client, &joined(&[&pleth(), &hex(CYCLE_END), &bed_8, &pleth()]));
    let transcript = bench.finish();
    assert_eq!(transcript.matches("vital: Spo2, value").count(), 1, "{transcript}");
    assert_eq!(transcript.matches("Identified(Sender, Bed(8))").count(), 2);
    assert_eq!(transcript.matches("CycleEnded").count(), 0);
}

#[test]
fn a_capture_that_starts_inside_a_unit_is_read_from_the_next() {
    let bytes = joined(&[&ecg(RATES)[600..], &hex(CYCLE_END), &patient(), &pleth()]);
    let probe = Probe {
        transport: Transport::Tcp,
        side: Client,
        client_port: 50000,
        server_port: 4000,
        input: &bytes,
        midstream: true,
    };
    assert_eq!((PROTOCOL.probe)(&probe), Verdict::Certain);
    assert_eq!((PROTOCOL.probe)(&Probe { midstream: false, ..probe }), Verdict::NotForUs);
    let noise: Vec<u8> = (0..4000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!((PROTOCOL.probe)(&Probe { input: &noise, ..probe }), Verdict::NotForUs);
    let endpoint = |port| model::Endpoint { ip: std::net::Ipv4Addr::new(192, 0, 2, 1).into(), port };
    let (client, server) = (endpoint(50000), endpoint(4000));
    let mut parser =
        start(&Start { transport: Transport::Tcp, client, server, expected: None, midstream: true });
    assert_eq!(parser.step(Client, &bytes, &mut Nowhere), Step::Done(983 - 600));
    assert_eq!(parser.step(Client, &bytes[983 - 600..], &mut Nowhere), Step::Done(4));
}

#[test]
fn a_station_that_answers_something_else_is_not_read_and_the_monitor_is() {
    let end = hex(CYCLE_END);
    let transcript = run(&PROTOCOL, &[(Client, &end), (Server, b"\0"), (Server, b"hello"), (Client, &end)]);
    assert_eq!(transcript.matches("CycleEnded").count(), 2);
    assert!(!transcript.contains("stop"));
}

#[test]
fn a_monitor_may_be_the_server_of_the_connection() {
    let transcript = run(&PROTOCOL, &[(Server, &joined(&[&hex(BED_7), &ecg(RATES)]))]);
    assert!(transcript.contains("s 0..4 Identified(Sender, BedsideMonitor)"));
    assert!(transcript.contains("s 912..916 Measured([Sample { vital: HeartRate"), "{transcript}");
}

#[test]
fn telemetry_is_recognised_and_look_alikes_are_refused() {
    let on = |port, input: &[u8]| {
        let transport = Transport::Tcp;
        let probe =
            Probe { transport, side: Client, client_port: 50000, server_port: port, input, midstream: false };
        (PROTOCOL.probe)(&probe)
    };
    for unit in [
        patient(),
        ecg(RATES),
        pleth(),
        nibp("00 00 00 00 00 00 00", "00 00 00 00 00 00"),
        temperature(),
        hex(BED_7),
    ] {
        assert_eq!(on(4000, &unit), Verdict::Certain);
        assert_eq!(on(515, &unit), Verdict::Certain);
    }
    assert_eq!(on(4000, &ecg(RATES)[..8]), Verdict::Certain);
    let end = hex(CYCLE_END);
    assert_eq!((on(515, &end), on(4000, &end)), (Verdict::Certain, Verdict::Unsure));
    assert_eq!(on(4000, &joined(&[&end, &end])), Verdict::Certain);
    assert_eq!(on(4000, &hex(SENSOR_OFF)), Verdict::Unsure);
    assert_eq!(on(4000, &joined(&[&hex(SENSOR_OFF), &end])), Verdict::Certain);
    assert_eq!(on(515, &end[..3]), Verdict::Unsure);
    assert_eq!(on(4000, &joined(&[&hex("05 00 05 60 AA BB CC"), &hex(BED_7)])), Verdict::Certain);
    for other in [
        b"\x02lp\n".as_slice(),              // LPD: receive a printer job
        b"\x02\x00\x05\x47GARBAGE",          // a right unit, then none
        b"\x06\x00\x05\x45\x00\x00\x07\x00", // a bed unit without its FF
        b"\x03\x00\x05\x47\x00",             // an end of cycle with data
        b"\x16\x03\x01\x02\x00\x01",         // TLS
        b"\x7E\x00\x00\x2ACMS",              // Draeger Vista 120
        b"GET / HTTP/1.1\r\n",
        b"\x05\x00\x0B\x03\x10\x00\x00\x00", // DCE/RPC bind
        b"\x00\x00\x05\x47",
        b"\x05\x01\x00", // SOCKS 5
    ] {
        assert_eq!(on(515, other), Verdict::NotForUs, "{other:02x?}");
    }
    assert_eq!(probe(&PROTOCOL, Client, &[0xAA; 600]), Verdict::NotForUs);
}

#[test]
fn any_split_gives_the_same_and_noise_does_no_harm() {
    let first = joined(&[&patient(), &hex(BED_7), &pleth(), &hex(SENSOR_OFF), &hex(CYCLE_END)]);
    let second = joined(&[
        &temperature(),
        &nibp("EA 07 0B 17 0A 0F 1E", "78 00 50 00 5D 00"),
        &hex("05 00 05 60 AA BB CC"),
    ]);
    sturdy(&PROTOCOL, &[(Client, &first), (Server, &hex("02 00 05 43")), (Client, &second)]);
    sturdy(&PROTOCOL, &[(Client, &ecg(RATES))]);
}
