//! Names, the time and addresses through the gateway: asked of real servers, and of one that answers all that it must not.
//! What arrives on the monitor's cable is looked at frame by frame.

use super::LAZARET;
use super::place::{At, Place, said, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

const WARD: &str = "10.20.1.9";
const OTHER: &str = "10.20.1.10";
const STATION: &str = "202.114.4.119";
const DEVICE: &str = "202.114.4.8";
const NAME: &str = "time.hospital.example";
const IP_V4: &str = "1";
const IP_V6: &str = "28";
const REFUSED: u32 = 5;

impl Place {
    /// Writes a policy that lets the monitor ask, and starts the gateway with it.
    fn start_asked_gateway(&self) {
        self.start_gateway_to(&self.asked_options().iter().map(String::as_str).collect::<Vec<_>>());
    }

    pub(crate) fn asked_options(&self) -> Vec<String> {
        let mac = self.mac(At::Monitor, "eth0");
        let rule = |peer: &str, ports: &str| {
            format!(
                "  [[device.allow]]\n  opens = \"device\"\n  peer = \"{peer}\"\n  protocol = \"udp\"\n  ports = \"{ports}\"\n"
            )
        };
        let rules = [
            rule(WARD, "53"),
            rule(STATION, "53"),
            rule("255.255.255.255", "67"),
            rule(&format!("name:{NAME}"), "123"),
        ];
        let policy = format!(
            "schema = \"lazaret.policy/1\"\nname = \"ward\"\n[[resolve]]\nname = \"name:{NAME}\"\nnetworks = [\"{WARD}/32\"]\n\
             [[device]]\nname = \"bed 7\"\nmacs = [\"{mac}\"]\naddresses = [\"{DEVICE}/32\"]\n{}",
            rules.concat()
        );
        let path = self.path("policy.toml");
        std::fs::write(&path, policy).unwrap();
        let servers = ["--dns-server", WARD, "--ntp-server", WARD, "--dhcp-server", WARD];
        let receiver = ["--receiver", super::RECEIVER, "--policy", text(&path)];
        [&receiver[..], &servers].concat().into_iter().map(str::to_owned).collect()
    }

    /// Looks at everything that arrives at the monitor, from now on.
    pub(crate) fn look(&self) {
        let path = self.path("frames.ndjson");
        self.start_script(At::Monitor, "look", "asker.py", &["listen", "eth0", text(&path)]);
        self.until("the monitor's cable is looked at", || self.read("look.out").contains("listening"));
    }

    /// IP frames that arrived at the monitor.
    pub(crate) fn frames(&self) -> Vec<Value> {
        let lines = self.read("frames.ndjson");
        let whole = lines.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// No frame went to all or to another, no datagram came but from the port of a service; how many by port.
    fn only_answers(&self) -> BTreeMap<u64, usize> {
        let mac = self.mac(At::Monitor, "eth0");
        let mut by_port = BTreeMap::new();
        for frame in self.frames() {
            assert_eq!((&frame["mac"], &frame["target"]), (&json!(mac), &json!(DEVICE)), "{frame}");
            if frame["protocol"] == 17 {
                *by_port.entry(frame["ports"][0].as_u64().unwrap()).or_default() += 1;
            }
        }
        by_port
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.script(At::Monitor, "asker.py", arguments)).unwrap()
    }

    fn service(&self, service: &str, counter: &str) -> u64 {
        self.standing()["services"][service][counter].as_u64().unwrap_or_default()
    }

    fn start_servers(&self) {
        let mac = self.mac(At::Monitor, "eth0");
        let leases = self.path("leases");
        let names = [
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--log-facility=-",
            "--user=root",
            "--log-queries",
            "--log-dhcp",
            "--bind-interfaces",
            "--no-ping",
            "--pid-file=",
            "--address=/example/10.20.1.9",
            "--dhcp-option=option:ntp-server,10.20.1.9",
            "--dhcp-option=option:dns-server,10.20.1.9,8.8.8.8",
            "--dhcp-option=option:router,10.20.4.254",
            "--dhcp-boot=pm/update",
            "--dhcp-range=202.114.4.8,202.114.4.8,255.255.255.0,3600",
            "--listen-address=10.20.1.9",
        ];
        let own = [format!("--dhcp-leasefile={}", text(&leases)), format!("--dhcp-host={mac},{DEVICE}")];
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        self.start(At::Ward, "names", &[&["dnsmasq"], &names[..], &own].concat());
        let folder = self.path("");
        let clock = format!(
            "local stratum 3\nallow all\nbindaddress {WARD}\ncmdport 0\npidfile {0}chronyd.pid\nbindcmdaddress /\n",
            text(&folder)
        );
        let path = self.path("chrony.conf");
        std::fs::write(&path, clock).unwrap();
        // It serves the time of this machine and sets nothing.
        self.start(At::Ward, "clock", &["chronyd", "-d", "-x", "-u", "root", "-f", text(&path)]);
        self.until("the servers of the hospital are up", || {
            let sockets = self.output(At::Ward, &["ss", "-Hlun"]);
            let sockets = String::from_utf8(sockets.stdout).unwrap();
            [":53 ", ":67 ", ":123 "].iter().all(|port| sockets.contains(port))
        });
    }

    /// Asks for an address with a client of others; what it was told.
    fn lease(&self) -> BTreeMap<String, String> {
        let (script, told) = (self.path("told.sh"), self.path("told"));
        std::fs::write(&script, format!("#!/bin/sh\n[ \"$1\" = bound ] && env > {}\nexit 0\n", text(&told)))
            .unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let asks = ["udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "5", "-T", "2", "-s", text(&script)];
        let got = self.output(At::Monitor, &asks);
        assert!(
            got.status.success(),
            "{}\n{}\n{}",
            said(&got),
            self.read("names.err"),
            self.read("gateway.err")
        );
        let lines = self.read("told");
        lines
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}

#[test]
fn a_device_gets_its_address_listed_names_and_the_time_and_nothing_unasked() {
    let Some(place) = Place::new() else { return };
    place.start_servers();
    place.start_asked_gateway();
    place.lead_nowhere();
    place.look();
    let outside = place.received(At::Internet, "eth0");

    let told = place.lease();
    let of = |key: &str| told.get(key).map(String::as_str);
    assert_eq!((of("ip"), of("subnet"), of("lease")), (Some(DEVICE), Some("255.255.255.0"), Some("3600")));
    assert_eq!((of("router"), of("serverid")), (Some(STATION), Some(STATION)));
    // Of the hospital's two resolvers the policy has one.
    assert_eq!((of("dns"), of("ntpsrv")), (Some(WARD), Some(WARD)));
    assert_eq!((of("boot_file"), of("siaddr"), of("domain")), (None, None, None), "{told:?}");

    let found = json!({"outcome": 0, "addresses": [WARD]});
    for server in [WARD, STATION] {
        assert_eq!(place.ask(&["dns", server, NAME, IP_V4]), found, "{server}");
    }
    assert_eq!(place.ask(&["dns", WARD, NAME, IP_V6]), json!({"outcome": 0, "addresses": []}));
    let secret = "cGF0aWVudA.update.example";
    assert_eq!(place.ask(&["dns", WARD, secret, IP_V4]), json!({"outcome": REFUSED, "addresses": []}));
    assert!(!place.read("names.err").contains("cGF0aWVudA"), "an unlisted name left the gateway");
    // A server that the policy does not have, though it has the service.
    assert_eq!(place.ask(&["dns", "198.51.100.2", NAME, IP_V4]), Value::Null);

    assert_eq!(place.ask(&["ntp", WARD]), json!({"stratum": 3, "own": true, "bytes": 48}));
    assert_eq!(place.ask(&["ntp", STATION]), Value::Null);
    // A client that checks what it is told.
    let pid = format!("pidfile {}", text(&place.path("client.pid")));
    let alone = ["cmdport 0", "bindcmdaddress /", &pid];
    let set = ["chronyd", "-Q", "-t", "20", "-u", "root", "server 10.20.1.9 iburst maxsamples 4"];
    let set = [&set[..], &alone].concat();
    let set = place.output(At::Monitor, &set);
    assert!(set.status.success() && said(&set).contains("System clock wrong by"), "{}", said(&set));

    assert_eq!(place.received(At::Internet, "eth0"), outside, "frames reached the internet");
    let by_port = place.only_answers();
    assert_eq!(by_port.keys().copied().collect::<Vec<_>>(), [53, 67, 123], "{by_port:?}");
    assert_eq!(
        (by_port[&67], by_port[&53]),
        (2, 4),
        "an offer and an acknowledgement; one datagram for each question"
    );
    place.until("it counts", || place.service("dns", "asked") == 4 && place.service("ntp", "answered") >= 2);
    let counts = ["answered", "refused", "dropped", "wrong"].map(|counter| place.service("dns", counter));
    assert_eq!(counts, [2, 2, 0, 0]);

    // Killed, it answers nothing, and nothing else does.
    place.end("gateway", "-KILL");
    let before = place.frames().len();
    assert_eq!(place.ask(&["dns", WARD, NAME, IP_V4]), Value::Null);
    assert_eq!(place.ask(&["dhcp", "eth0"]), Value::Null);
    assert_eq!((place.frames().len(), place.received(At::Internet, "eth0")), (before, outside));
}

#[test]
fn what_a_lying_server_says_does_not_arrive() {
    let Some(place) = Place::new() else { return };
    let ward = place.name(At::Ward).to_owned();
    assert!(
        place.output(At::Ward, &["ip", "address", "add", "10.20.1.10/24", "dev", "eth0"]).status.success(),
        "{ward}"
    );
    place.start_script(At::Ward, "liar", "liar.py", &[WARD, OTHER, "wrong"]);
    let ready = |place: &Place| place.read("liar.out").matches("ready").count();
    place.until("the liar is ready", || ready(&place) == 3);
    place.start_asked_gateway();
    place.lead_nowhere();
    place.look();
    assert_eq!(place.ask(&["dns", WARD, NAME, IP_V4]), Value::Null);
    assert_eq!(place.ask(&["ntp", WARD]), Value::Null);
    assert_eq!(place.ask(&["dhcp", "eth0"]), Value::Null);
    let lied = |port: &str| {
        let lines = place.read("liar.out");
        let line = lines.lines().find_map(|line| line.strip_prefix(&format!("{port} ")).map(str::to_owned));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    for (service, port) in [("dns", "53"), ("ntp", "123"), ("dhcp", "67")] {
        place.until("every lie was counted", || {
            lied(port) > 0 && place.service(service, "wrong") >= lied(port)
        });
        assert_eq!(place.service(service, "answered"), 0, "{service}");
    }
    assert_eq!(place.frames(), Vec::<Value>::new(), "something arrived at the monitor");
    assert!(place.read("gateway.err").contains("dns of 10.20.1.9:53 is dropped: answers another question"));

    // A right answer after all the lies is told, as one datagram to the device, though it asked for an answer to all.
    place.end("liar", "-KILL");
    place.start_script(At::Ward, "liar", "liar.py", &[WARD, OTHER, "right"]);
    place.until("the liar is ready", || ready(&place) == 6);
    assert_eq!(place.ask(&["dns", WARD, NAME, IP_V4]), json!({"outcome": 0, "addresses": [WARD]}));
    assert_eq!(place.ask(&["ntp", WARD]), json!({"stratum": 2, "own": true, "bytes": 48}));
    assert_eq!(place.ask(&["dhcp", "eth0"]), json!(DEVICE));
    assert_eq!(place.only_answers(), [(53, 1), (67, 1), (123, 1)].into());
}

#[test]
fn rules_of_what_may_be_asked_can_be_read_first() {
    let Some(place) = Place::new() else { return };
    let options = place.asked_options();
    let servers =
        options.iter().map(String::as_str).filter(|one| !["--receiver", super::RECEIVER].contains(one));
    let rules = [LAZARET, "gateway", "rules", "--device-interface", "device0"].into_iter().chain(servers);
    let printed = place.output(At::Gateway, &rules.collect::<Vec<_>>());
    assert!(printed.status.success(), "{}", said(&printed));
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(text.contains("ip saddr 202.114.4.8/32 ip daddr 10.20.1.9/32 udp dport 123"), "{text}");
    let alone = place.output(
        At::Gateway,
        &[LAZARET, "gateway", "rules", "--device-interface", "device0", "--dns-server", WARD],
    );
    assert_eq!(alone.status.code(), Some(2), "{}", said(&alone));
}
