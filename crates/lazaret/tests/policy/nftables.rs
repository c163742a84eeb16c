//! The rendered nftables ruleset in a kernel: a router in a namespace of its own, fed by one cable, heard on another.

use crate::chance::{Chance, assert_agrees, packet, packets, policy};
use crate::frames::{frame, numbers, write};
use crate::{missing, run, said, skip};
use model::Mac;
use policy::render::target;
use policy::{Scope, Tracker};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Packets of each of the four policies.
const PACKETS: usize = 2_600;
const SEEDS: [(u64, Scope); 4] =
    [(1, Scope::Units), (2, Scope::Segment), (3, Scope::Units), (4, Scope::Segment)];
const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);
/// The router's end of the cable that frames come in by.
const ROUTER: Mac = Mac([2, 0, 0, 0, 0xAA, 1]);

/// Everything is forwarded from one cable to the other, whatever its addresses; answers of conntrack depend on nothing
/// but the packets.
const SETUP: &str = "set -e
ip link set lo up
ip link add feed type veth peer name in
ip link add out type veth peer name far
sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0
ip link set in address 02:00:00:00:aa:01
for link in feed in out far; do ip link set $link up; done
ip addr add 192.0.2.1/30 dev out
ip -6 addr add 2001:db8:aaaa::1/64 dev out nodad
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $file; done
for file in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 > $file; done
ip neigh add 192.0.2.2 lladdr 02:00:00:00:aa:02 dev out nud permanent
ip -6 neigh add 2001:db8:aaaa::2 lladdr 02:00:00:00:aa:02 dev out nud permanent
ip route add default via 192.0.2.2 dev out
ip -6 route add default via 2001:db8:aaaa::2 dev out
";

struct Router {
    name: String,
    folder: PathBuf,
}

impl Router {
    fn new() -> Option<Self> {
        if let Some(why) = missing(&["ip", "nft", "tcpreplay", "tcpdump", "sysctl"]) {
            return skip(&why);
        }
        static ROUTERS: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-n{}-{}", std::process::id(), ROUTERS.fetch_add(1, Ordering::Relaxed));
        let made = Command::new("ip").args(["netns", "add", &name]).output().unwrap();
        if !made.status.success() {
            return skip(&format!("no network namespaces: {}", said(&made).trim()));
        }
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let router = Self { name, folder };
        run(&["ip", "netns", "exec", &router.name, "sh", "-c", SETUP]);
        Some(router)
    }

    fn inside(&self, command: &[&str]) -> String {
        let output = run(&[&["ip", "netns", "exec", &self.name][..], command].concat());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Hears the far end until it is dropped.
    fn listen(&self, capture: &str) -> Ear {
        Ear::at(&self.name, "far", self.folder.join(capture))
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        drop(Command::new("ip").args(["netns", "delete", &self.name]).status());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Writes down what arrives at an interface.
pub(crate) struct Ear {
    process: Child,
    path: PathBuf,
}

impl Ear {
    /// Listens from here on, until it is dropped.
    pub(crate) fn at(namespace: &str, interface: &str, path: PathBuf) -> Self {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace, "tcpdump", "-i", interface, "-B", "65536", "-U", "-w"])
            .arg(&path);
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let ear = Self { process, path };
        ear.until(|bytes| bytes.len() >= 24);
        ear
    }

    pub(crate) fn until(&self, is: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        for _ in 0..TRIES_MAX {
            let bytes = std::fs::read(&self.path).unwrap_or_default();
            if is(&bytes) {
                return bytes;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("waited in vain for {}", self.path.display());
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn the_kernel_decides_as_the_policy_packet_by_packet() {
    for (seed, scope) in SEEDS {
        // A router of its own: no ruleset meets connections of another.
        let Some(router) = Router::new() else { return };
        let mut chance = Chance(seed);
        let policy = policy(&mut chance, scope);
        let rules = router.folder.join("rules.nft");
        std::fs::write(&rules, target("nft").unwrap().render(&policy).unwrap()).unwrap();
        // Twice: what is loaded over itself is the same again.
        for _ in 0..2 {
            router.inside(&["nft", "-f", rules.to_str().unwrap()]);
        }
        router.inside(&["sh", "-c", "sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=1"]);
        let packets: Vec<_> = (0..packets(PACKETS)).map(|_| packet(&mut chance)).collect();
        let mut frames: Vec<_> =
            (0..).zip(&packets).map(|(number, packet)| frame(packet, number, ROUTER)).collect();
        // A last one that every ruleset lets pass, sent over the far end's own cable, tells that all have arrived.
        let capture = router.folder.join("in.pcap");
        write(&capture, &frames);
        let ear = router.listen(&format!("far{seed}.pcap"));
        router.inside(&["tcpreplay", "-q", "--pps=4000", "-i", "feed", capture.to_str().unwrap()]);
        let last = frames.pop().unwrap();
        let end = u32::MAX;
        let at = last.len() - 4;
        let marked = [&last[..at], &end.to_be_bytes()].concat();
        write(&capture, &[marked]);
        router.inside(&["tcpreplay", "-q", "-i", "out", capture.to_str().unwrap()]);
        let heard = numbers(&ear.until(|bytes| numbers(bytes).contains(&end)));
        let mut tracker = Tracker::default();
        assert_agrees(("nft", seed), &policy, &packets, &heard, |packet| tracker.decide(&policy, packet));
    }
}
