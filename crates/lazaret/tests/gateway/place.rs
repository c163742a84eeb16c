//! A hospital in four network namespaces, what runs in them, and their end.
//!
//! ```text
//! monitor ── device-side ── gateway ── ward ── receiver
//!  202.114.4.8             │ .119, .120       10.20.1.9
//!                          └── outside ── internet (198.51.100.2, and 202.114.4.119)
//! ```
//! None has a route to the machine's own networks.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The namespaces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Monitor,
    Gateway,
    Ward,
    Internet,
}

/// How often something is asked for.
const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway");

pub(crate) struct Place {
    folder: PathBuf,
    namespaces: [String; 4],
    running: RefCell<Vec<(String, Child)>>,
}

impl Place {
    /// The namespaces, or `None` after saying why not.
    pub(crate) fn new() -> Option<Self> {
        for program in [
            "nft",
            "python3",
            "ip",
            "nfs-cp",
            "ganesha.nfsd",
            "rpcbind",
            "rpcinfo",
            "mosquitto",
            "dnsmasq",
            "chronyd",
            "udhcpc",
        ] {
            let found =
                Command::new("sh").args(["-c", "command -v \"$1\" >/dev/null", "sh", program]).status();
            if !found.is_ok_and(|status| status.success()) {
                return skip(&format!("{program} is not installed"));
            }
        }
        static PLACES: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-g{}-{}", std::process::id(), PLACES.fetch_add(1, Ordering::Relaxed));
        let namespaces = ["monitor", "gateway", "ward", "internet"].map(|end| format!("{name}-{end}"));
        let made = Command::new("ip").args(["netns", "add", &namespaces[0]]).output().unwrap();
        if !made.status.success() {
            return skip(&format!("no network namespace can be made: {}", said(&made)));
        }
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let place = Self { folder, namespaces, running: RefCell::default() };
        for namespace in &place.namespaces[1..] {
            run(&["ip", "netns", "add", namespace]);
        }
        place.wire();
        Some(place)
    }

