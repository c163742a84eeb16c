use super::PROTOCOL;
use crate::Verdict;
use crate::testing::{Bench, check, hex, probe, run, sturdy};
use model::Side;

const C: Side = Side::Client;
const S: Side = Side::Server;

fn unit(messages: &[u8]) -> Vec<u8> {
    let length = u32::try_from(messages.len()).unwrap().to_be_bytes();
    [&[0], &length[1..], messages].concat()
}

fn message(command: u8, number: u8, status: Option<u32>, body: &[u8]) -> Vec<u8> {
    let mut header = [0; 64];
    header[..6].copy_from_slice(b"\xFESMB\x40\0");
    header[8..12].copy_from_slice(&status.unwrap_or(0).to_le_bytes());
    header[12] = command;
    header[16] = u8::from(status.is_some());
    header[24] = number;
    header[36] = 7;
    [&header[..], body].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A body whose fixed part of `fixed` bytes holds offset and length of `text` at `at`.
fn with_text(fixed: usize, at: usize, text: &str) -> Vec<u8> {
    let (mut body, text) = (vec![0; fixed], wide(text));
    body[at..at + 2].copy_from_slice(&u16::try_from(64 + fixed).unwrap().to_le_bytes());
    body[at + 2..at + 4].copy_from_slice(&u16::try_from(text.len()).unwrap().to_le_bytes());
    [body, text].concat()
}

fn open_answer(action: u8, length: u8) -> Vec<u8> {
    let mut body = vec![0; 88];
    body[4] = action;
    body[48] = length;
    body[64..80].copy_from_slice(&[0xAB; 16]);
    body
}

fn write_body(offset: u8, content: &[u8]) -> Vec<u8> {
    let mut body = [0; 48];
    body[2] = 112;
    body[4] = u8::try_from(content.len()).unwrap();
    body[8] = offset;
    body[16..32].copy_from_slice(&[0xAB; 16]);
    [&body[..], content].concat()
}

fn session() -> Vec<(Side, Vec<u8>)> {
    let mut close = vec![0; 24];
    close[8..24].copy_from_slice(&[0xAB; 16]);
    vec![
        (C, unit(&message(3, 1, None, &with_text(8, 4, r"\\nas\fw")))),
        (S, unit(&message(3, 1, Some(0), &[16, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))),
        (C, unit(&message(5, 2, None, &with_text(56, 44, "app.bin")))),
        (S, unit(&message(5, 2, Some(0), &open_answer(2, 0)))),
        (C, unit(&message(9, 3, None, &write_body(0, b"abcd")))),
        (S, unit(&message(9, 3, Some(0), &[0; 16]))),
        (C, unit(&message(9, 4, None, &write_body(4, b"ef")))),
        (C, unit(&message(6, 5, None, &close))),
    ]
}

fn turns(session: &[(Side, Vec<u8>)]) -> Vec<(Side, &[u8])> {
    session.iter().map(|(side, bytes)| (*side, &bytes[..])).collect()
}

#[test]
fn a_share_is_attached_and_a_file_written() {
    let session = session();
    check(
        &PROTOCOL,
        &turns(&session),
        r#"
        c 4..92 smb.command=tree_connect smb.share=\\nas\fw
        c 4..92 Storage(Storage { step: Mount, outcome: Asked, path: Some("\\\\nas\\fw"), service: "SMB" })
        s 4..8 Offers(FileShare)
        s 4..84 smb.command=tree_connect smb.response=true smb.status=0
        s 4..84 of other: Storage(Storage { step: Mount, outcome: Granted, path: Some("\\\\nas\\fw"), service: "SMB" })
        c 96..230 smb.command=create smb.file=app.bin
        s 88..240 smb.command=create smb.response=true smb.status=0
        c 234..346 Storage(Storage { step: Write, outcome: Asked, path: Some("\\\\nas\\fw\\app.bin"), service: "SMB" })
        c content Pushed path "\\\\nas\\fw\\app.bin"
        c content Pushed bytes 0..4
        s 244..324 of other: Storage(Storage { step: Write, outcome: Granted, path: Some("\\\\nas\\fw\\app.bin"), service: "SMB" })
        c content Pushed bytes 4..6
        c content Pushed end complete=true
    "#,
    );
    sturdy(&PROTOCOL, &turns(&session));
}

#[test]
fn a_file_that_is_read_has_its_length_and_its_content() {
    let mut read = vec![0; 48];
    read[8] = 2;
    read[16..32].copy_from_slice(&[0xAB; 16]);
    let answer = [&[17, 0, 80, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], b"xyz"].concat();
    let session = vec![
        (C, unit(&message(5, 2, None, &with_text(56, 44, "a.txt")))),
        (S, unit(&message(5, 2, Some(0), &open_answer(1, 9)))),
        (C, unit(&message(8, 3, None, &read))),
        (S, unit(&message(8, 3, Some(0x103), &[0; 9]))),
        (S, unit(&message(8, 3, Some(0), &answer))),
    ];
    let transcript = run(&PROTOCOL, &turns(&session));
    for line in ["content Fetched length 9", "content Fetched bytes 2..5", "step: Read, outcome: Granted"] {
        assert!(transcript.contains(line), "{line}: {transcript}");
    }
    sturdy(&PROTOCOL, &turns(&session));
}

#[test]
fn pipes_are_not_storage() {
    let mut session = session();
    session[0].1 = unit(&message(3, 1, None, &with_text(8, 4, r"\\nas\IPC$")));
    session[1].1[4 + 64 + 2] = 2;
    let transcript = run(&PROTOCOL, &turns(&session));
    assert!(transcript.contains("smb.share=\\\\nas\\IPC$"), "{transcript}");
    assert!(!transcript.contains("Storage") && !transcript.contains("content"), "{transcript}");
}

#[test]
fn a_refused_share_says_so() {
    let session =
        [session()[0].clone(), (S, unit(&message(3, 1, Some(0xC000_0022), &[9, 0, 0, 0, 0, 0, 0, 0, 0])))];
    let transcript = run(&PROTOCOL, &turns(&session));
    assert!(transcript.contains("outcome: Refused(3221225506)"), "{transcript}");
}

#[test]
fn a_log_in_names_both_hosts_and_waits_for_its_answer() {
    let mut authenticate = [&b"NTLMSSP\0\x03\0\0\0"[..], &[0; 52]].concat();
    authenticate[36..44].copy_from_slice(&[10, 0, 10, 0, 64, 0, 0, 0]);
    authenticate[44..52].copy_from_slice(&[6, 0, 6, 0, 74, 0, 0, 0]);
    authenticate[60] = 1;
    let request = [&[0; 24][..], &authenticate, &wide("admin"), &wide("PC7")].concat();
    let mut challenge = [&b"NTLMSSP\0\x02\0\0\0"[..], &[0; 36]].concat();
    challenge[40..48].copy_from_slice(&[14, 0, 14, 0, 48, 0, 0, 0]);
    let info = [&hex("0100 0600")[..], &wide("NAS"), &[0; 4]].concat();
    let session = vec![
        (S, unit(&message(1, 1, Some(0xC000_0016), &[&[0; 8][..], &challenge, &info].concat()))),
        (C, unit(&message(1, 2, None, &request))),
        (S, unit(&message(1, 2, Some(0), &[0; 8]))),
    ];
    let transcript = run(&PROTOCOL, &turns(&session));
    for line in [r#"HostName("NAS")"#, r#"HostName("PC7")"#, r#"login "admin" secret not seen, accepted Yes"#]
    {
        assert!(transcript.contains(line), "{line}: {transcript}");
    }
    sturdy(&PROTOCOL, &turns(&session));
}

#[test]
fn version_1_attaches_a_share_inside_a_session_setup() {
    let mut setup = hex("ff534d42 73 00000000 18 0180 0000 0000000000000000 0000 0000 ffff 0000 0500
         0d 75 00 0000 000000000000000000000000000000000000000000 00 0000");
    let at = u8::try_from(setup.len()).unwrap();
    setup[35] = at;
    setup.extend(hex("04 ff 00 0000 0000 0100 0000 00"));
    if setup.len() % 2 == 1 {
        setup.push(0);
    }
    setup.extend(wide("\\\\nas\\x\0"));
    let mut answer = setup[..33].to_vec();
    answer[9] = 0x98;
    answer[32] = 0;
    let (setup, answer) = (unit(&setup), unit(&answer));
    let dialogue: [(Side, &[u8]); 2] = [(C, &setup), (S, &answer)];
    let transcript = run(&PROTOCOL, &dialogue);
    assert!(transcript.contains("smb.command=session_setup smb.share=\\\\nas\\x"), "{transcript}");
    assert!(transcript.contains("step: Mount, outcome: Granted"), "{transcript}");
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn encrypted_messages_are_passed_over_and_told_once() {
    let encrypted = unit(&[&b"\xFDSMB"[..], &[0x77; 60]].concat());
    let dialogue: [(Side, &[u8]); 2] = [(C, &encrypted), (C, &encrypted)];
    check(&PROTOCOL, &dialogue, "c 4..8 Encrypted");
}

#[test]
fn a_gap_in_written_data_is_a_hole_and_the_next_unit_is_read() {
    let session = session();
    let mut bench = Bench::new(&PROTOCOL);
    for (side, bytes) in &session[..4] {
        bench.feed(*side, bytes);
    }
    let write = &session[4].1;
    bench.feed(C, &write[..write.len() - 4]);
    bench.gap(C, 3);
    bench.feed(C, b"d");
    bench.feed(C, &session[6].1);
    let transcript = bench.finish();
    let expected = "c content Pushed missing 3 at 0\nc content Pushed bytes 3..6\n";
    assert!(transcript.ends_with(expected), "{transcript}");
}

#[test]
fn what_breaks_the_protocol_stops_it() {
    let mut chained = message(3, 1, None, &[0; 8]);
    chained[20] = 200;
    let cases = [
        (hex("07 000004 00000000"), "c stop session type at byte 0: 7 is not defined"),
        (unit(b"ABCD"), "c stop protocol id at byte 0: 1094861636 is not defined"),
        (unit(b"\xFESMB\x40\0"), "c stop header at byte 0: the unit ends inside it"),
        (unit(&chained), "c stop NextCommand at byte 20: points outside the unit or at itself"),
        (unit(&message(3, 1, None, &[0xFF; 8])), "c stop name at byte 65535: the unit ends inside it"),
    ];
    for (bytes, fault) in cases {
        let transcript = run(&PROTOCOL, &[(C, &bytes)]);
        assert!(transcript.contains(fault), "{fault}: {transcript}");
    }
}

#[test]
fn only_marked_messages_are_believed() {
    let request = unit(&message(0, 0, None, &[0; 40]));
    assert_eq!(probe(&PROTOCOL, C, &request), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, C, &request[..6]), Verdict::Unsure);
    assert_eq!(probe(&PROTOCOL, C, &hex("00 000054 00000001 00000000")), Verdict::NotForUs);
    assert_eq!(probe(&PROTOCOL, C, b"GET / HTTP/1.1\r\n"), Verdict::NotForUs);
}
