//! The rendered bridge ruleset in a kernel: a Linux bridge in a namespace of its own, between one namespace that feeds it
//! frames and one that hears what it lets through.

use crate::chance::{Chance, assert_agrees, packet, packets, policy};
use crate::frames::{frame, numbers, write};
use crate::nftables::Ear;
use crate::{missing, run, said, skip};
use model::Mac;
use policy::render::target;
use policy::{Packet, Scope};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Packets of each of the four policies; at full length 2,600 (`cargo xtask soak policy`).
const PACKETS: usize = 600;
const SEEDS: [(u64, Scope); 4] =
    [(22, Scope::Units), (26, Scope::Segment), (27, Scope::Units), (30, Scope::Segment)];
/// Link address of somebody whom no policy knows.
const STRANGER: Mac = Mac([2, 0, 0, 0, 0xBB, 1]);

/// Every frame is flooded to the other cable, whatever stations sent before: what the bridge would learn is no part of what
/// is compared. The ends have no addresses and say nothing of their own.
const SETUP: &str = "set -e
ip link add br0 type bridge stp_state 0 mcast_snooping 0
ip link add in type veth peer name feed netns $LEFT
ip link add out type veth peer name far netns $RIGHT
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
for link in in out; do
  ip link set $link master br0
  ip link set $link type bridge_slave learning off
  ip link set $link up
done
ip link set br0 up
ip netns exec $LEFT sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec $RIGHT sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip -n $LEFT link set feed up
ip -n $RIGHT link set far up
";

struct Bridge {
    /// Left, the bridge, right.
    names: [String; 3],
    folder: PathBuf,
}

impl Bridge {
    fn new() -> Option<Self> {
        if let Some(why) = missing(&["ip", "nft", "tcpreplay", "tcpdump", "sysctl", "bridge"]) {
            return skip(&why);
        }
        static BRIDGES: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-b{}-{}", std::process::id(), BRIDGES.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        let names = ["l", "", "r"].map(|end| format!("{name}{end}"));
        let bridge = Self { names, folder };
        for name in &bridge.names {
            let made = Command::new("ip").args(["netns", "add", name]).output().unwrap();
            if !made.status.success() {
                return skip(&format!("no network namespaces: {}", said(&made).trim()));
            }
        }
        let [left, middle, right] = &bridge.names;
        let (left, right) = (format!("LEFT={left}"), format!("RIGHT={right}"));
        run(&["ip", "netns", "exec", middle, "env", &left, &right, "sh", "-c", SETUP]);
        // A port of a bridge forwards only a moment after its cable is there.
        bridge.until_both_ports_forward();
        Some(bridge)
    }

    fn until_both_ports_forward(&self) {
        const TRIES_MAX: u32 = 10_000;
        for _ in 0..TRIES_MAX {
            let ports = run(&["ip", "netns", "exec", &self.names[1], "bridge", "link", "show"]);
            if said(&ports).matches("state forwarding").count() == 2 {
                return;
            }
        }
        panic!("the bridge does not forward");
    }

    /// Sends a capture from an interface of one of the namespaces.
    fn play(&self, namespace: usize, interface: &str, capture: &str, pace: &str) {
        run(&[
            "ip",
            "netns",
            "exec",
            &self.names[namespace],
            "tcpreplay",
            "-q",
            pace,
            "-i",
            interface,
            capture,
        ]);
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        for name in &self.names {
            drop(
                Command::new("ip")
                    .args(["netns", "delete", name])
                    .stderr(std::process::Stdio::null())
                    .status(),
            );
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A packet as a bridge sees it: also to whom on the link.
fn framed(chance: &mut Chance, number: usize) -> Packet {
    let target_mac = number.is_multiple_of(3).then(|| Mac([2, 0, 0, 0, 0, chance.below(6) as u8]));
    Packet { target_mac, ..packet(chance) }
}

/// Number of the frame with a question for an address.
const ARP: u32 = u32::MAX - 1;

/// Who has 10.9.0.1? With its number behind it, as padding.
fn question(number: u32) -> Vec<u8> {
    let mut out = [&[0xFF; 6][..], &STRANGER.0, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &STRANGER.0].concat();
    out.extend_from_slice(&[10, 9, 0, 250, 0, 0, 0, 0, 0, 0, 10, 9, 0, 1]);
    out.extend_from_slice(b"LZRT");
    out.extend_from_slice(&number.to_be_bytes());
    out.resize(60, 0);
    out
}

#[test]
fn the_kernel_of_a_bridge_decides_as_the_policy_packet_by_packet() {
    for (seed, scope) in SEEDS {
        let Some(bridge) = Bridge::new() else { return };
        let mut chance = Chance(seed);
        let policy = policy(&mut chance, scope);
        let rules = bridge.folder.join("rules.nft");
        std::fs::write(&rules, target("nft-bridge").unwrap().render(&policy).unwrap()).unwrap();
        let rules = rules.to_str().unwrap();
        // Twice: what is loaded over itself is the same again.
        for _ in 0..2 {
            run(&["ip", "netns", "exec", &bridge.names[1], "nft", "-f", rules]);
        }
        let packets: Vec<_> = (0..packets(PACKETS)).map(|number| framed(&mut chance, number)).collect();
        let to = |packet: &Packet| packet.target_mac.unwrap_or(STRANGER);
        let mut frames: Vec<_> =
            (0..).zip(&packets).map(|(number, packet)| frame(packet, number, to(packet))).collect();
        // Nothing on a link works without it.
        frames.push(question(ARP));
        let capture = bridge.folder.join("in.pcap");
        let path = capture.to_str().unwrap().to_owned();
        write(&capture, &frames);
        let ear = Ear::at(&bridge.names[2], "far", bridge.folder.join("far.pcap"));
        bridge.play(0, "feed", &path, "--pps=4000");
        // A last one, sent over the far end's own cable past every rule, tells that all have arrived.
        let end = u32::MAX;
        write(&capture, &[question(end)]);
        bridge.play(1, "out", &path, "--topspeed");
        let heard = numbers(&ear.until(|bytes| numbers(bytes).contains(&end)));
        assert!(heard.contains(&ARP), "seed {seed}: ARP does not pass");
        assert_agrees(("nft-bridge", seed), &policy, &packets, &heard, |packet| policy.decide(packet));
    }
}
