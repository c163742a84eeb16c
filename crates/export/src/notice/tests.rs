//! Names from the wire cannot break a field, a header or a line.

use super::syslog::{Content, message};
use super::*;
use serde_json::{Value, json};

/// What breaks something somewhere: quotes, brackets, separators, line ends, terminals, markup, text that runs backwards.
const HOSTILE: &str = "x\" y] z\\ a|b c=d\r\nInjected: yes\r\n.\r\n<script>\u{1b}[2J\u{202e}'); --\u{0}é\u{2028}\n<13>1 - evil - - - -";

fn notice(name: &str) -> Notice {
    Notice {
        schema: SCHEMA.to_owned(),
        id: "f-00000000000000aa-3".to_owned(),
        change: Change::Opened,
        at: "2026-03-02T07:14:09.123456789Z".to_owned(),
        finding: "f-00000000000000aa".to_owned(),
        serial: 3,
        rule: "offsite-egress".to_owned(),
        title: format!("Monitor {name} talks to 202.114.4.119"),
        severity: "critical".to_owned(),
        certainty: "confirmed".to_owned(),
        state: "new".to_owned(),
        first: "2026-03-02T07:00:00.000000000Z".to_owned(),
        last: "2026-03-02T07:10:00.500000000Z".to_owned(),
        count: 17,
        reopened: 0,
        suppressed_until: None,
        asset: Subject {
            id: "a-0000000000000001".to_owned(),
            name: name.to_owned(),
            ip: Some("10.20.4.7".to_owned()),
            zone: Some(name.to_owned()),
        },
        peer: Some(Other {
            ip: "202.114.4.119".to_owned(),
            port: Some(515),
            transport: "tcp".to_owned(),
            location: "offsite".to_owned(),
        }),
        attack: vec!["T1041".to_owned()],
        advisories: vec![name.to_owned()],
        cves: vec!["CVE-2025-0626".to_owned()],
        details: BTreeMap::from([(name.to_owned(), json!([name, { "deep": name }]))]),
        why: format!("Because of {name}."),
        fix: format!("Unplug {name}."),
        url: Some("https://lazaret.example/findings/f-00000000000000aa".to_owned()),
    }
}

fn sender() -> Sender {
    Sender { host: "sensor 1\n.ward".to_owned(), version: "0.1|0".to_owned() }
}

/// Header and structured data of a message, read as RFC 5424 says.
fn read(message: &str) -> (Vec<String>, BTreeMap<String, String>, String) {
    let mut rest = message;
    let mut header = Vec::new();
    for _ in 0..6 {
        let (field, after) = rest.split_once(' ').unwrap();
        header.push(field.to_owned());
        rest = after;
    }
    let mut characters = rest.strip_prefix("[lazaret@32473").unwrap().chars();
    let mut data = BTreeMap::new();
    loop {
        match characters.next().unwrap() {
            ']' => break,
            ' ' => {
                let key: String = characters.by_ref().take_while(|character| *character != '=').collect();
                assert_eq!(characters.next(), Some('"'));
                let mut value = String::new();
                loop {
                    match characters.next().unwrap() {
                        '\\' => value.push(characters.next().unwrap()),
                        '"' => break,
                        ']' => panic!("an unescaped bracket: {message}"),
                        other => value.push(other),
                    }
                }
                assert!(data.insert(key, value).is_none());
            }
            other => panic!("{other}: {message}"),
        }
    }
    (header, data, characters.as_str().strip_prefix(' ').unwrap().to_owned())
}

#[test]
fn a_syslog_message_has_its_header_data_and_text() {
    let message = message(&notice("Bed 7"), &sender(), Sent::First, 16, Content::Words);
    let (header, data, text) = read(&message);
    assert_eq!(header, ["<130>1", "2026-03-02T07:14:09.123456Z", "sensor1.ward", "lazaret", "-", "opened"]);
    assert_eq!(data["id"], "f-00000000000000aa-3");
    assert_eq!(
        (data["peer"].as_str(), data["port"].as_str(), data["zone"].as_str()),
        ("202.114.4.119", "515", "Bed 7")
    );
    assert!(!data.contains_key("repeat"));
    assert_eq!(text, "\u{feff}opened (critical): Monitor Bed 7 talks to 202.114.4.119");
}

