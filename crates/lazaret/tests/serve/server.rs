//! A server under test, and a client that speaks as much HTTP/1.1 as that takes.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Longest wait for something that must happen: a busy machine takes its time.
const WAIT_MAX: Duration = Duration::from_secs(180);

/// A folder of its own for one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-api-{test}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A small ward of its own seed, with what is true of it.
    pub(crate) fn ward(&self, seed: u32, scenarios: &[&str]) -> String {
        let path = self.text(&format!("ward-{seed}.pcap"));
        let seed = seed.to_string();
        let mut arguments =
            vec!["simulate", "ward", "--monitors", "3", "--minutes", "0.2", "--quiet", "--seed", &seed];
        scenarios.iter().for_each(|scenario| arguments.extend(["--scenario", scenario]));
        arguments.extend(["--output", &path]);
        done(&arguments);
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Runs the binary, which must succeed.
pub(crate) fn done(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_lazaret")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", output.stderr.escape_ascii());
    output
}

/// Whether a program is there; if not, says so.
pub(crate) fn has(program: &str) -> bool {
    if Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{program} is missing");
    println!("skipped: {program} is missing");
    false
}

/// A server over the store of a folder, ended at the end of the test.
pub(crate) struct Server {
    child: Child,
    heard: Arc<(Mutex<String>, Condvar)>,
    /// `https://127.0.0.1:…`.
    pub(crate) base: String,
    /// Secret of the link for the first admin.
    pub(crate) secret: String,
}

