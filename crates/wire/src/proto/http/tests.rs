use super::{ASKED_MAX, PROTOCOL, is_administration};
use crate::testing::{Bench, check, probe, run, sturdy};
use crate::{Probe, Verdict};
use model::{Side, Transport};

const C: Side = Side::Client;
const S: Side = Side::Server;

#[test]
fn a_download_is_a_file_with_its_path_and_the_query_stays_here() {
    let request =
        b"GET /fw/monitor.bin?patient=77#x HTTP/1.1\r\nHost: 192.0.2.2\r\nUser-Agent: curl/8.1\r\n\r\n";
    let response = b"HTTP/1.1 200 OK\r\nServer: lighttpd\r\nContent-Type: application/octet-stream\r\n\
        Content-Length: 5\r\n\r\n\x7fELF\x01";
    let dialogue: [(Side, &[u8]); 2] = [(C, request), (S, response)];
    check(
        &PROTOCOL,
        &dialogue,
        r#"
        c 0..84 http.method=GET http.uri=/fw/monitor.bin http.host=192.0.2.2 http.user_agent=curl/8.1
        c 0..84 Operated(WebRequest)
        c 0..84 Identified(Sender, Software("curl/8.1"))
        s 0..96 http.status=200 http.server=lighttpd http.content_type=application/octet-stream http.content_length=5
        s 0..96 Identified(Sender, Software("lighttpd"))
        s content Fetched path "/fw/monitor.bin"
        s content Fetched length 5
        s content Fetched bytes 0..5
        s content Fetched end complete=true
    "#,
    );
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn pipelined_requests_are_answered_in_order_and_head_has_no_body() {
    let requests =
        b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\n\r\n";
    let responses = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n\
        HTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nExpires: 0\r\n\r\n\
        HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n";
    let dialogue: [(Side, &[u8]); 2] = [(C, requests), (S, responses)];
    check(
        &PROTOCOL,
        &dialogue,
        r#"
        c 0..29 http.method=HEAD http.uri=/a http.host=h
        c 0..29 Operated(WebRequest)
        c 29..57 http.method=GET http.uri=/b http.host=h
        c 57..76 http.method=GET http.uri=/c
        s 0..40 http.status=200 http.content_length=900
        s 40..65 http.status=100
        s 65..118 http.status=200
        s content Fetched path "/b"
        s content Fetched bytes 0..5
        s content Fetched end complete=true
        s 154..202 http.status=304 http.content_length=7
    "#,
    );
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn a_body_until_close_is_whole_only_when_the_server_closed() {
    let dialogue: [(Side, &[u8]); 2] =
        [(C, b"GET /x.sh HTTP/1.0\r\n\r\n"), (S, b"HTTP/1.0 200 OK\r\n\r\n#!/bin/sh\n")];
    for (closes, end) in [(true, "complete=true"), (false, "complete=false")] {
        let mut bench = Bench::new(&PROTOCOL);
        dialogue.iter().for_each(|(side, bytes)| bench.feed(*side, bytes));
        if closes {
            bench.close(S);
        }
        let transcript = bench.finish();
        assert!(transcript.contains("bytes 0..10"), "{transcript}");
        assert!(transcript.trim_end().ends_with(end), "{transcript}");
    }
}

#[test]
fn an_upload_is_pushed_by_the_client() {
    let request = b"PUT /update/app.bin HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd";
    let dialogue: [(Side, &[u8]); 2] = [(C, request), (S, b"HTTP/1.1 204 No Content\r\n\r\n")];
    check(
        &PROTOCOL,
        &dialogue,
        r#"
        c 0..51 http.method=PUT http.uri=/update/app.bin http.content_length=4
        c 0..51 Operated(WebRequest)
        c content Pushed path "/update/app.bin"
        c content Pushed length 4
        c content Pushed bytes 0..4
        c content Pushed end complete=true
        s 0..27 http.status=204
    "#,
    );
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn a_part_lies_at_its_offset_in_the_whole() {
    let response =
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 100-103/2000\r\nContent-Length: 4\r\n\r\nwxyz";
    let transcript = run(&PROTOCOL, &[(C, b"GET /fw.img HTTP/1.1\r\n\r\n"), (S, response)]);
    let file: Vec<&str> = transcript.lines().filter(|line| line.contains("content ")).collect();
    assert_eq!(
        file,
        [
            "s content Fetched path \"/fw.img\"",
            "s content Fetched length 2000",
            "s content Fetched bytes 100..104"
        ]
    );
}

#[test]
fn a_basic_log_in_waits_for_its_answer() {
    // admin:admin
    let request = b"GET /status HTTP/1.1\r\nAuthorization: Basic YWRtaW46YWRtaW4=\r\n\r\n";
    let refused =
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
    let granted = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let dialogue: [(Side, &[u8]); 6] =
        [(C, request), (S, refused), (C, request), (S, granted), (C, request), (S, granted)];
    check(
        &PROTOCOL,
        &dialogue,
        r#"
        c 0..63 http.method=GET http.uri=/status http.authorization=Basic
        c 0..63 Operated(WebRequest)
        s 0..83 http.status=401 http.content_length=0
        s 0..83 Offers(WebAdministration)
        s 0..83 login "admin" secret in clear, accepted No
        c 63..126 http.method=GET http.uri=/status http.authorization=Basic
        s 83..121 http.status=200 http.content_length=0
        s 83..121 login "admin" secret in clear, accepted Yes
        c 126..189 http.method=GET http.uri=/status http.authorization=Basic
        s 121..159 http.status=200 http.content_length=0
    "#,
    );
    sturdy(&PROTOCOL, &dialogue);
    let unanswered = run(&PROTOCOL, &[(C, request)]);
    assert!(unanswered.ends_with("login \"admin\" secret in clear, accepted Unknown\n"), "{unanswered}");
}

#[test]
fn a_form_with_a_secret_is_a_log_in_and_never_a_file() {
    let request = b"POST /goform/login HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded; a=b\r\n\
        Content-Length: 27\r\n\r\nusername=root&password=toor";
    let dialogue: [(Side, &[u8]); 2] =
        [(C, request), (S, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")];
    let transcript = run(&PROTOCOL, &dialogue);
    assert!(transcript.contains("login \"root\" secret in clear, accepted Unknown"), "{transcript}");
    assert!(transcript.contains("Offers(WebAdministration)"), "{transcript}");
    assert!(!transcript.contains("content ") && !transcript.contains("toor"), "{transcript}");
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn printing_names_the_print_server() {
    let request = b"POST /printers/ward HTTP/1.1\r\nContent-Type: application/ipp\r\n\
        Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let transcript = run(&PROTOCOL, &[(C, request)]);
    assert!(transcript.contains("Operated(Print)"), "{transcript}");
    assert!(transcript.contains("Identified(Receiver, PrintServer)"), "{transcript}");
}

#[test]
fn after_a_tunnel_an_upgrade_or_the_next_version_nothing_is_read() {
    let tunnel: [(Side, &[u8]); 4] = [
        (C, b"CONNECT a:443 HTTP/1.1\r\n\r\n"),
        (S, b"HTTP/1.1 200 OK\r\n\r\n"),
        (C, b"\x16\x03\x01"),
        (S, b"\x16\x03\x01"),
    ];
    let upgrade: [(Side, &[u8]); 4] = [
        (C, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
        (S, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        (C, b"\x81\x05"),
        (S, b"\x81\x05"),
    ];
    let next: [(Side, &[u8]); 2] = [(C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (S, b"\x00\x00\x06")];
    for dialogue in [&tunnel[..], &upgrade[..], &next[..]] {
        let transcript = run(&PROTOCOL, dialogue);
        assert!(!transcript.contains("stop") && transcript.contains("WebRequest"), "{transcript}");
    }
    let eager: [(Side, &[u8]); 2] =
        [(S, b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00"), (C, b"PRI * HTTP/2.0\r\n\r\n")];
    assert_eq!(run(&PROTOCOL, &eager), "");
    // A client that does not wait for the proxy.
    let hasty: [(Side, &[u8]); 2] = [(C, b"CONNECT a:443 HTTP/1.1\r\n\r\n"), (C, b"\x16\x03\x01")];
    assert!(!run(&PROTOCOL, &hasty).contains("stop"));
}

#[test]
fn a_gap_in_a_body_is_a_hole_in_the_file() {
    let mut bench = Bench::new(&PROTOCOL);
    bench.feed(C, b"GET /f HTTP/1.1\r\n\r\n");
    bench.feed(S, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
    bench.gap(S, 5);
    bench.feed(S, b"hij");
    let transcript = bench.finish();
    let expected = "s content Fetched bytes 0..2
s content Fetched missing 5 at 2
s content Fetched bytes 7..10
s content Fetched end complete=true
";
    assert!(transcript.ends_with(expected), "{transcript}");
}

#[test]
fn after_a_gap_between_messages_the_next_start_line_is_found_and_no_file_gets_another_name() {
    let mut bench = Bench::new(&PROTOCOL);
    bench.feed(C, b"GET /lost HTTP/1.1\r\n\r\nGET /second HTTP/1.1\r\n\r\n");
    bench.gap(S, 100);
    bench.feed(S, b"tail of a body}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx");
    bench.feed(C, b"GET /third HTTP/1.1\r\n\r\n");
    bench.feed(S, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyyy");
    bench.gap(C, 40);
    bench.feed(C, b"rest: 1\r\n\r\nGET /fourth HTTP/1.1\r\n\r\n");
    let transcript = bench.finish();
    assert!(
        !transcript.contains("path \"/second\"") && !transcript.contains("path \"/lost\""),
        "{transcript}"
    );
    assert!(transcript.contains("path \"/third\""), "{transcript}");
    assert!(transcript.contains("http.uri=/fourth"), "{transcript}");
    assert!(transcript.contains("content Fetched bytes 0..2"), "{transcript}");
}

#[test]
fn a_side_whose_beginning_was_not_captured_is_no_fault_of_the_peer() {
    let dialogue: [(Side, &[u8]); 2] = [
        (C, b"tail of a form\nGET /a HTTP/1.1\r\n\r\n"),
        (S, b"rest of a body HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    ];
    let transcript = run(&PROTOCOL, &dialogue);
    assert!(transcript.contains("c 15..34 http.method=GET"), "{transcript}");
    assert!(transcript.contains("s 15..53 http.status=200"), "{transcript}");
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn what_breaks_the_protocol_stops_it() {
    let long = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; super::head::HEAD_BYTES_MAX]].concat();
    let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(200), b"\r\n".to_vec()].concat();
    let cases: [(Side, &[u8], &str); 7] = [
        (C, b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "Content-Length at byte 0: not text of"),
        (
            C,
            b"GET / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n",
            "Content-Length at byte 0: contradicts Content-L",
        ),
        (C, b"GET / HTTP/1.9\r\n\r\n", "HTTP-version at byte 0: not text of"),
        (S, b"HTTP/1.1 2x0 OK\r\n\r\n", "status-code at byte 0: not text of"),
        (
            S,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "chunk-size at byte 0: not text of",
        ),
        (C, &long, "head at byte 0: "),
        (C, &many, "fields at byte 0: 129 is outside 0..=128"),
    ];
    for (side, bytes, fault) in cases {
        let transcript = run(&PROTOCOL, &[(side, bytes)]);
        assert!(transcript.contains(&format!("stop {fault}")), "{fault}: {transcript}");
    }
    let bad_chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc";
    assert!(run(&PROTOCOL, &[(S, bad_chunk)]).contains("stop chunk end at byte 0"));
}

#[test]
fn requests_without_answers_are_forgotten_beyond_the_limit() {
    let mut bench = Bench::new(&PROTOCOL);
    for number in 0..=ASKED_MAX {
        bench.feed(C, format!("GET /{number} HTTP/1.1\r\n\r\n").as_bytes());
    }
    bench.feed(S, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert!(bench.finish().contains("path \"/1\""));
}

#[test]
fn administration_is_told_by_whole_segments_of_pages() {
    for path in ["/admin", "/cgi-bin/luci", "/Login.htm", "/goform/set", "/a/setup.php"] {
        assert!(is_administration(path.as_bytes()), "{path}");
    }
    for path in ["/", "/setup.exe", "/badminton", "/loginfo", "/files/admin.tar"] {
        assert!(!is_administration(path.as_bytes()), "{path}");
    }
}

#[test]
fn requests_and_responses_are_recognised_and_look_alikes_refused() {
    assert_eq!(probe(&PROTOCOL, C, b"GET / HTTP/1.1\r\n"), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, C, b"GET / HT"), Verdict::Unsure);
    assert_eq!(probe(&PROTOCOL, C, b"PROPFIND /x HTTP/1.0\n"), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, C, &[&b"GET /"[..], &[b'a'; 600]].concat()), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, S, b"HTTP/1.1 404"), Verdict::Certain);
    assert_eq!(probe(&PROTOCOL, S, b"HTTP"), Verdict::Unsure);
    let unlike: [(Side, &[u8]); 8] = [
        (C, b"OPTIONS rtsp://a RTSP/1.0\r\n"),
        (C, b"INVITE sip:a@b SIP/2.0\r\n"),
        (C, b"USER anonymous\r\n"),
        (C, b"\x16\x03\x01\x00"),
        (C, b"GET\x00"),
        (C, b"get / HTTP/1.1\r\n"),
        (S, b"HTTP/2 200"),
        (S, b"SSH-2.0-x\r\n"),
    ];
    for (side, input) in unlike {
        assert_eq!(probe(&PROTOCOL, side, input), Verdict::NotForUs, "{}", input.escape_ascii());
    }
    let middle = Probe {
        transport: Transport::Tcp,
        side: C,
        client_port: 50000,
        server_port: 80,
        input: b"lo=1\r\n\r\nGET / HTTP/1.1\r\n",
        midstream: true,
    };
    assert_eq!((PROTOCOL.probe)(&middle), Verdict::NotForUs);
}

#[test]
fn a_preface_behind_an_answered_request_ends_the_reading_however_it_is_cut() {
    let dialogue: [(Side, &[u8]); 4] = [
        (C, b"GET /a HTTP/1.1\r\n\r\n"),
        (S, b"HTTP/1.1 200 OK\r\n\r\nabc"),
        (C, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (S, b"\x00\x00\x00\x04"),
    ];
    let transcript = run(&PROTOCOL, &dialogue);
    assert!(
        transcript.ends_with("s content Fetched bytes 0..3\nc content Fetched end complete=false\n"),
        "{transcript}"
    );
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn what_follows_a_refused_tunnel_is_judged_by_its_whole_line() {
    let dialogue: [(Side, &[u8]); 3] = [
        (C, b"CONNECT a:1 HTTP/1.1\r\n\r\n"),
        (S, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
        (C, b"PRI * HTTP/2.7\r\n\r\n"),
    ];
    let transcript = run(&PROTOCOL, &dialogue);
    assert!(!transcript.contains("stop"), "it is no request, and need not be one: {transcript}");
    sturdy(&PROTOCOL, &dialogue);
}

#[test]
fn the_probe_says_the_same_of_a_long_line_with_and_without_its_end() {
    let line = [&b"PROPFIND "[..], &[b'a'; 600], b" HTTP/1.1\r\n"].concat();
    assert_eq!(probe(&PROTOCOL, C, &line), probe(&PROTOCOL, C, &line[..600]));
    let path = [&b"GET /"[..], &[b'a'; 600], b" HTTP/1.1\r\n"].concat();
    assert_eq!(probe(&PROTOCOL, C, &path), Verdict::Certain);
}