#[test]
fn hostile_names_stay_inside_their_field_in_every_format() {
    for name in [HOSTILE.to_owned(), HOSTILE.repeat(400), "]\"\\|=".repeat(4000), "é€𝄞".repeat(3000)] {
        for notice in [notice(&name), notice(&name).bounded()] {
            for content in [Content::Words, Content::Cef, Content::Ecs] {
                let message = message(&notice, &sender(), Sent::Again, 16, content);
                assert!(!message.contains(['\n', '\r', '\0', '\u{1b}']), "{content:?}: {message}");
                let (header, data, text) = read(&message);
                assert_eq!(header.len(), 6);
                assert_eq!((data["id"].as_str(), data["repeat"].as_str()), (notice.id.as_str(), "maybe"));
                match content {
                    Content::Words => assert!(text.starts_with("\u{feff}opened (critical): Monitor ")),
                    Content::Cef => cef_holds(&text),
                    Content::Ecs => {
                        let document: Value = serde_json::from_str(&text).unwrap();
                        assert_eq!(document["labels"]["repeat"], "maybe");
                        assert_eq!(document["rule"]["name"], Value::from(notice.title.as_str()));
                    }
                }
            }
        }
        let notice = notice(&name).bounded();
        for content in [Content::Words, Content::Cef, Content::Ecs] {
            let message = message(&notice, &sender(), Sent::Again, 16, content);
            assert!(message.len() <= BYTES_MAX, "{content:?}: {} bytes", message.len());
        }
        assert!(notice.to_json().unwrap().len() <= BYTES_MAX);
        let subject = mail::subject(&notice);
        assert!(!subject.chars().any(char::is_control), "{subject}");
        // What was in a name is on the line of that name, and no line of the mail's own was made by it.
        assert!(
            mail::text(&notice, Sent::First).lines().all(|line| !line.starts_with("Injected") && line != ".")
        );
        let bundle = stix::bundle(std::slice::from_ref(&notice));
        let pattern =
            bundle["objects"].as_array().unwrap().iter().find_map(|object| object["pattern"].as_str());
        assert_eq!(pattern, Some("[ipv4-addr:value = '202.114.4.119']"));
    }
}

/// Seven unescaped bars in the header, and no unescaped `=` in a value.
fn cef_holds(event: &str) {
    let mut fields = vec![String::new()];
    let mut characters = event.chars();
    while fields.len() < 8 {
        match characters.next().unwrap() {
            '\\' => fields.last_mut().unwrap().push(characters.next().unwrap()),
            '|' => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    assert_eq!((fields[0].as_str(), fields[1].as_str(), fields[3].as_str()), ("CEF:0", "Lazaret", "0.1|0"));
    assert_eq!((fields[4].as_str(), fields[6].as_str()), ("offsite-egress", "10"));
    let mut keys = Vec::new();
    let (mut word, mut escaped) = (String::new(), false);
    for character in characters {
        match character {
            '\\' if !escaped => escaped = true,
            '=' if !escaped => keys.push(std::mem::take(&mut word)),
            ' ' => word.clear(),
            other => {
                word.push(other);
                escaped = false;
            }
        }
    }
    let expected = [
        "rt",
        "start",
        "end",
        "cnt",
        "externalId",
        "act",
        "outcome",
        "dvchost",
        "shost",
        "src",
        "dst",
        "dpt",
        "proto",
        "cs1Label",
        "cs1",
        "cs2Label",
        "cs2",
        "cs3Label",
        "cs3",
        "cs4Label",
        "cs4",
        "cs5Label",
        "cs5",
        "cs6Label",
        "cs6",
        "msg",
    ];
    assert_eq!(keys, expected, "{event}");
}

#[test]
fn a_document_of_ecs_says_who_and_with_whom() {
    let mut six = notice("Bed 7");
    six.asset.ip = Some("fd00::7".to_owned());
    let document = ecs::document(&six, &sender(), Sent::First);
    assert_eq!(document["@timestamp"], "2026-03-02T07:14:09.123Z");
    assert_eq!(document["source"]["ip"], "fd00::7");
    assert_eq!(
        document["destination"],
        json!({ "ip": "202.114.4.119", "address": "202.114.4.119", "port": 515 })
    );
    assert_eq!(document["related"]["ip"], json!(["fd00::7", "202.114.4.119"]));
    assert_eq!((&document["event"]["kind"], &document["event"]["severity"]), (&json!("alert"), &json!(99)));
    let event = cef::event(&six, &sender(), Sent::First);
    assert!(
        event.contains(" c6a2Label=Source IPv6 Address c6a2=fd00::7 dst=202.114.4.119 dpt=515 proto=TCP "),
        "{event}"
    );
}

#[test]
fn what_was_closed_is_not_urgent() {
    let closed = Notice { change: Change::Closed, state: "resolved".to_owned(), ..notice("Bed 7") };
    assert!(message(&closed, &sender(), Sent::First, 16, Content::Words).starts_with("<134>1 "));
    assert!(cef::event(&closed, &sender(), Sent::First).contains("|0|rt="));
    assert_eq!(ecs::document(&closed, &sender(), Sent::First)["event"]["kind"], "event");
}

#[test]
fn the_same_findings_are_the_same_bundle() {
    let notices = [notice("Bed 7"), Notice { peer: None, ..notice("Bed 8") }];
    let bundle = stix::bundle(&notices);
    assert_eq!(bundle, stix::bundle(&notices));
    let kinds = |kind: &str| {
        bundle["objects"].as_array().unwrap().iter().filter(|object| object["type"] == kind).count()
    };
    let counted =
        ["identity", "indicator", "sighting", "attack-pattern", "vulnerability", "relationship"].map(kinds);
    assert_eq!(counted, [1, 1, 1, 1, 1, 2]);
    assert!(!stix::has_indicator(&notices[1]));
}
