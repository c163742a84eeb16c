//! Debian's rsyslog as receiver of syslog over TLS, TCP and UDP, with CEF, ECS and plain words.

use crate::place::{
    Arrived, Place, Process, count, every_finding_arrived_and_repeats_say_so, has, killed_half_way, port,
};
use serde_json::Value;
use std::process::Command;

/// What rsyslog understood of each message, a line each.
const TEMPLATE: &str =
    r#"template(name="read" type="string" string="%app-name%\t%msgid%\t%pri%\t%structured-data%\t%msg%\n")"#;

struct Rsyslog<'a> {
    place: &'a Place,
    configuration: String,
}

impl<'a> Rsyslog<'a> {
    /// Messages are written before more are read, so that one that is killed kept what it confirmed.
    fn new(place: &'a Place, input: &str) -> Self {
        let (out, pid) = (place.text("got"), place.text("state"));
        std::fs::create_dir_all(&pid).unwrap();
        let text = format!(
            "global(workDirectory=\"{pid}\" maxMessageSize=\"16k\" net.enableDNS=\"off\")\nmain_queue(queue.type=\"Direct\")\n\
             {TEMPLATE}\n{input}\naction(type=\"omfile\" file=\"{out}\" template=\"read\" asyncWriting=\"off\" flushOnTXEnd=\"on\")\n"
        );
        let configuration = place.write("rsyslog.conf", &text);
        let checked = Command::new("rsyslogd").args(["-N1", "-f", &configuration]).output().unwrap();
        assert!(checked.status.success(), "{}", checked.stderr.escape_ascii());
        Self { place, configuration }
    }

    fn start(&self) -> Process {
        let pid = self.place.text("rsyslog.pid");
        // One that was killed leaves it.
        drop(std::fs::remove_file(&pid));
        Process::start(Command::new("rsyslogd").args(["-n", "-f", &self.configuration, "-i", &pid]))
    }
}

fn tls(place: &Place, port: u16) -> String {
    let (certificate, key) = place.certificate();
    format!(
        "global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{certificate}\" \
         defaultNetstreamDriverCertFile=\"{certificate}\" defaultNetstreamDriverKeyFile=\"{key}\")\n\
         module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"anon\")\n\
         input(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\")"
    )
}

/// Id and mark of each line, after it was seen that rsyslog took it for what it is.
fn arrived(lines: &[String]) -> Arrived {
    let read = |line: &String| {
        let fields: Vec<&str> = line.trim_end_matches('\n').splitn(5, '\t').collect();
        let [name, msgid, _, data, _] = fields[..] else { panic!("{line}") };
        assert_eq!((name, msgid), ("lazaret", "opened"), "{line}");
        let id = data.split("id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        (id.to_owned(), data.contains(" repeat=\"maybe\"]"))
    };
    lines.iter().map(read).collect()
}

fn text(line: &str) -> &str {
    line.trim_end_matches('\n').splitn(5, '\t').nth(4).unwrap()
}

#[test]
fn syslog_over_tls_loses_nothing() {
    if !has("rsyslogd", "-v") {
        return;
    }
    let (place, port) = (Place::new("tls"), port());
    let receiver = Rsyslog::new(&place, &tls(&place, port));
    let file = place.write(
        "outputs.toml",
        &format!("schema = 1\n[[syslog]]\nname = 'siem'\naddress = '127.0.0.1:{port}'\nca = 'cert.pem'\nretry_max_s = 1\n"),
    );
    let lines = killed_half_way(&place, "siem", &|| receiver.start(), 1, &file);
    every_finding_arrived_and_repeats_say_so(&arrived(&lines), 0..count());
    assert!(lines.iter().all(|line| text(line).contains("): Matter ")), "{}", lines[0]);
}

#[test]
fn cef_over_tcp_loses_nothing() {
    if !has("rsyslogd", "-v") {
        return;
    }
    let (place, port) = (Place::new("tcp"), port());
    let input =
        format!("module(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"{port}\" address=\"127.0.0.1\")");
    let receiver = Rsyslog::new(&place, &input);
    let file = place.write(
        "outputs.toml",
        &format!(
            "schema = 1\n[[syslog]]\nname = 'siem'\naddress = '127.0.0.1:{port}'\ntransport = 'tcp'\nformat = 'cef'\n\
             retry_max_s = 1\n"
        ),
    );
    let lines = killed_half_way(&place, "siem", &|| receiver.start(), 1, &file);
    every_finding_arrived_and_repeats_say_so(&arrived(&lines), 0..count());
    for line in &lines {
        let event = text(line).trim_start();
        assert!(
            event.starts_with("CEF:0|Lazaret|Lazaret|") && event.contains("|offsite-egress|Matter "),
            "{event}"
        );
        assert!(
            event.contains(" act=opened ") && event.contains(" dst=202.114.4.119 dpt=515 proto=TCP "),
            "{event}"
        );
    }
}

#[test]
fn ecs_over_udp_says_what_may_have_been_lost_again() {
    if !has("rsyslogd", "-v") {
        return;
    }
    let (place, port) = (Place::new("udp"), port());
    let input = format!(
        "module(load=\"imudp\")\ninput(type=\"imudp\" port=\"{port}\" address=\"127.0.0.1\" rcvbufSize=\"4m\")"
    );
    let receiver = Rsyslog::new(&place, &input);
    let file = place.write(
        "outputs.toml",
        &format!(
            "schema = 1\n[[syslog]]\nname = 'siem'\naddress = '127.0.0.1:{port}'\ntransport = 'udp'\nformat = 'ecs'\n\
             retry_max_s = 1\n"
        ),
    );
    let lines = killed_half_way(&place, "siem", &|| receiver.start(), 1, &file);
    every_finding_arrived_and_repeats_say_so(&arrived(&lines), 0..count());
    for line in &lines {
        let document: Value = serde_json::from_str(text(line).trim_start()).unwrap();
        assert_eq!(document["ecs"]["version"], "8.11.0");
        assert_eq!(document["destination"]["port"], 515);
        // The levels of ECS that are used, and no other.
        let known = [
            "@timestamp",
            "destination",
            "ecs",
            "event",
            "host",
            "labels",
            "message",
            "network",
            "observer",
            "related",
            "rule",
            "source",
            "threat",
            "vulnerability",
        ];
        assert!(document.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())), "{document}");
    }
}

#[test]
fn json_lines_over_tls_lose_nothing() {
    if !has("rsyslogd", "-v") {
        return;
    }
    let (place, port) = (Place::new("lines"), port());
    let receiver = Rsyslog::new(&place, &tls(&place, port));
    let file = place.write(
        "outputs.toml",
        &format!(
            "schema = 1\n[[lines]]\nname = 'siem'\naddress = '127.0.0.1:{port}'\nca = 'cert.pem'\nformat = 'ecs'\n\
             retry_max_s = 1\n"
        ),
    );
    let lines = killed_half_way(&place, "siem", &|| receiver.start(), 1, &file);
    // A line of JSON is no syslog message; rsyslog keeps it as it came.
    let read = |line: &String| {
        let document: Value = serde_json::from_str(line.get(line.find('{').unwrap()..).unwrap()).unwrap();
        (document["event"]["id"].as_str().unwrap().to_owned(), document["labels"]["repeat"] == "maybe")
    };
    every_finding_arrived_and_repeats_say_so(&lines.iter().map(read).collect::<Arrived>(), 0..count());
}
