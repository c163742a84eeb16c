//! Receivers that prove who they are: HL7 over TLS, a FHIR server, an MQTT broker. Each is another's program, killed half way.

use super::gaps_shown;
use super::place::{At, Place, text};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::path::PathBuf;

const HOST: &str = "10.20.1.9";
const SUBSCRIBER: &str = "subscriber";

/// Certificates of an invented hospital, in the place's folder.
struct Trust {
    issuer: Issuer<'static, KeyPair>,
}

impl Trust {
    /// Writes `NAME-ca.pem`.
    fn new(place: &Place, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("{name} authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(place.path(&format!("{name}-ca.pem")), params.self_signed(&key).unwrap().pem())
            .unwrap();
        Self { issuer: Issuer::new(params, key) }
    }

    /// Writes `NAME.pem` and `NAME.key`, for a host of that name or address.
    fn certify(&self, place: &Place, name: &str, host: &str) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(place.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(place.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

impl Place {
    fn paths<const N: usize>(&self, names: [&str; N]) -> [PathBuf; N] {
        names.map(|name| self.path(name))
    }

    fn start_tls_receiver(&self, how: &str, port: &str, file: &str) {
        let before = self.read(&format!("{how}.out")).lines().count();
        let [file, cert, key, ca] = self.paths([file, "ward.pem", "ward.key", "ward-ca.pem"]);
        let arguments = [how, HOST, port, text(&file), text(&cert), text(&key), text(&ca)];
        self.start_script(At::Ward, how, "receiver.py", &arguments);
        self.until("the receiver listens", || self.read(&format!("{how}.out")).lines().count() > before);
    }

    fn start_broker(&self) {
        let before = self.read("broker.err").matches("running").count();
        let configuration = self.path("broker.conf");
        self.start(At::Ward, "broker", &["mosquitto", "-c", text(&configuration)]);
        self.until("the broker runs", || self.read("broker.err").matches("running").count() > before);
    }

    fn prepare_broker(&self) {
        let folder = self.path("");
        let folder = text(&folder).trim_end_matches('/');
        let passwords = format!("{folder}/broker.passwords");
        let made = self.output(At::Ward, &["mosquitto_passwd", "-c", "-b", &passwords, "lazaret", "secret"]);
        assert!(made.status.success());
        let configuration = format!(
            "user root\nlistener 8883 {HOST}\ncafile {folder}/ward-ca.pem\ncertfile {folder}/ward.pem\n\
             keyfile {folder}/ward.key\nrequire_certificate true\nallow_anonymous false\n\
             password_file {passwords}\npersistence true\npersistence_location {folder}/\n\
             autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\n"
        );
        std::fs::write(self.path("broker.conf"), configuration).unwrap();
    }

    fn subscribe(&self) {
        let [ca, cert, key] = self.paths(["ward-ca.pem", "ours.pem", "ours.key"]);
        let place = ["mosquitto_sub", "-h", HOST, "-p", "8883", "--cafile", text(&ca), "--cert", text(&cert)];
        let who = ["--key", text(&key), "-u", "lazaret", "-P", "secret", "-i", "ward", "-c", "-q", "1", "-d"];
        let what = ["-t", "ward/3", "-F", "%j"];
        self.start(At::Ward, SUBSCRIBER, &[&["stdbuf", "-oL"], &place[..], &who, &what].concat());
        self.until("the ward subscribes", || self.read("subscriber.out").contains("Subscribed (mid"));
    }

    /// Numbers of the cycles in FHIR resources, by message.
    fn arrived_as_fhir(&self, file: &str) -> Vec<(u32, String)> {
        let row = |line: &str| {
            let row: Value = serde_json::from_str(line).ok()?;
            let observations: Vec<Value> = match row["payload"].as_str() {
                Some(payload) => {
                    let bundle: Value = serde_json::from_str(payload).unwrap();
                    let entries = bundle["entry"].as_array().unwrap();
                    entries.iter().map(|entry| entry["resource"].clone()).collect()
                }
                None => row["resources"].as_array()?.clone(),
            };
            // LOINC: heart rate, respiratory rate; see monitor.py for the digits.
            let of = |code: &str| -> u32 {
                let fits = |one: &&Value| one["code"].to_string().contains(&format!("\"{code}\""));
                observations.iter().find(fits).unwrap()["valueQuantity"]["value"].as_f64().unwrap() as u32
            };
            Some((
                (of("8867-4") - 40) * 100 + of("9279-1") - 1,
                Value::from(observations.clone()).to_string(),
            ))
        };
        self.read(file).lines().filter_map(row).collect()
    }

    fn arrived_everywhere(&self) -> [Vec<(u32, String)>; 3] {
        [
            self.arrived_in("messages.ndjson"),
            self.arrived_as_fhir("resources.ndjson"),
            self.arrived_as_fhir("subscriber.out"),
        ]
    }

    fn until_everywhere(&self, count: usize) {
        let counts = || self.arrived_everywhere().map(|arrived| arrived.len());
        self.until("every receiver has every cycle", || {
            let all = counts().iter().all(|arrived| *arrived >= count);
            if !all {
                std::fs::write(self.path("counts"), format!("{:?}\n", counts())).unwrap();
            }
            all
        });
    }
}

#[test]
fn each_way_over_tls_hands_on_every_cycle_in_order_though_its_receiver_is_killed() {
    let Some(place) = Place::new() else { return };
    let trust = Trust::new(&place, "ward");
    trust.certify(&place, "ward", HOST);
    trust.certify(&place, "ours", "gateway.example");
    std::fs::write(place.path("login"), "lazaret:secret\n").unwrap();
    place.prepare_broker();
    let start = || {
        place.start_tls_receiver("mllps", "2575", "messages.ndjson");
        place.start_tls_receiver("fhir", "8443", "resources.ndjson");
        place.start_broker();
    };
    start();
    place.subscribe();
    let [ca, cert, key, login] = place.paths(["ward-ca.pem", "ours.pem", "ours.key", "login"]);
    let trusted = ["--receiver-ca", text(&ca), "--receiver-cert", text(&cert), "--receiver-key", text(&key)];
    let receivers = ["mllps://10.20.1.9:2575", "https://10.20.1.9:8443/r4", "mqtts://10.20.1.9/ward/3"];
    let named: Vec<&str> = receivers.iter().flat_map(|one| ["--receiver", *one]).collect();
    place.start_gateway_to(&[&named[..], &trusted, &["--receiver-login", text(&login)]].concat());
    let mut sent = place.send(0, 20, 20);
    place.until_everywhere(20);
    for receiver in ["mllps", "fhir"] {
        place.end(receiver, "-KILL");
    }
    // Killed, it would forget who subscribes, which is its own matter.
    place.end("broker", "-TERM");
    sent.extend(place.send(20, 40, 20));
    place.until("they wait for each", || {
        let standing = place.standing();
        let lanes = standing["receivers"].as_array().into_iter().flatten();
        lanes.filter(|lane| lane["waiting"].as_u64().is_some_and(|waiting| waiting >= 40)).count() == 3
    });
    // Long enough that what waits is late.
    std::thread::sleep(std::time::Duration::from_secs(11));
    start();
    place.until_everywhere(60);
    sent.extend(place.send(60, 10, 20));
    place.until_everywhere(70);
    place.until("nothing waits", || place.standing()["waiting"] == 0);
    place.end("gateway", "-TERM");
    for arrived in place.arrived_everywhere() {
        let numbers: Vec<u32> = arrived.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (0..70).collect::<Vec<_>>());
        let late: Vec<u32> = arrived
            .iter()
            .filter(|(_, text)| text.contains("Filled in afterwards"))
            .map(|(number, _)| *number)
            .collect();
        // What came while nobody listened waited longer than ten seconds; on a machine that stands still more may have.
        assert!((20..60).all(|number| late.contains(&number)), "{late:?}");
        assert!(late.len() < 70, "what is handed on at once is not called late");
        assert!(gaps_shown(&arrived, &sent).contains(&60), "the device was silent while nobody listened");
        for patient in ["Quendolin", "Marshgate", "ZQ70010001"] {
            assert!(!arrived.iter().any(|(_, text)| text.contains(patient)), "a patient is handed on");
        }
    }
    let standing = place.standing();
    assert_eq!((&standing["delivered"], &standing["refused"]), (&210.into(), &0.into()));
}

#[test]
fn a_receiver_that_is_not_who_it_should_be_gets_nothing() {
    let Some(place) = Place::new() else { return };
    let trust = Trust::new(&place, "ward");
    trust.certify(&place, "ours", "gateway.example");
    // Signed by the hospital, for another machine.
    trust.certify(&place, "ward", "10.20.1.200");
    place.start_tls_receiver("mllps", "2575", "messages.ndjson");
    let [ca, cert, key] = place.paths(["ward-ca.pem", "ours.pem", "ours.key"]);
    let trusted = ["--receiver-ca", text(&ca), "--receiver-cert", text(&cert), "--receiver-key", text(&key)];
    let receiver = ["--receiver", "mllps://10.20.1.9:2575"];
    place.start_gateway_to(&[&receiver[..], &trusted].concat());
    place.send(0, 5, 10);
    place.until("they wait", || place.standing()["waiting"] == 5);
    place.until("it says why", || place.read("gateway.err").contains("not valid for"));
    assert_eq!(place.read("messages.ndjson"), "");
    place.end("gateway", "-TERM");
    // Somebody else's certificate for the right machine.
    place.end("mllps", "-KILL");
    Trust::new(&place, "other").certify(&place, "ward", HOST);
    place.start_tls_receiver("mllps", "2575", "messages.ndjson");
    place.start_gateway_to(&[&receiver[..], &trusted].concat());
    place.until("it says why", || place.read("gateway.err").contains("UnknownIssuer"));
    assert_eq!((place.read("messages.ndjson").as_str(), &place.standing()["waiting"]), ("", &5.into()));
    // And at last the right one: nothing was lost.
    place.end("mllps", "-KILL");
    trust.certify(&place, "ward", HOST);
    place.start_tls_receiver("mllps", "2575", "messages.ndjson");
    place.until_arrived(5);
    place.end("gateway", "-TERM");
}
