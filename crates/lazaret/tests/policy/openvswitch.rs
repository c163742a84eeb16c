//! The rendered Open vSwitch flows in Open vSwitch: its own classifier decides, over a data path that touches no network.

use crate::chance::{Chance, assert_telling, packet, packets, policy};
use crate::{missing, said, skip};
use model::{Mac, Transport};
use policy::render::target;
use policy::{Packet, Scope};
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Packets of each of the four policies.
const PACKETS: usize = 2_600;
const TRIES_MAX: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

struct Switch {
    folder: PathBuf,
    processes: Vec<Child>,
}

impl Switch {
    fn new() -> Option<Self> {
        if let Some(why) = missing(&["ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"])
        {
            return skip(&why);
        }
        let folder = std::env::temp_dir().join(format!("lazaret-o{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut switch = Self { folder, processes: Vec::new() };
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        switch.inside(&["ovsdb-tool", "create", &switch.path("conf.db"), schema]);
        let database = format!("unix:{}", switch.path("db.sock"));
        let server =
            [&switch.path("conf.db"), &format!("--remote=p{database}"), "--no-chdir"].map(str::to_owned);
        switch.start("ovsdb-server", &server);
        switch.until("db.sock");
        switch.inside(&["ovs-vsctl", "--no-wait", &format!("--db={database}"), "init"]);
        // With `--enable-dummy=override` every bridge is a table in this process: no socket of a network is opened.
        switch.start(
            "ovs-vswitchd",
            &[database.clone(), "--enable-dummy=override".to_owned(), "--disable-system".to_owned()],
        );
        let db = format!("--db={database}");
        let mut make = vec![
            "ovs-vsctl",
            &db,
            "--timeout=30",
            "add-br",
            "br0",
            "--",
            "set",
            "bridge",
            "br0",
            "datapath-type=dummy",
            "fail-mode=secure",
        ];
        for port in ["p1", "p2"] {
            make.extend(["--", "add-port", "br0", port, "--", "set", "interface", port, "type=dummy"]);
        }
        switch.inside(&make);
        Some(switch)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for key in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(key, &self.folder);
        }
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn inside(&self, words: &[&str]) {
        let output = self.command(words[0]).args(&words[1..]).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }

    fn start(&mut self, program: &str, words: &[String]) {
        let mut command = self.command(program);
        command.args(words).arg(format!("--unixctl={}", self.path(&format!("{program}.ctl"))));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.processes.push(command.spawn().unwrap());
    }

    fn until(&self, name: &str) {
        for _ in 0..TRIES_MAX {
            if Path::new(&self.path(name)).exists() {
                return;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("{name} did not appear");
    }

    /// Asks Open vSwitch what becomes of packets; true for those that go on.
    fn trace(&self, packets: &[Packet]) -> Vec<bool> {
        let mut stream = UnixStream::connect(self.path("ovs-vswitchd.ctl")).unwrap();
        let reader = stream.try_clone().unwrap();
        let mut answers = serde_json::Deserializer::from_reader(reader).into_iter::<Value>();
        packets
            .iter()
            .map(|packet| {
                let ask = json!({"method": "ofproto/trace", "params": ["br0", flow(packet)], "id": 0});
                stream.write_all(ask.to_string().as_bytes()).unwrap();
                let answer = answers.next().unwrap().unwrap();
                assert!(answer["error"].is_null(), "{answer}: {}", flow(packet));
                let text = answer["result"].as_str().unwrap();
                let actions = text.lines().find_map(|line| line.strip_prefix("Datapath actions: ")).unwrap();
                actions != "drop"
            })
            .collect()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for process in &mut self.processes {
            drop(process.kill());
            drop(process.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// A packet in the words of ovs-fields(7).
fn flow(packet: &Packet) -> String {
    let v4 = packet.source.is_ipv4();
    let mac = |mac: Option<Mac>| mac.unwrap_or(Mac([2, 0, 0, 0, 0xBB, 1]));
    let six = if v4 { "" } else { "6" };
    let ends = if v4 { ["nw_src", "nw_dst"] } else { ["ipv6_src", "ipv6_dst"] };
    let inner = match packet.transport {
        Transport::Tcp => {
            let flags = if packet.acknowledges { "0x018" } else { "0x002" };
            format!(
                "tcp{six},tcp_src={},tcp_dst={},tcp_flags={flags}",
                packet.source_port, packet.target_port
            )
        }
        Transport::Udp => format!("udp{six},udp_src={},udp_dst={}", packet.source_port, packet.target_port),
        Transport::Icmp => {
            let field = if v4 { "icmp" } else { "icmpv6" };
            format!("icmp{six},{field}_type={},{field}_code=0", packet.target_port)
        }
        Transport::Ip(number) => format!("{},nw_proto={number}", if v4 { "ip" } else { "ipv6" }),
        _ => panic!("{packet:?}"),
    };
    format!(
        "in_port=p1,dl_src={},dl_dst={},{inner},{}={},{}={}",
        mac(packet.source_mac),
        mac(packet.target_mac),
        ends[0],
        packet.source,
        ends[1],
        packet.target
    )
}

#[test]
fn open_vswitch_decides_as_the_policy_packet_by_packet() {
    let Some(switch) = Switch::new() else { return };
    for (seed, scope) in [(11, Scope::Units), (12, Scope::Segment), (13, Scope::Units), (14, Scope::Segment)]
    {
        let mut chance = Chance(seed);
        let policy = policy(&mut chance, scope);
        let flows = switch.path("flows");
        std::fs::write(&flows, target("ovs").unwrap().render(&policy).unwrap()).unwrap();
        switch.inside(&["ovs-ofctl", "del-flows", "br0"]);
        switch.inside(&["ovs-ofctl", "add-flows", "br0", &flows]);
        let packets: Vec<Packet> = (0..packets(PACKETS))
            .map(|number| {
                let target_mac = (number % 3 == 0).then(|| Mac([2, 0, 0, 0, 0, chance.below(6) as u8]));
                Packet { target_mac, ..packet(&mut chance) }
            })
            .collect();
        let mut passed = 0;
        for (packet, goes_on) in packets.iter().zip(switch.trace(&packets)) {
            // A frame to the address it comes from goes nowhere, whatever the flows say.
            let wanted = policy.decide(packet);
            if packet.source_mac == packet.target_mac {
                continue;
            }
            assert_eq!(
                goes_on,
                wanted.passes(),
                "seed {seed}, {packet:?}: the policy says {wanted:?}\n{policy:#?}"
            );
            passed += u32::from(goes_on);
        }
        assert_telling(("ovs", seed), packets.len() as u32, passed);
    }
}
