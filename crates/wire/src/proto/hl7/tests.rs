//! Messages written by hand from the standard; every name, number and place is invented.

use super::*;
use crate::testing::{Bench, Nowhere, check, probe, run, sturdy};
use Side::{Client, Server};

/// An admission, HL7 v2.5.1 §3.3.1.
const ADMISSION: &str = "MSH|^~\\&|HIS|WEST|ENGINE|IT|20261123101500||ADT^A01|M1|P|2.5.1||||||8859/1\r\
    EVN|A01|20261123101500\r\
    PID|1||T-000123^^^HOSP^PI~99^^^OTHER||TESTMANN^ERIKA||19540228|F\r\
    PV1|1|I|ICU^3^7\r";
/// Its acknowledgement, §2.14.1.
const ACCEPTED: &str = "MSH|^~\\&|ENGINE|IT|HIS|WEST|20261123101501||ACK^A01|R1|P|2.5.1\rMSA|AA|M1\r";

fn block(message: &str) -> Vec<u8> {
    [b"\x0B", message.as_bytes(), b"\x1C\r"].concat()
}

fn facts_of(message: &str) -> Vec<String> {
    let transcript = run(&PROTOCOL, &[(Client, &block(message))]);
    let told = transcript.lines().filter(|line| !line.contains(" hl7."));
    told.map(|line| line.splitn(3, ' ').nth(2).unwrap().to_owned()).collect()
}

/// A monitor's report with these OBX segments.
fn report(observations: &str) -> String {
    format!(
        "MSH|^~\\&|WALL^001122FFFE334455^EUI-64|ICU|||20261123101500||ORU^R01^ORU_R01|7|P|2.6\r\
         PID|||T-7^^^^PI\rOBR|1|||182777000^monitoring of patient^SCT\r{observations}"
    )
}