impl Server {
    pub(crate) fn start(folder: &Folder, more: &[&str]) -> Self {
        let store = folder.text("store");
        let arguments = [&["serve", "--store", &store, "--listen", "127.0.0.1:0"], more].concat();
        let mut child = Command::new(env!("CARGO_BIN_EXE_lazaret"))
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let heard = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let (stderr, to) = (child.stderr.take().unwrap(), Arc::clone(&heard));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                to.0.lock().unwrap().push_str(&format!("{line}\n"));
                to.1.notify_all();
            }
        });
        let mut server = Self { child, heard, base: String::new(), secret: String::new() };
        server.until("it says where it is", |said| said.contains("/setup#"));
        let link = server.said("/setup#");
        let (base, secret) = link.trim().split_once("/setup#").unwrap();
        (server.base, server.secret) = (base.to_owned(), secret.to_owned());
        server
    }

    /// The line of standard error that holds `part`.
    pub(crate) fn said(&self, part: &str) -> String {
        let said = self.heard.0.lock().unwrap();
        said.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {said}")).to_owned()
    }

    /// All that standard error said.
    pub(crate) fn all_said(&self) -> String {
        self.heard.0.lock().unwrap().clone()
    }

    /// Waits for what standard error says.
    pub(crate) fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let said = self.heard.0.lock().unwrap();
        let waited = self.heard.1.wait_timeout_while(said, WAIT_MAX, |said| !holds(said)).unwrap();
        assert!(!waited.1.timed_out(), "not in time: {what}\n{}", waited.0);
    }

    /// Asks again and again, until there is an answer.
    pub(crate) fn wait<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(started.elapsed() < WAIT_MAX, "not in time: {what}");
            std::thread::yield_now();
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Ends it by a signal; its exit status.
    pub(crate) fn end(mut self, signal: &str) -> i32 {
        self.signal(signal);
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.base.rsplit('/').next().unwrap()).unwrap();
        stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
        stream
    }

    /// The first admin, made by the link, and an API token of theirs.
    pub(crate) fn admin(&self) -> Caller<'_> {
        let body = json!({ "secret": self.secret, "name": "haldis", "password": "green lamp by the door" });
        let plain = [("Content-Type", "application/json")];
        let made = self.ask("POST", "/api/v1/setup", &plain, body.to_string().as_bytes());
        self.token(&made, "admin")
    }

    /// A user of that role, made by the admin, and an API token of theirs.
    pub(crate) fn user(&self, admin: &Caller<'_>, name: &str, role: &str) -> Caller<'_> {
        let password = "green lamp by the door";
        let body = json!({ "name": name, "role": role, "password": password });
        let made = admin.ask("POST", "/api/v1/users", body.to_string().as_bytes());
        assert_eq!(made.status, 201, "{}", made.text());
        let plain = [("Content-Type", "application/json")];
        let body = json!({ "name": name, "password": password }).to_string();
        self.token(&self.ask("POST", "/api/v1/session", &plain, body.as_bytes()), role)
    }

    /// A token of whom that answer signed in.
    fn token(&self, made: &Answer, role: &str) -> Caller<'_> {
        assert_eq!(made.status, 200, "{}", made.text());
        let cookie = made.headers["set-cookie"].split(';').next().unwrap().to_owned();
        let csrf = made.json()["csrf"].as_str().unwrap().to_owned();
        let headers = [("Content-Type", "application/json"), ("Cookie", &cookie), ("X-CSRF-Token", &csrf)];
        let body = json!({ "name": "test", "role": role }).to_string();
        let made = self.ask("POST", "/api/v1/tokens", &headers, body.as_bytes());
        assert_eq!(made.status, 201, "{}", made.text());
        Caller { server: self, bearer: format!("Bearer {}", made.json()["secret"].as_str().unwrap()) }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.connect();
        write_request(&mut stream, method, path, headers, Some(body));
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader);
        let mut bytes = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            while let Some(chunk) = read_chunk(&mut reader) {
                bytes.extend(chunk);
            }
        } else {
            reader.read_to_end(&mut bytes).unwrap();
        }
        Answer { status, headers, bytes }
    }

    /// A stream of server-sent events.
    pub(crate) fn stream(&self, path: &str, caller: &Caller<'_>, headers: &[(&str, &str)]) -> Events {
        let mut stream = self.connect();
        let headers = [&[("Authorization", caller.bearer.as_str())], headers].concat();
        write_request(&mut stream, "GET", path, &headers, None);
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader);
        assert_eq!((status, headers["content-type"].as_str()), (200, "text/event-stream"));
        Events { reader, text: String::new() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn write_request(
    to: &mut TcpStream,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    to.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    to.write_all(body.unwrap_or_default()).unwrap();
}

/// Status and headers, names in lower case.
pub(crate) fn read_head(from: &mut impl BufRead) -> (u16, BTreeMap<String, String>) {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        from.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    (status, headers)
}

fn read_chunk(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let length = usize::from_str_radix(line.trim(), 16).unwrap_or_else(|_| panic!("{line:?}"));
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).unwrap();
    from.read_line(&mut line).unwrap();
    Some(bytes).filter(|bytes| !bytes.is_empty())
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        self.bytes.escape_ascii().to_string()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }
}

/// Who asks with a token.
pub(crate) struct Caller<'a> {
    server: &'a Server,
    pub(crate) bearer: String,
}

impl Caller<'_> {
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let kind = ("Content-Type", "application/json");
        self.server.ask(method, path, &[("Authorization", &self.bearer), kind], body)
    }

    /// What is there must be there.
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn send(&self, path: &str, bytes: &[u8]) -> (u16, Value) {
        let kind = ("Content-Type", "application/octet-stream");
        let answer = self.server.ask("POST", path, &[("Authorization", &self.bearer), kind], bytes);
        (answer.status, answer.json())
    }
}

/// A stream of server-sent events.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
    text: String,
}

impl Events {
    /// The data of the next event that is wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned);
                self.text = rest.to_owned();
                let Some(data) = data else { continue };
                let data: Value = serde_json::from_str(&data).unwrap();
                if wanted(&data) {
                    return data;
                }
            }
            let chunk = read_chunk(&mut self.reader).unwrap_or_else(|| panic!("the stream ended"));
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
