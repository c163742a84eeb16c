//! Two network namespaces joined by a cable, what runs in them, and their end.

use crate::image;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Address of the server: the one that the firmware of the CMS8000 has hard-coded.
pub(crate) const SERVER: &str = "202.114.4.119";
/// Address of the client.
pub(crate) const CLIENT: &str = "202.114.4.20";
/// How often a peer is asked whether it is up.
const TRIES_MAX: u32 = 150;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);
/// How long a cable is silent before its capture ends.
const SILENCE: Duration = Duration::from_millis(2000);
/// What tcpdump writes before the first frame.
const CAPTURE_HEADER_BYTES: u64 = 24;

/// Starts the port mapper on the server's address, then the file server. `/run` is their own, so that they
/// neither find nor disturb those of the host.
const SERVE_FILES: &str = r#"
mount -t tmpfs tmpfs /run && mkdir -p /run/ganesha || exit 1
rpcbind -f -h "$1" &
tries=0
until [ -S /run/rpcbind.sock ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || exit 1
    sleep 0.1
done
exec ganesha.nfsd -F -L "$2/ganesha.log" -f "$2/ganesha.conf" -p "$2/ganesha.pid" -N EVENT
"#;

/// The site of one test.
pub(crate) struct Site {
    /// Folder of its own.
    folder: PathBuf,
    /// Names of the namespaces: server, client.
    namespaces: [String; 2],
    /// What runs in them.
    running: std::cell::RefCell<Vec<Child>>,
}

impl Site {
    /// Two joined namespaces, or `None` after saying why not. `programs` must be installed.
    pub(crate) fn new(programs: &[&str]) -> Option<Self> {
        if let Some(missing) = missing(programs) {
            return skip(&missing);
        }
        static SITES: AtomicU32 = AtomicU32::new(0);
        let name = format!("lazaret-{}-{}", std::process::id(), SITES.fetch_add(1, Ordering::Relaxed));
        if let Some(refused) = refused(&name) {
            return skip(&refused);
        }
        let namespaces = ["server", "client"].map(|end| format!("{name}-{end}"));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        // From here on, whatever fails, `drop` cleans up.
        let site = Self { folder, namespaces, running: std::cell::RefCell::default() };
        let [server, client] = &site.namespaces;
        for namespace in [server, client] {
            run(&["ip", "netns", "add", namespace]);
        }
        run(&[
            "ip", "link", "add", "eth0", "netns", server, "type", "veth", "peer", "name", "eth0", "netns",
            client,
        ]);
        for (namespace, address) in [(server, SERVER), (client, CLIENT)] {
            run(&["ip", "-n", namespace, "address", "add", &format!("{address}/24"), "dev", "eth0"]);
            run(&["ip", "-n", namespace, "link", "set", "lo", "up"]);
            run(&["ip", "-n", namespace, "link", "set", "eth0", "up"]);
        }
        Some(site)
    }

    /// A file in the site's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts `bytes` where the server exports them as `/pm/monitor`.
    pub(crate) fn export(&self, bytes: &[u8]) -> PathBuf {
        let path = self.path("pm/monitor");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs the port mapper and the file server until both answer.
    pub(crate) fn serve_files(&self) {
        let folder = self.folder.to_str().unwrap();
        let configuration = format!(
            "NFS_CORE_PARAM {{ Protocols = 3; Bind_addr = {SERVER}; NFS_Port = 2049; MNT_Port = 20048; Enable_UDP = true; \
             mount_path_pseudo = true; Enable_NLM = false; Enable_RQUOTA = false; }}\n\
             NFSV4 {{ Graceless = true; }}\n\
             EXPORT {{ Export_Id = 1; Path = {folder}/pm; Pseudo = /pm; Access_Type = RO; Squash = No_Root_Squash; \
             SecType = sys; Protocols = 3; Transports = UDP, TCP; FSAL {{ Name = VFS; }} }}\n"
        );
        std::fs::write(self.path("ganesha.conf"), configuration).unwrap();
        self.start(&["sh", "-c", SERVE_FILES, "sh", SERVER, folder]);
        // Asked from the server's own namespace: nothing of it passes the cable.
        self.until("the file server", || {
            let output = self.output(0, &["rpcinfo", "-p", SERVER]);
            let list = String::from_utf8(output.stdout).unwrap();
            let registered = |transport: &str, program: &str| {
                list.lines().any(|line| {
                    let words: Vec<_> = line.split_whitespace().collect();
                    words.contains(&transport) && words.contains(&program)
                })
            };
            ["udp", "tcp"]
                .iter()
                .all(|transport| registered(transport, "100003") && registered(transport, "100005"))
        });
    }

    /// Runs the imaging archive until it answers.
    pub(crate) fn serve_images(&self) {
        let store = self.path("images");
        std::fs::create_dir_all(&store).unwrap();
        let port = image::PORT.to_string();
        self.start(&["storescp", "-aet", image::CALLED, "-od", store.to_str().unwrap(), &port]);
        self.until("the archive", || self.output(0, &["echoscu", SERVER, &port]).status.success());
    }

    /// How many images the archive holds.
    pub(crate) fn images(&self) -> usize {
        std::fs::read_dir(self.path("images")).unwrap().count()
    }

    /// Captures what passes the cable while `talk` runs.
    pub(crate) fn capture(&self, talk: impl FnOnce()) -> PathBuf {
        let path = self.path("cable.pcap");
        let mut tcpdump = self
            .inside(
                1,
                &[
                    "tcpdump",
                    "-i",
                    "eth0",
                    "-n",
                    "-U",
                    "-B",
                    "16384",
                    "-Z",
                    "root",
                    "-w",
                    path.to_str().unwrap(),
                ],
            )
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(tcpdump.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "tcpdump ended before it listened");
        }
        talk();
        // tcpdump is handed frames a second late at most; the cable is silent when no more come for longer.
        let pid = tcpdump.id().to_string();
        let bytes = || std::fs::metadata(&path).map_or(0, |file| file.len());
        self.until("the end of the capture", || {
            let before = bytes();
            std::thread::sleep(SILENCE);
            before > CAPTURE_HEADER_BYTES && bytes() == before
        });
        run(&["kill", "-INT", &pid]);
        let mut totals = String::new();
        while said.read_line(&mut totals).unwrap() > 0 {}
        tcpdump.wait().unwrap();
        assert!(totals.lines().any(|line| line == "0 packets dropped by kernel"), "{totals}");
        path
    }

    /// Runs a program in the client's namespace, which must succeed.
    pub(crate) fn client(&self, command: &[&str]) {
        let output = self.output(1, command);
        assert!(output.status.success(), "{command:?}: {}", all_said(&output));
    }

    fn inside(&self, end: usize, command: &[&str]) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.namespaces[end]]).args(command).stdin(Stdio::null());
        inside
    }

    fn output(&self, end: usize, command: &[&str]) -> Output {
        self.inside(end, command).output().unwrap()
    }

    fn start(&self, command: &[&str]) {
        let log = std::fs::File::create(self.path("server.log")).unwrap();
        let errors = log.try_clone().unwrap();
        let child = self.inside(0, command).stdout(log).stderr(errors).spawn().unwrap();
        self.running.borrow_mut().push(child);
    }

    fn until(&self, what: &str, is: impl Fn() -> bool) {
        for _ in 0..TRIES_MAX {
            if is() {
                return;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        let log = |name: &str| std::fs::read_to_string(self.path(name)).unwrap_or_default();
        panic!("{what} is not up after {TRIES_MAX} tries\n{}\n{}", log("server.log"), log("ganesha.log"));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            // Everything in a namespace of ours is ours.
            if let Ok(output) = Command::new("ip").args(["netns", "pids", namespace]).output() {
                for pid in String::from_utf8(output.stdout).unwrap_or_default().split_whitespace() {
                    drop(Command::new("kill").args(["-KILL", pid]).status());
                }
            }
        }
        for child in self.running.get_mut() {
            drop(child.wait());
        }
        for namespace in &self.namespaces {
            drop(Command::new("ip").args(["netns", "delete", namespace]).stderr(Stdio::null()).status());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// What this test needs and does not have.
fn missing(programs: &[&str]) -> Option<String> {
    let mut all = ["ip", "tcpdump", "kill", "sha256sum"].iter().chain(programs);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = |name: &str| {
        std::env::split_paths(&path).any(|folder: PathBuf| Path::new(&folder).join(name).exists())
    };
    let missing = all.find(|program| !installed(program))?;
    Some(format!("{missing} is not installed"))
}

/// Why no namespace can be made: only root may, and a container may not be allowed either.
fn refused(name: &str) -> Option<String> {
    let made = Command::new("ip").args(["netns", "add", name]).output().unwrap();
    if !made.status.success() {
        return Some(format!("no network namespaces: {}", all_said(&made).trim()));
    }
    run(&["ip", "netns", "delete", name]);
    None
}

/// Says why nothing is tested.
fn skip<T>(why: &str) -> Option<T> {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI may not skip this");
    println!("skipped: {why}");
    None
}

fn all_said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().escape_ascii().to_string().replace("\\n", "\n")
}

fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", all_said(&output));
}
