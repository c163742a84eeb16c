//! Units built from the tables of the standard; all patients, devices and titles are invented.

use super::*;
use crate::testing::{Bench, Nowhere, check, hex, probe, run, sturdy};
use Side::{Client, Server};

const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.7";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn item(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &u16::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

/// PS3.8 §9.3.2: fixed part and items.
fn associate(kind: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let fixed = [
        &hex("00 01 00 00")[..], // 6 protocol version, 8 reserved
        b"ARCHIVE_1       ",     // 10 called
        b"XRAY_ROOM_2     ",     // 26 calling
        &[0; 32],                // 42 reserved
    ];
    pdu(kind, &[fixed.concat(), items.concat()].concat())
}

fn request() -> Vec<u8> {
    associate(
        1,
        &[
            item(0x10, b"1.2.840.10008.3.1.1.1"),
            item(
                0x20,
                &[&[1, 0, 0, 0][..], &item(0x30, STORAGE.as_bytes()), &item(0x40, EXPLICIT.as_bytes())]
                    .concat(),
            ),
            item(
                0x50,
                &[
                    item(0x51, &hex("00 00 40 00")),
                    item(0x52, b"1.2.3.4"),
                    item(0x55, b"INVENTED_1.0"),
                    item(0x58, &hex("02 00  00 03 61 62 63  00 02 70 77")), // user name "abc", passcode "pw"
                ]
                .concat(),
            ),
        ],
    )
}

/// Accepts context 1 with this transfer syntax, refuses context 3.
fn acceptance(transfer: &str) -> Vec<u8> {
    let accepted = [&[1, 0, 0, 0][..], &item(0x40, transfer.as_bytes())].concat();
    associate(
        2,
        &[
            item(0x10, b"1.2.840.10008.3.1.1.1"),
            item(0x21, &accepted),
            item(0x21, &[3, 0, 3, 0]),
            item(0x50, &item(0x55, b"ARCHIVE_9")),
        ],
    )
}

/// PS3.8 §9.3.5.1: one PDV in one P-DATA-TF.
fn data(flags: u8, fragment: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fragment.len() + 2).unwrap().to_be_bytes();
    pdu(4, &[&length[..], &[1, flags], fragment].concat())
}

/// An element of implicit VR, little-endian.
fn implicit(tag: (u16, u16), value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&tag.0.to_le_bytes()[..], &tag.1.to_le_bytes(), &length, value].concat()
}

/// An element of explicit VR with a short length.
fn explicit(tag: (u16, u16), vr: &[u8; 2], value: &[u8], big: bool) -> Vec<u8> {
    let word = |word: u16| if big { word.to_be_bytes() } else { word.to_le_bytes() };
    let length = u16::try_from(value.len()).unwrap();
    [&word(tag.0)[..], &word(tag.1), vr, &word(length), value].concat()
}

/// PS3.7 §9.3.1.1 C-STORE-RQ; other commands by their number.
fn command(field: u16, follows: bool) -> Vec<u8> {
    let elements = [
        implicit((0, 0x0002), b"1.2.840.10008.5.1.4.1.1.7\0"),
        implicit((0, 0x0100), &field.to_le_bytes()),
        implicit((0, 0x0110), &[7, 0]),
        implicit((0, 0x0800), if follows { &[0, 0] } else { &[1, 1] }),
        implicit((0, 0x1000), b"1.2.3.77"),
    ]
    .concat();
    [implicit((0, 0), &u32::try_from(elements.len()).unwrap().to_le_bytes()), elements].concat()
}