#[test]
fn an_admission_and_its_acknowledgement_name_both_ends_once_and_the_patient() {
    check(
        &PROTOCOL,
        &[(Client, &block(ADMISSION)), (Server, &block(ACCEPTED)), (Client, &block(ADMISSION))],
        "
        c 1..75 Identified(Sender, MedicalMessaging)
        c 1..75 Identified(Sender, ApplicationName(\"HIS\"))
        c 1..75 Identified(Sender, Facility(\"WEST\"))
        c 1..75 Identified(Receiver, MedicalMessaging)
        c 1..75 Identified(Receiver, ApplicationName(\"ENGINE\"))
        c 1..75 Identified(Receiver, Facility(\"IT\"))
        c 1..75 Operated(SendMessage)
        c 99..163 patient \"T-000123\" more=true
        c 1..180 hl7.sending_application=HIS hl7.sending_facility=WEST hl7.receiving_application=ENGINE \
        hl7.receiving_facility=IT hl7.type=ADT^A01 hl7.control_id=M1 hl7.processing=P hl7.version=2.5.1 \
        hl7.charset=8859/1 hl7.patient_id=T-000123 hl7.patient_name=TESTMANN^ERIKA hl7.location=ICU^3^7
        s 1..74 hl7.sending_application=ENGINE hl7.sending_facility=IT hl7.receiving_application=HIS \
        hl7.receiving_facility=WEST hl7.type=ACK^A01 hl7.control_id=R1 hl7.processing=P hl7.version=2.5.1 \
        hl7.acknowledgement=AA hl7.acknowledges=M1
        c 183..362 hl7.sending_application=HIS hl7.sending_facility=WEST hl7.receiving_application=ENGINE \
        hl7.receiving_facility=IT hl7.type=ADT^A01 hl7.control_id=M1 hl7.processing=P hl7.version=2.5.1 \
        hl7.charset=8859/1 hl7.patient_id=T-000123 hl7.patient_name=TESTMANN^ERIKA hl7.location=ICU^3^7
    ",
    );
}

#[test]
fn vital_signs_are_recognised_by_number_name_or_loinc_and_limits_are_read() {
    let facts = facts_of(&report(
        "OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||SN42^^001122FFFE334466^EUI-64\r\
         OBX|2|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.147842|72|264864^MDC_DIM_BEAT_PER_MIN^MDC|50-120||||R\r\
         OBX|3|NM|59408-5^SpO2^LN||97|%|||||F\r\
         OBX|4|NM|MDC_TTHOR_RESP_RATE||16|/min|||||F\r\
         OBX|5|NM|8310-5^Temp^LN||98.6|[degF]^^UCUM|||||F\r\
         OBX|6|NM|787-2^MCV^LN||80|fl|77-98||||F\r\
         OBX|7|NM|X1^own^99X^150021^MDC_PRESS_BLD_NONINV_SYS^MDC||16|265987^MDC_DIM_KILO_PASCAL^MDC|||||F\r",
    ));
    assert_eq!(
        facts,
        [
            "Identified(Sender, MedicalMessaging)",
            "Identified(Sender, ApplicationName(\"WALL\"))",
            "Identified(Sender, Facility(\"ICU\"))",
            "Identified(Receiver, MedicalMessaging)",
            "Identified(Sender, DeviceId(\"001122FFFE334455\"))",
            "Operated(SendMessage)",
            "patient \"T-7\" more=false",
            "Identified(Sender, DeviceId(\"001122FFFE334466\"))",
            "Identified(Sender, Serial(\"SN42\"))",
            "Disclosed(VitalSigns)",
            "Measured([Sample { vital: HeartRate, value: 72.0, validity: Valid }, \
             Sample { vital: Spo2, value: 97.0, validity: Valid }, \
             Sample { vital: RespirationRate, value: 16.0, validity: Valid }, \
             Sample { vital: Temperature1, value: 37.0, validity: Valid }, \
             Sample { vital: NibpSystolic, value: 120.00992, validity: Valid }])",
            "LimitsSet([AlarmLimit { vital: HeartRate, low: 50.0, high: 120.0, switch: Unknown(0) }])",
        ]
    );
}

#[test]
fn what_monitors_send_for_no_value_is_invalid() {
    let validity = |rest: &str| {
        let facts = facts_of(&report(&format!("OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1|{rest}\r")));
        let measured = facts.into_iter().find(|fact| fact.starts_with("Measured")).unwrap();
        measured.rsplit("validity: ").next().unwrap().trim_end_matches(" }])").to_owned()
    };
    for none in ["-100", "-999", "-99.9", "-1", "---", "", "nan", "72||||||X", "72|||INV|||F", "72||||||W"] {
        assert_eq!(validity(none), "Invalid", "{none}");
    }
    assert_eq!(validity("72||||||F"), "Valid");
    assert_eq!(validity("72|||QUES|||F"), "Unknown(81)");
}

#[test]
fn a_number_decides_over_its_name_and_a_foreign_code_is_no_vital_sign() {
    let named = |code: &str| {
        let facts = facts_of(&report(&format!("OBX|1|NM|{code}|1|60\r")));
        facts.into_iter().find_map(|fact| {
            Some(fact.strip_prefix("Measured([Sample { vital: ")?.split_once(',')?.0.to_owned())
        })
    };
    assert_eq!(named("149522^MDC_PULS_RATE^MDC").as_deref(), Some("PulseRate"));
    assert_eq!(named("147842^MDC_PULS_RATE^MDC").as_deref(), Some("HeartRate"));
    assert_eq!(named("147842^something^99LOCAL"), None);
    assert_eq!(named("787-2^MCV^LN"), None);
}

#[test]
fn a_laboratory_report_is_a_document_and_a_udi_names_a_device() {
    let facts = facts_of(&report(
        "OBX|1|NM|787-2^MCV^LN||80|fl|77-98||||F\rOBX|2|ST|PRT-UDI^UDI^99||(01)00844588003288\r",
    ));
    assert!(facts.contains(&"Disclosed(ClinicalDocument)".to_owned()), "{facts:?}");
    assert!(facts.contains(&"Identified(Sender, DeviceId(\"(01)00844588003288\"))".to_owned()), "{facts:?}");
    assert!(!facts.iter().any(|fact| fact.contains("VitalSigns")));
}

#[test]
fn an_empty_patient_names_nobody_and_a_name_serves_without_a_number() {
    let named = |pid: &str| {
        let message = format!("MSH|^~\\&|A|B|C|D|1||ADT^A08|1|P|2.3\r{pid}\r");
        facts_of(&message).into_iter().find(|fact| fact.starts_with("patient"))
    };
    assert_eq!(named("PID|||^^^^PI||^^^^^^L"), None);
    assert_eq!(named("PID|1||\"\"||\"\"^\"\""), None);
    assert_eq!(
        named("PID|1||||TESTMANN^ERIKA^^").as_deref(),
        Some("patient \"TESTMANN^ERIKA^^\" more=false")
    );
    assert_eq!(named("PID|1||77").as_deref(), Some("patient \"77\" more=false"));
}

#[test]
fn other_delimiters_line_ends_and_a_missing_last_cr_are_read() {
    let declared = "MSH$%*!@$APP%1$FAC$$$1$$ADT%A01$9$P$2.3\r\nPID$1$$42%x*43$$N%M\n";
    let bytes = [b"\x0B", declared.as_bytes(), b"\x1C\x0B", ACCEPTED.as_bytes(), b"\x1C"].concat();
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    assert!(transcript.contains("ApplicationName(\"APP\")"), "{transcript}");
    assert!(transcript.contains("hl7.type=ADT%A01"), "{transcript}");
    assert!(transcript.contains("patient \"42\" more=true"), "{transcript}");
    assert!(transcript.contains("hl7.acknowledges=M1"), "{transcript}");
}

#[test]
fn a_block_without_its_end_ends_where_the_next_begins() {
    let bytes = [b"\x0B", ADMISSION.as_bytes(), b"\x0B", ACCEPTED.as_bytes(), b"\x1C\r"].concat();
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    assert_eq!(transcript.matches("hl7.control_id=").count(), 2, "{transcript}");
}

#[test]
fn a_batch_in_one_block_is_read_message_by_message() {
    let batch = format!("FHS|^~\\&|HIS\rBHS|^~\\&|HIS\r{ADMISSION}{ADMISSION}BTS|2\rFTS|1\r");
    let transcript = run(&PROTOCOL, &[(Client, &block(&batch))]);
    assert_eq!(transcript.matches("hl7.control_id=M1").count(), 2, "{transcript}");
}

#[test]
fn messages_without_framing_are_read_too() {
    let bytes = [ADMISSION, ADMISSION].concat();
    let transcript = run(&PROTOCOL, &[(Client, bytes.as_bytes())]);
    assert_eq!(transcript.matches("hl7.control_id=M1").count(), 2, "{transcript}");
    let (head, tail) = ADMISSION.split_at(ADMISSION.find("PID").unwrap());
    let transcript = run(&PROTOCOL, &[(Client, head.as_bytes()), (Client, tail.as_bytes())]);
    assert!(transcript.contains("patient \"T-000123\" more=true"), "{transcript}");
}

#[test]
fn a_message_over_the_limit_is_read_up_to_it_and_passed_over() {
    let document = "A".repeat(MESSAGE_BYTES_MAX);
    let bytes = [block(&format!("{ADMISSION}OBX|1|ED|x||{document}\r")), block(ACCEPTED)].concat();
    let transcript = run(&PROTOCOL, &[(Client, &bytes)]);
    assert!(transcript.contains("hl7.location=ICU^3^7 hl7.truncated=true"), "{transcript}");
    assert!(transcript.contains("hl7.acknowledges=M1"), "{transcript}");
    assert!(!transcript.contains("over the buffer limit"));
    let mut bench = Bench::new(&PROTOCOL);
    bytes.chunks(1460).for_each(|segment| bench.feed(Client, segment));
    let segmented = bench.finish();
    assert!(
        segmented.contains("hl7.truncated=true") && segmented.contains("hl7.acknowledges=M1"),
        "{segmented}"
    );
}

#[test]
fn after_a_gap_reading_goes_on_at_the_next_block() {
    let mut bench = Bench::new(&PROTOCOL);
    let admission = block(ADMISSION);
    bench.feed(Client, &admission[..40]);
    bench.gap(Client, 50);
    bench.feed(Client, &admission[90..]);
    bench.feed(Client, &block(ACCEPTED));
    let transcript = bench.finish();
    assert!(transcript.contains("hl7.acknowledges=M1") && !transcript.contains("ADT"), "{transcript}");
}

#[test]
fn what_is_no_message_stops_and_a_header_without_delimiters_is_malformed() {
    let last = |bytes: &[u8]| run(&PROTOCOL, &[(Client, bytes)]).lines().last().unwrap().to_owned();
    assert_eq!(last(b"\x0BHELLO"), "c stop message header at byte 1: not text of the prescribed kind");
    assert_eq!(last(b"GET / HTTP/1.1"), "c stop start block at byte 0: 71 is not defined");
    let malformed = last(b"\x0BMSHxyz\r\x1C\r");
    assert_eq!(malformed, "c 1..7 Malformed(Malformed { field: \"MSH-1\", offset: 4, reason: NotText })");
}

#[test]
fn traits_remembered_stay_bounded() {
    let mut parser = Hl7::default();
    for number in 0..TOLD_MAX * 2 {
        let message = block(&format!("MSH|^~\\&|APP{number}|F|||1||ADT^A01|1|P|2.3\r"));
        assert_eq!(parser.step(Client, &message, &mut Nowhere), Step::Done(message.len() - 1));
    }
    assert_eq!(parser.told.len(), TOLD_MAX);
}

#[test]
fn messages_are_recognised_and_look_alikes_are_refused() {
    assert_eq!(probe(&PROTOCOL, Client, &block(ADMISSION)), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, Client, ADMISSION.as_bytes()), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, Client, b"\x0BBHS|"), Verdict::Certain);
    for unsure in [b"\x0B".as_slice(), b"\x0BMS", b"MSH", b"MSH|^"] {
        assert_eq!(probe(&PROTOCOL, Client, unsure), Verdict::Unsure, "{unsure:02x?}");
    }
    for other in
        [b"\x0B\x00\x00".as_slice(), b"MSHA", b"MSH|name|", b"\x0BMSHA", b"GET /", b"\x02\x00\x05\x47"]
    {
        assert_eq!(probe(&PROTOCOL, Client, other), Verdict::NotForUs, "{other:02x?}");
    }
    let cut = [b"|||rest of a segment\r\x1C\r", block(ADMISSION).as_slice()].concat();
    let midstream = |input| {
        let (transport, side, client_port, server_port) = (Transport::Tcp, Client, 50000, 40000);
        super::probe(&Probe { transport, side, client_port, server_port, input, midstream: true })
    };
    assert_eq!(midstream(&cut), Verdict::Certain);
    assert_eq!(midstream(&[b'x'; 600]), Verdict::NotForUs);
}

#[test]
fn any_split_gives_the_same_and_noise_does_no_harm() {
    let monitor = report("OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1|72||50-120||||R\r");
    sturdy(&PROTOCOL, &[(Client, &block(ADMISSION)), (Server, &block(ACCEPTED)), (Client, &block(&monitor))]);
}

/// Messages of real monitors: not in the repository, read where `LAZARET_CORPUS` points.
#[test]
fn messages_of_real_monitors_give_their_numbers() {
    let Ok(corpus) = std::env::var("LAZARET_CORPUS") else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "LAZARET_CORPUS is not set");
        println!("skipped: LAZARET_CORPUS is not set");
        return;
    };
    let transcript_of = |name: &str| {
        let message = std::fs::read(format!("{corpus}/hl7v2/{name}")).unwrap();
        run(&PROTOCOL, &[(Client, &[b"\x0B", message.as_slice(), b"\x1C\r"].concat())])
    };
    let comen = transcript_of("monitor-comen.hl7");
    assert_eq!(comen.matches("validity: Valid").count(), 8, "{comen}");
    assert!(
        comen.contains("vital: PulseRate, value: 59.0") && comen.contains("patient \"10006\""),
        "{comen}"
    );
    let sentinels = transcript_of("monitor-xh80x-sentinels.hl7");
    assert_eq!(sentinels.matches("validity: Invalid").count(), 4, "{sentinels}");
    assert!(!sentinels.contains("validity: Valid") && !sentinels.contains("patient "), "{sentinels}");
    assert!(sentinels.contains("DeviceId(\"00A037009B000000\")"), "{sentinels}");
    let batch = transcript_of("engine__batch01.hl7");
    let written = std::fs::read_to_string(format!("{corpus}/hl7v2/engine__batch01.hl7")).unwrap();
    assert_eq!(batch.matches("hl7.control_id=").count(), written.matches("MSH|").count(), "{batch}");
}
