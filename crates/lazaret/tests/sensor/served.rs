//! `serve --interface`: sensor, console and wall in one process. Beds appear as they are heard, findings go into the store,
//! every privilege is gone, and nothing is sent on the watched interface.

use super::cable::{Cable, INTERFACE, run, said};
use super::{FASTER, ward};
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::Duration;

const BASE: &str = "http://127.0.0.1:8080";
const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// The server; killed where the test fails before it ends it.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..TRIES_MAX {
        if let Some(found) = ask() {
            return found;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    panic!("waited in vain: {what}");
}

#[test]
fn a_server_that_listens_shows_its_beds_and_keeps_what_it_finds() {
    let Some(cable) = Cable::new() else { return };
    let capture = ward(&cable, "0.5");
    let (store, errors, jar) = (cable.path("served"), cable.path("served-errors"), cable.path("cookies"));
    let (store, jar) = (store.display().to_string(), jar.display().to_string());
    assert!(cable.at_sensor(&["ip", "link", "set", "lo", "up"]).status.success());
    // `ip netns exec` becomes the program, so the process is the server itself.
    let mut command = cable.inside(&[env!("CARGO_BIN_EXE_lazaret"), "serve", "--store", &store, "--no-tls"]);
    command
        .args(["--listen", "127.0.0.1:8080", "--interface", INTERFACE, "--workers", "2"])
        .stdin(Stdio::null());
    let mut server = Serving(command.stderr(std::fs::File::create(&errors).unwrap()).spawn().unwrap());
    let told = || std::fs::read_to_string(&errors).unwrap();
    let secret = until("it listens and says where it is", || {
        let told = told();
        let (_, after) = told.split_once("/setup#")?;
        told.contains("listening on").then(|| after.split_whitespace().next().unwrap_or_default().to_owned())
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.0.id())).unwrap();
    for line in ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    let curl = |more: &[&str]| {
        let all =
            [&["curl", "--silent", "--show-error", "--fail", "--cookie", &jar, "--cookie-jar", &jar], more]
                .concat();
        let output = cable.at_sensor(&all);
        assert!(output.status.success(), "{more:?}: {}\n{}", said(&output), told());
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let admin =
        format!("{{\"secret\":\"{secret}\",\"name\":\"haldis\",\"password\":\"green lamp by the door\"}}");
    curl(&["--header", "Content-Type: application/json", "--data", &admin, &format!("{BASE}/api/v1/setup")]);
    let live = || curl(&[&format!("{BASE}/api/v1/live")]);
    let before = live();
    assert_eq!((&before["origin"]["kind"], &before["origin"]["name"]), (&"sensor".into(), &INTERFACE.into()));
    assert_eq!(before["beds"], Value::Array(Vec::new()), "{before}");
    cable.play(&capture, FASTER);
    let beds = until("three beds are shown, with numbers", || {
        let live = live();
        let beds = live["beds"].as_array().unwrap().clone();
        let numbers = |bed: &Value| bed["numerics"].as_object().is_some_and(|numerics| !numerics.is_empty());
        (beds.iter().filter(|bed| numbers(bed)).count() >= 3).then_some(beds)
    });
    assert!(beds.len() >= 3, "{beds:?}");
    until("the leak is found while it runs", || {
        let list = curl(&[&format!("{BASE}/api/v1/findings?rule=patient-data-offsite")]);
        (!list["findings"].as_array().unwrap().is_empty()).then_some(())
    });
    let sensors = curl(&[&format!("{BASE}/api/v1/sensors")]);
    assert_eq!(sensors["sensors"][0]["name"], INTERFACE, "{sensors}");
    assert_eq!(cable.sent(), 0, "something was sent on the watched interface");
    run(&["kill", "-TERM", &server.0.id().to_string()]);
    assert_eq!(server.0.wait().unwrap().code(), Some(0), "{}", told());
    let sensors = run(&[env!("CARGO_BIN_EXE_lazaret"), "store", "--store", &store, "sensors"]);
    assert!(said(&sensors).contains(INTERFACE), "{}", said(&sensors));
}

#[test]
fn a_server_without_the_privilege_says_which_and_does_not_start() {
    let Some(cable) = Cable::new() else { return };
    let store = cable.path("refused").display().to_string();
    let setpriv =
        ["setpriv", "--inh-caps=-net_raw", "--bounding-set=-net_raw", env!("CARGO_BIN_EXE_lazaret"), "serve"];
    let more = ["--store", &store, "--no-tls", "--listen", "127.0.0.1:0", "--interface", INTERFACE];
    let output = cable.at_sensor(&[&setpriv[..], &more].concat());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("CAP_NET_RAW"), "{}", said(&output));
}