fn object(big: bool) -> Vec<u8> {
    let word = |word: u16| if big { word.to_be_bytes() } else { word.to_le_bytes() };
    let sequence = [
        &word(0x0008)[..],
        &word(0x1140),
        b"SQ\0\0\xFF\xFF\xFF\xFF", // undefined length
        &word(0xFFFE),
        &word(0xE000),
        &[0xFF; 4],
        &explicit((0x0008, 0x0070), b"LO", b"NOT THIS", big),
        &word(0xFFFE),
        &word(0xE00D),
        &[0; 4],
        &word(0xFFFE),
        &word(0xE0DD),
        &[0; 4],
    ];
    [
        explicit((0x0008, 0x0060), b"CS", b"DX", big),
        explicit((0x0008, 0x0070), b"LO", b"INVENTED MEDICAL", big),
        explicit((0x0008, 0x0080), b"LO", b"TEST HOSPITAL ", big),
        explicit((0x0008, 0x1090), b"LO", b"RAY-9 ", big),
        sequence.concat(),
        explicit((0x0010, 0x0010), b"PN", b"TESTMANN^ERIKA", big),
        explicit((0x0010, 0x0020), b"LO", b"T-000123", big),
        explicit((0x0018, 0x1000), b"LO", b"SN-77 ", big),
        explicit((0x0018, 0x1020), b"LO", b"4.2\0", big),
        explicit((0x0028, 0x0010), b"US", &[0, 2], big),
    ]
    .concat()
}

fn dialogue(bytes: &[Vec<u8>], transfer: &str) -> String {
    let stored = bytes.concat();
    run(&PROTOCOL, &[(Client, &request()), (Server, &acceptance(transfer)), (Client, &stored)])
}