    fn wire(&self) {
        let [monitor, gateway, ward, internet] = &self.namespaces;
        for (near, far) in [("device0", monitor), ("ward0", ward), ("outside0", internet)] {
            let ends = ["peer", "name", "eth0", "netns", far];
            run(&[&["ip", "link", "add", near, "netns", gateway, "type", "veth"], &ends[..]].concat());
        }
        for namespace in &self.namespaces {
            let quiet = ["net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"];
            run(&[&["ip", "netns", "exec", namespace, "sysctl", "-qw"], &quiet[..]].concat());
            run(&["ip", "-n", namespace, "link", "set", "lo", "up"]);
        }
        let addresses = [
            (At::Monitor, "eth0", "202.114.4.8/24"),
            (At::Gateway, "ward0", "10.20.1.1/24"),
            (At::Gateway, "outside0", "198.51.100.1/24"),
            (At::Ward, "eth0", "10.20.1.9/24"),
            (At::Internet, "eth0", "198.51.100.2/24"),
        ];
        for (at, interface, address) in addresses {
            run(&["ip", "-n", self.name(at), "address", "add", address, "dev", interface]);
            run(&["ip", "-n", self.name(at), "link", "set", interface, "up"]);
        }
        run(&["ip", "-n", gateway, "link", "set", "device0", "up"]);
        run(&["ip", "-n", internet, "address", "add", "202.114.4.119/32", "dev", "lo"]);
        // Whoever asks for a neighbour's address now and then would be counted as a frame that left.
        let ends = [(At::Gateway, "outside0", "198.51.100.1"), (At::Internet, "eth0", "198.51.100.2")];
        for ((at, interface, _), (far, link, address)) in ends.into_iter().zip([ends[1], ends[0]]) {
            let mac = self.mac(far, link);
            let known = ["lladdr", &mac, "dev", interface, "nud", "permanent"];
            run(&[&["ip", "-n", self.name(at), "neigh", "replace", address], &known[..]].concat());
        }
        // A router that forwards whatever it is given: what the monitor's network usually is.
        run(&["ip", "netns", "exec", gateway, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
        run(&["ip", "-n", internet, "route", "add", "default", "via", "198.51.100.1"]);
        run(&["ip", "-n", ward, "route", "add", "default", "via", "10.20.1.1"]);
    }

    /// The monitor's default router is the gateway's host, and the hard-coded address is out in the internet.
    pub(crate) fn lead_outside(&self) {
        run(&["ip", "-n", self.name(At::Gateway), "address", "add", "202.114.4.1/32", "dev", "device0"]);
        run(&["ip", "-n", self.name(At::Gateway), "route", "add", "202.114.4.8/32", "dev", "device0"]);
        run(&["ip", "-n", self.name(At::Gateway), "route", "add", "202.114.4.119/32", "via", "198.51.100.2"]);
        run(&["ip", "-n", self.name(At::Monitor), "route", "add", "202.114.4.119/32", "via", "202.114.4.1"]);
    }

    /// The monitor looks for the hard-coded address on its own segment.
    pub(crate) fn stay_on_link(&self) {
        run(&["ip", "-n", self.name(At::Monitor), "route", "del", "202.114.4.119/32"]);
        run(&["ip", "-n", self.name(At::Monitor), "route", "add", "default", "via", "202.114.4.119"]);
    }

    pub(crate) fn name(&self, at: At) -> &str {
        &self.namespaces[at as usize]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs a program to its end.
    pub(crate) fn output(&self, at: At, command: &[&str]) -> Output {
        let inside = ["netns", "exec", self.name(at)];
        Command::new("ip").args(inside).args(command).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs a script of this folder to its end, which must be a good one.
    pub(crate) fn script(&self, at: At, script: &str, arguments: &[&str]) -> String {
        let path = format!("{SCRIPTS}/{script}");
        let output = self.output(at, &[&["python3", "-B", &path], arguments].concat());
        assert!(output.status.success(), "{script}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a program under a name; its words go to the files `NAME.out` and `NAME.err`.
    pub(crate) fn start(&self, at: At, name: &str, command: &[&str]) {
        let file = |kind: &str| {
            let path = self.path(&format!("{name}.{kind}"));
            std::fs::File::options().create(true).append(true).open(path).unwrap()
        };
        let mut inside = Command::new("ip");
        // `ip netns exec` becomes the program, so signals reach it.
        inside.args(["netns", "exec", self.name(at)]).args(command).stdin(Stdio::null());
        let child = inside.stdout(file("out")).stderr(file("err")).spawn().unwrap();
        self.running.borrow_mut().push((name.to_owned(), child));
    }

    pub(crate) fn start_script(&self, at: At, name: &str, script: &str, arguments: &[&str]) {
        let path = format!("{SCRIPTS}/{script}");
        self.start(at, name, &[&["python3", "-B", &path], arguments].concat());
    }

    /// Sends a signal to a program and waits for its end.
    pub(crate) fn end(&self, name: &str, signal: &str) {
        let mut running = self.running.borrow_mut();
        let at = running.iter().position(|(known, _)| known == name).unwrap();
        let (_, mut child) = running.remove(at);
        run(&["kill", signal, &child.id().to_string()]);
        child.wait().unwrap();
    }

    /// Waits for the end of a program that ends by itself.
    pub(crate) fn ended(&self, name: &str) {
        let mut running = self.running.borrow_mut();
        let at = running.iter().position(|(known, _)| known == name).unwrap();
        let (_, mut child) = running.remove(at);
        assert!(child.wait().unwrap().success(), "{name}: {}", self.read(&format!("{name}.err")));
    }

    pub(crate) fn until(&self, what: &str, is: impl Fn() -> bool) {
        for _ in 0..TRIES_MAX {
            if is() {
                return;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        let [said, counts, heard] = ["gateway.err", "counts", "subscriber.out"].map(|name| self.read(name));
        let heard: Vec<&str> = heard.lines().filter(|line| line.len() < 200).collect();
        panic!("waited in vain: {what}\n{said}\n{counts}{heard:?}\n{}", self.standing());
    }

    /// Link address of an interface.
    pub(crate) fn mac(&self, at: At, interface: &str) -> String {
        let output = self.output(at, &["cat", &format!("/sys/class/net/{interface}/address")]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Frames that an interface received.
    pub(crate) fn received(&self, at: At, interface: &str) -> u64 {
        let path = format!("/sys/class/net/{interface}/statistics/rx_packets");
        let output = self.output(at, &["cat", &path]);
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // Everything in a namespace of ours is ours.
            if let Ok(output) = Command::new("ip").args(["netns", "pids", namespace]).output() {
                for pid in String::from_utf8(output.stdout).unwrap_or_default().split_whitespace() {
                    drop(Command::new("kill").args(["-KILL", pid]).status());
                }
            }
            drop(Command::new("ip").args(["netns", "delete", namespace]).stderr(Stdio::null()).status());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI may not skip this");
    println!("skipped: {why}");
    None
}

pub(crate) fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8(bytes.clone()).unwrap_or_default())
        .concat()
}

fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
