use super::PROTOCOL;
use crate::testing::{check, hex, probe, run, sturdy};
use crate::{Probe, Verdict};
use model::{Side, Transport};

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

/// A record, version 3.1 in its header as clients write it.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1], &u16::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

fn client_hello() -> Vec<u8> {
    message(
        1,
        &hex("0303
              00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
              00                       | no session
              0006 1a1a 1301 c02b      | a reserved value and two suites
              01 00                    | no compression
              003d                     | extensions
              0000 000d 000b 00 0008 7061 6373 2e69 6e74     | server name pacs.int
              0010 000e 000c 02 6832 08 6874 7470 2f31 2e31  | h2, http/1.1
              002b 0005 04 0304 0303   | versions
              000d 0006 0004 0403 0804 | signature algorithms
              2a2a 0003 000000         | reserved"),
    )
}

fn server_hello(version: u16) -> Vec<u8> {
    let mut body = hex("0303
         01010101 01010101 01010101 01010101 01010101 01010101 01010101 01010101
         00 1301 00");
    if version == 0x0304 {
        body.extend(hex("0006 002b 0002 0304"));
    }
    message(2, &body)
}

const CLIENT_LINES: &str = r#"
    c 5..117 tls.handshake=client_hello tls.version=TLS 1.3 tls.server_name=pacs.int tls.cipher_suites=1a1a,1301,c02b tls.extensions=0000,0010,002b,000d,2a2a tls.application_protocols=h2,http/1.1 tls.ja4=t13d0204h2_777cda164f4b_ef5f37ab036a
    c 5..117 SessionOffered(SessionOffer versions=0303,0304 suites=1301,c02b extensions=0000,000d,0010,002b signatures=0403,0804 protocols=h2,http/1.1)
    c 5..117 Identified(Sender, SessionFingerprint("t13d0204h2_777cda164f4b_ef5f37ab036a"))
    c 5..117 Identified(Sender, ServerName("pacs.int"))
"#;

#[test]
fn a_tls_1_3_handshake_identifies_the_client_and_is_then_left_alone() {
    let client = record(22, &client_hello());
    let server = [record(22, &server_hello(0x0304)), record(20, &[1]), record(23, &[0; 40])].concat();
    let rest = [record(20, &[1]), record(23, &[7; 30])].concat();
    let dialogue: [(Side, &[u8]); 3] =
        [(Side::Client, &client), (Side::Server, &server), (Side::Client, &rest)];
    let server_lines = "
        s 5..55 tls.handshake=server_hello tls.version=TLS 1.3 tls.cipher_suite=4865
        s 5..55 Encrypted
    ";
    check(&PROTOCOL, &dialogue, &format!("{CLIENT_LINES}{server_lines}"));
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn several_messages_in_a_record_and_one_over_several_records_read_the_same() {
    let certificate = message(11, &[0xAB; 300]);
    let flight = [server_hello(0x0303), certificate, message(14, &[])].concat();
    let together = record(22, &flight);
    let pieces: Vec<u8> = flight.chunks(3).flat_map(|piece| record(22, piece)).collect();
    let finished = [record(20, &[1]), record(22, &[0x55; 40])].concat();
    for server in [together, pieces] {
        let client = record(22, &client_hello());
        let dialogue: [(Side, &[u8]); 3] =
            [(Side::Client, &client), (Side::Server, &server), (Side::Client, &finished)];
        let transcript = run(&PROTOCOL, &dialogue);
        assert!(transcript.contains("tls.version=TLS 1.2 tls.cipher_suite=4865"), "{transcript}");
        assert!(transcript.trim_end().ends_with("c 117..122 Encrypted"), "{transcript}");
        sturdy(&PROTOCOL, &dialogue);
    }
}

#[test]
fn a_hello_in_pieces_gives_the_same_fingerprint() {
    let client: Vec<u8> = client_hello().chunks(50).flat_map(|piece| record(22, piece)).collect();
    let transcript = run(&PROTOCOL, &[(Side::Client, &client)]);
    assert!(transcript.contains("t13d0204h2_777cda164f4b_ef5f37ab036a"), "{transcript}");
}

#[test]
fn a_retry_request_is_not_the_servers_last_word() {
    let mut retry = server_hello(0x0304);
    retry[6..38].copy_from_slice(&super::hello::RETRY_RANDOM);
    let server = [record(22, &retry), record(20, &[1]), record(22, &server_hello(0x0304))].concat();
    check(
        &PROTOCOL,
        &[(Side::Server, &server)],
        "s 5..55 tls.handshake=hello_retry_request tls.version=TLS 1.3 tls.cipher_suite=4865
         s 66..116 tls.handshake=server_hello tls.version=TLS 1.3 tls.cipher_suite=4865
         s 66..116 Encrypted",
    );
}

#[test]
fn an_alert_in_clear_is_a_message() {
    let alert = record(21, &[2, 40]);
    check(&PROTOCOL, &[(Side::Server, &alert)], "s 0..7 tls.alert_level=2 tls.alert=40");
}

#[test]
fn an_old_hello_is_read_and_the_flow_goes_on_in_either_framing() {
    let hello = hex("80 1f 01 0300 0006 0000 0010 00000a 010080 00000000000000000000000000000000");
    let newer = record(22, &server_hello(0x0300));
    let line = "c 0..33 tls.handshake=client_hello tls.version=SSL 3.0 tls.cipher_suites=00000a,010080";
    let line = &format!("{line}\nc 0..33 SessionOffered(PartOfSessionOffer versions=0300)");
    let server = "s 5..47 tls.handshake=server_hello tls.version=TLS 1.2 tls.cipher_suite=4865";
    check(&PROTOCOL, &[(Side::Client, &hello), (Side::Server, &newer)], &format!("{line}\n{server}"));

    let older = hex("80 0b 04 00 01 0002 0000 0000 0000");
    let key = hex("80 02 02 01");
    let dialogue: [(Side, &[u8]); 3] = [(Side::Client, &hello), (Side::Server, &older), (Side::Client, &key)];
    let old_server = "s 0..7 tls.handshake=server_hello tls.version=SSL 2.0\ns 0..7 Encrypted";
    check(&PROTOCOL, &dialogue, &format!("{line}\n{old_server}"));
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn what_breaks_the_protocol_stops_it() {
    let cases = [
        (hex("16 0101 0005 0000000000"), "c stop version at byte 1: 257 is not defined"),
        (hex("16 0301 ffff"), "c stop length at byte 3: 65535 is outside 0..=18432"),
        (hex("19 0301 0001 00"), "c stop content type at byte 0: 25 is not defined"),
        (hex("16 0301 0004 01 ffffff"), "c stop handshake length at byte 1: 16777219 is outside 0..=65536"),
        (hex("16 0301 0006 01 000002 0303"), "c stop random at byte 6: the unit ends inside it"),
    ];
    for (bytes, transcript) in cases {
        check(&PROTOCOL, &[(Side::Client, &bytes)], transcript);
    }
    let mut odd = record(22, &client_hello());
    odd[5 + 4 + 35 + 1] = 5;
    check(&PROTOCOL, &[(Side::Client, &odd)], "c stop cipher_suites at byte 39: the unit ends inside it");
}

fn midstream(input: &[u8], server_port: u16) -> Verdict {
    let transport = Transport::Tcp;
    (PROTOCOL.probe)(&Probe {
        transport,
        side: Side::Client,
        client_port: 50000,
        server_port,
        input,
        midstream: true,
    })
}

#[test]
fn hellos_are_recognised_as_soon_as_their_version_is_there() {
    let client = record(22, &client_hello());
    for cut in 1..11 {
        assert_eq!(probe(&PROTOCOL, Side::Client, &client[..cut]), Verdict::Unsure, "{cut} bytes");
    }
    assert_eq!(probe(&PROTOCOL, Side::Client, &client), Verdict::Certain);
    let old = hex("80 1f 01 0300 0006 0000 0010");
    assert_eq!(probe(&PROTOCOL, Side::Client, &old[..5]), Verdict::Unsure);
    assert_eq!(probe(&PROTOCOL, Side::Client, &old), Verdict::Certain);
}

#[test]
fn the_middle_of_an_encrypted_flow_is_recognised_by_two_headers_or_one_on_an_encrypted_port() {
    let two = [record(23, &[9; 20]), record(23, &[9; 20])].concat();
    assert_eq!(midstream(&two, 4000), Verdict::Certain);
    assert_eq!(midstream(&two[..20], 443), Verdict::Certain);
    assert_eq!(midstream(&two[..20], 4000), Verdict::Unsure);
    assert_eq!(midstream(&[23, 3, 3, 0, 2, 1, 1, 0, 0, 0], 443), Verdict::NotForUs);
    assert_eq!(midstream(b"GET / HTTP/1.1\r\n", 443), Verdict::NotForUs);
}

#[test]
fn look_alikes_are_refused() {
    let unlike: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[22, 3, 1, 0, 40, 9, 0, 0, 36, 3, 3],
        &[22, 3, 1, 0, 40, 1, 7, 0, 36, 3, 3],
        &[23, 3, 3, 0, 40, 1, 2, 3, 4],
        &[0x80, 0x1f, 1, 3, 0, 0, 7, 0, 0, 0, 16],
        &[0x80, 0, 0, 0x28, 0, 0, 0, 1, 0, 0, 0, 0],
    ];
    for input in unlike {
        assert_eq!(probe(&PROTOCOL, Side::Client, input), Verdict::NotForUs, "{input:02x?}");
    }
}

/// A hello with these extensions and nothing else of note.
fn offering(extensions: &str) -> String {
    let extensions = hex(extensions);
    let mut body = hex("0303
         00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
         00 0002 1301 01 00");
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let transcript = run(&PROTOCOL, &[(Side::Client, &record(22, &message(1, &body)))]);
    transcript.lines().find(|line| line.contains("SessionOffered")).unwrap().to_owned()
}

#[test]
fn an_offer_holds_every_list_of_the_hello_and_says_where_one_is_missing() {
    let whole = offering(
        "002b 0005 04 2a2a 0304   | versions, one of them reserved
         000a 0008 0006 1a1a 001d 0017
         0032 0004 0002 0403      | signatures of certificates
         002d 0003 02 0001        | with an earlier secret
         001b 0003 02 0002        | compressed certificates",
    );
    let lists = "versions=0304 suites=1301 extensions=000a,001b,002b,002d,0032 groups=0017,001d \
                 certificate_signatures=0403 resumptions=0000,0001 compressions=0002";
    assert!(whole.ends_with(&format!("SessionOffered(SessionOffer {lists})")), "{whole}");
    // A list that only the offer needs does not end the flow where it is malformed.
    for odd in
        ["000a 0003 0009 00", "0032 0001 00", "002d 0001 07", "001b 0002 05 00", "002f 0005 0003 0001 30"]
    {
        assert!(offering(odd).contains("SessionOffered(PartOfSessionOffer versions=0303"), "{odd}");
    }
}