#[test]
fn an_association_names_both_sides_and_their_software() {
    let (request, acceptance) = (request(), acceptance(EXPLICIT));
    assert_eq!((request.len(), acceptance.len()), (213, 155));
    check(
        &PROTOCOL,
        &[(Client, &request), (Server, &acceptance)],
        "
        c 202..213 login \"abc\" secret in clear, accepted Unknown
        c 0..213 dicom.pdu=associate-request dicom.called_ae=ARCHIVE_1 dicom.calling_ae=XRAY_ROOM_2 \
        dicom.application_context=1.2.840.10008.3.1.1.1 dicom.abstract_syntax=1.2.840.10008.5.1.4.1.1.7 \
        dicom.transfer_syntax=1.2.840.10008.1.2.1 dicom.max_pdu_bytes=16384 \
        dicom.implementation_class=1.2.3.4 \
        dicom.implementation_version=INVENTED_1.0
        c 0..213 Operated(Associate)
        c 26..42 Identified(Sender, ApplicationName(\"XRAY_ROOM_2\"))
        c 10..26 Identified(Receiver, ApplicationName(\"ARCHIVE_1\"))
        c 0..213 Identified(Sender, ImagingNode)
        c 0..213 Identified(Sender, Software(\"INVENTED_1.0\"))
        s 0..155 dicom.pdu=associate-accept dicom.called_ae=ARCHIVE_1 dicom.calling_ae=XRAY_ROOM_2 \
        dicom.application_context=1.2.840.10008.3.1.1.1 dicom.transfer_syntax=1.2.840.10008.1.2.1 \
        dicom.implementation_version=ARCHIVE_9 dicom.contexts_refused=1
        s 0..155 Identified(Sender, ImagingNode)
        s 0..155 Identified(Sender, Software(\"ARCHIVE_9\"))
    ",
    );
}

#[test]
fn a_stored_object_names_its_device_and_patient() {
    let set = command(0x0001, true);
    let transcript = dialogue(&[data(3, &set), data(2, &object(false))], EXPLICIT);
    let told: Vec<_> = transcript.lines().skip(10).map(|line| line.splitn(3, ' ').nth(2).unwrap()).collect();
    assert_eq!(
        told,
        [
            "dicom.command=1 dicom.command_name=C-STORE-RQ dicom.sop_class=1.2.840.10008.5.1.4.1.1.7 \
             dicom.message_id=7 dicom.sop_instance=1.2.3.77",
            "Operated(StoreObject)",
            "dicom.command=1 dicom.command_name=C-STORE-RQ dicom.modality=DX \
             dicom.manufacturer=INVENTED MEDICAL dicom.institution=TEST HOSPITAL dicom.model=RAY-9 \
             dicom.patient_name=TESTMANN^ERIKA dicom.patient_id=T-000123 dicom.serial=SN-77 dicom.software=4.2",
            "Identified(Sender, Maker(\"INVENTED MEDICAL\"))",
            "Identified(Sender, Model(\"RAY-9\"))",
            "Identified(Sender, Serial(\"SN-77\"))",
            "Identified(Sender, FirmwareVersion(\"4.2\"))",
            "Identified(Sender, Facility(\"TEST HOSPITAL\"))",
            "Disclosed(ClinicalDocument)",
            "patient \"T-000123\" more=true",
        ]
    );
}

#[test]
fn data_sets_are_read_as_negotiated() {
    let implicit_object =
        [implicit((0x0008, 0x0070), b"INVENTED MEDICAL"), implicit((0x0010, 0x0020), b"T-000123")].concat();
    for (transfer, set) in [
        ("1.2.840.10008.1.2", implicit_object.clone()),
        ("1.2.840.10008.1.2.2", object(true)),
        (EXPLICIT, object(false)),
        ("1.2.840.10008.1.2.4.50", object(false)),
    ] {
        let transcript = dialogue(&[data(3, &command(1, true)), data(2, &set)], transfer);
        assert!(transcript.contains("Maker(\"INVENTED MEDICAL\")"), "{transfer}: {transcript}");
        assert!(transcript.contains("patient \"T-000123\""), "{transfer}: {transcript}");
        assert!(
            !transcript.contains("Malformed") && !transcript.contains("NOT THIS"),
            "{transfer}: {transcript}"
        );
    }
    let transcript =
        dialogue(&[data(3, &command(1, true)), data(2, b"\x78\x9C\x01")], "1.2.840.10008.1.2.1.99");
    assert!(
        !transcript.contains("Malformed") && transcript.contains("Disclosed(ClinicalDocument)"),
        "{transcript}"
    );
    // Without the negotiation the first element tells.
    let unseen = [data(3, &command(1, true)), data(2, &implicit_object)].concat();
    assert!(run(&PROTOCOL, &[(Client, &unseen)]).contains("Maker(\"INVENTED MEDICAL\")"));
}

#[test]
fn commands_and_data_sets_may_come_in_fragments_and_share_units() {
    let (set, object) = (command(1, true), object(false));
    let pdv = |flags: u8, fragment: &[u8]| {
        [&u32::try_from(fragment.len() + 2).unwrap().to_be_bytes()[..], &[1, flags], fragment].concat()
    };
    let one = pdu(4, &[pdv(1, &set[..20]), pdv(3, &set[20..]), pdv(0, &object[..30])].concat());
    let two = pdu(4, &[pdv(0, &[]), pdv(0, &object[30..]), pdv(2, &[])].concat());
    let next = data(3, &command(0x0030, false));
    let transcript = dialogue(&[one, two, next], EXPLICIT);
    assert!(transcript.contains("dicom.serial=SN-77"), "{transcript}");
    assert!(transcript.contains("dicom.command_name=C-ECHO-RQ"), "{transcript}");
}

#[test]
fn an_image_is_passed_over_and_only_the_first_device_is_told() {
    let image = [object(false), vec![0; 200_000]].concat();
    let other = [
        explicit((0x0008, 0x0070), b"LO", b"OTHER MAKER ", false),
        explicit((0x0010, 0x0020), b"LO", b"T-000124", false),
    ]
    .concat();
    let command = command(1, true);
    let parts = [
        data(3, &command),
        data(0, &image[..100_000]),
        data(2, &image[100_000..]),
        data(3, &command),
        data(2, &other),
    ];
    let transcript = dialogue(&parts, EXPLICIT);
    assert_eq!(transcript.matches("Maker(").count(), 1, "{transcript}");
    assert_eq!(transcript.matches("Operated(StoreObject)").count(), 2);
    assert_eq!(transcript.matches("patient \"T-").count(), 2);
    assert_eq!(transcript.matches("Disclosed(ClinicalDocument)").count(), 1);
}

#[test]
fn the_server_stores_too_when_it_was_asked_to() {
    let stored = [data(3, &command(1, true)), data(2, &object(false))].concat();
    let asked = data(3, &command(0x0010, false));
    let transcript = run(
        &PROTOCOL,
        &[(Client, &request()), (Server, &acceptance(EXPLICIT)), (Client, &asked), (Server, &stored)],
    );
    assert!(transcript.contains("Operated(Query)"), "{transcript}");
    let line = transcript.lines().find(|line| line.contains("Maker(")).unwrap();
    assert!(line.starts_with("s "), "{line}");
}

#[test]
fn a_query_for_anybody_names_nobody_and_its_answer_does() {
    let keys = |name: &[u8], id: &[u8]| {
        let keys = [
            explicit((0x0008, 0x0052), b"CS", b"STUDY ", false),
            explicit((0x0010, 0x0010), b"PN", name, false),
            explicit((0x0010, 0x0020), b"LO", id, false),
        ];
        data(2, &keys.concat())
    };
    let asked = [data(3, &command(0x0020, true)), keys(b"* ", b"")].concat();
    let answered = [data(3, &command(0x8020, true)), keys(b"TESTMANN^ERIKA", b"T-000123")].concat();
    let transcript = run(
        &PROTOCOL,
        &[(Client, &request()), (Server, &acceptance(EXPLICIT)), (Client, &asked), (Server, &answered)],
    );
    let named: Vec<_> = transcript.lines().filter(|line| line.contains(" patient ")).collect();
    assert!(
        matches!(named[..], [line] if line.starts_with("s ") && line.contains("\"T-000123\" more=true")),
        "{transcript}"
    );
    assert!(transcript.contains("dicom.query_level=STUDY"), "{transcript}");
    assert!(!transcript.contains("Maker"));
}

#[test]
fn short_units_tell_their_reasons() {
    let bytes = [pdu(3, &[0, 1, 1, 7]), pdu(5, &[0; 4]), pdu(6, &[0; 4]), pdu(7, &[0, 0, 2, 5])].concat();
    check(
        &PROTOCOL,
        &[(Server, &bytes)],
        "
        s 0..10 dicom.pdu=associate-reject dicom.result=1 dicom.origin=1 dicom.reason=7
        s 10..20 dicom.pdu=release-request
        s 20..30 dicom.pdu=release-response
        s 30..40 dicom.pdu=abort dicom.origin=2 dicom.reason=5
    ",
    );
}

#[test]
fn what_breaks_the_framing_stops() {
    let last = |bytes: &[u8]| run(&PROTOCOL, &[(Client, bytes)]).lines().last().unwrap().to_owned();
    assert_eq!(last(&hex("09 00 00 00 00 04")), "c stop PDU-type at byte 0: 9 is not defined");
    assert_eq!(last(&hex("05 00 00 00 00 05")), "c stop PDU-length at byte 2: 5 is outside 4..=4");
    assert_eq!(
        last(&hex("01 00 FF FF FF FF")),
        "c stop PDU-length at byte 2: 4294967295 is outside 68..=131066"
    );
    assert_eq!(
        last(&hex("04 00 00 00 00 08  00 00 00 05 01 02")),
        "c stop PDV item-length at byte 0: 5 is outside 2..=4"
    );
    assert_eq!(
        last(&hex("04 00 00 00 00 05  00 00 00 01 01")),
        "c stop PDU-length at byte 0: 5 is outside 6..=4294967295"
    );
    let long = pdu(4, &[&hex("00 00 40 03 01 01")[..], &[0; 0x4001]].concat());
    assert_eq!(last(&long), "c stop command set at byte 6: 16385 is outside 0..=16384");
}

#[test]
fn faults_inside_units_are_told_and_reading_goes_on() {
    let fault = |bytes: Vec<u8>| {
        let transcript = run(&PROTOCOL, &[(Client, &[bytes, pdu(5, &[0; 4])].concat())]);
        assert!(transcript.ends_with("dicom.pdu=release-request\n"), "{transcript}");
        let line = transcript.lines().find(|line| line.contains("Malformed")).unwrap().to_owned();
        line.split("field: ").nth(1).unwrap().to_owned()
    };
    assert_eq!(fault(associate(1, &[vec![0x10, 0, 0, 9, 1]])), "\"item\", offset: 78, reason: CutShort })");
    let mut titled = associate(1, &[]);
    titled[26] = 7;
    assert_eq!(fault(titled), "\"Calling-AE-title\", offset: 26, reason: NotText })");
    assert_eq!(
        fault(data(3, &implicit((0, 2), b"1"))),
        "\"Command Field (0000,0100)\", offset: 9, reason: CutShort })"
    );
    assert_eq!(fault(data(3, &implicit((8, 2), b"1"))), "\"group\", offset: 0, reason: NotDefined(8) })");
    let store = |set: &[u8]| [data(3, &command(1, true)), data(2, set)].concat();
    let order = [explicit((8, 0x70), b"LO", b"A ", false), explicit((8, 0x60), b"CS", b"CT", false)].concat();
    assert_eq!(fault(store(&order)), "\"tag order\", offset: 10, reason: Contradicts(\"the tag before\") })");
    let vr = [explicit((8, 0x60), b"CS", b"CT", false), explicit((8, 0x70), b"l0", b"A ", false)].concat();
    assert_eq!(fault(store(&vr)), "\"VR\", offset: 14, reason: NotText })");
}

#[test]
fn after_a_gap_reading_goes_on_at_the_next_unit_of_data() {
    let stored = [data(3, &command(1, true)), data(0, &[0x11; 5000])].concat();
    let mut bench = Bench::new(&PROTOCOL);
    bench.feed(Client, &request());
    bench.feed(Server, &acceptance(EXPLICIT));
    bench.feed(Client, &stored[..1000]);
    bench.gap(Client, 5000);
    let rest =
        [vec![0x11; 700], data(2, &[0x22; 60]), data(3, &command(1, true)), data(2, &object(false))].concat();
    bench.feed(Client, &rest);
    let transcript = bench.finish();
    assert!(transcript.contains("dicom.serial=SN-77"), "{transcript}");
}

#[test]
fn a_long_data_set_keeps_no_more_than_its_head() {
    let mut parser = Dicom::default();
    let stored = [data(3, &command(1, true)), data(0, &[0; 100_000])].concat();
    let mut at = 0;
    while at < stored.len() {
        match parser.step(Client, &stored[at..], &mut Nowhere) {
            Step::Done(bytes) => at += bytes,
            Step::Skip(bytes) => at += usize::try_from(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
        assert!(parser.sides[0].head.len() <= HEAD_BYTES_MAX);
    }
    assert!(parser.sides[0].head_read && parser.sides[0].head.is_empty());
}

#[test]
fn associations_are_recognised_and_look_alikes_are_refused() {
    assert_eq!(probe(&PROTOCOL, Client, &request()), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, Client, &request()[..41]), Verdict::Unsure);
    assert_eq!(probe(&PROTOCOL, Server, &acceptance(EXPLICIT)), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, Server, &pdu(3, &[0, 1, 1, 7])), Verdict::Certain);
    for other in [
        b"\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00".as_slice(),
        b"\x01\x00\x00\x00\x00\x00\x00\x02\x00\x00",
        b"\x01\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x01\x02\x03",
        b"\x03\x00\x00\x13\x0E\xE0",
        b"\x04\x00\x00\x00",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00",
    ] {
        assert_eq!(probe(&PROTOCOL, Client, other), Verdict::NotForUs, "{other:02x?}");
        assert_eq!(probe(&PROTOCOL, Server, other), Verdict::NotForUs, "{other:02x?}");
    }
    let midstream = |input| {
        let (transport, side, client_port, server_port) = (Transport::Tcp, Client, 50000, 40000);
        super::probe(&Probe { transport, side, client_port, server_port, input, midstream: true })
    };
    let inside = [vec![0x33; 100], data(3, &command(1, true))].concat();
    assert_eq!(midstream(&inside), Verdict::Certain);
    assert_eq!(midstream(&[0; 600]), Verdict::NotForUs);
}

#[test]
fn any_split_gives_the_same_and_noise_does_no_harm() {
    let stored = [data(3, &command(1, true)), data(2, &object(false)), pdu(5, &[0; 4])].concat();
    let answered = [data(3, &command(0x8001, false)), pdu(6, &[0; 4])].concat();
    let (request, acceptance) = (request(), acceptance(EXPLICIT));
    sturdy(&PROTOCOL, &[(Client, &request), (Server, &acceptance), (Client, &stored), (Server, &answered)]);
}
