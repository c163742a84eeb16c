//! Findings to what a hospital runs: syslog, SIEMs, webhooks, mail.
//!
//! ```text
//! store ─ look ─► outbox of each receiver ─ courier ─► receiver
//! ```
//! `look` is one thread; each receiver has an outbox in `STORE/outputs/NAME/` and a courier, a thread of its own, so that one
//! that is down holds nobody up. `serve` and `lazaret outputs run` have these threads; the sensor has not, since it sends
//! nothing.

mod channel;
mod datagram;
mod deliver;
mod file;
mod look;
mod mail;
mod route;
mod stream;
mod tls;
mod webhook;

pub(crate) use file::{Output, Outputs, read};
pub(crate) use look::{Finding, zone};
pub(crate) use tls::{trusting, trusting_nobody};

use crate::exit::Failure;
use channel::Parcel;
use deliver::{Courier, Queue};
use export::notice::{Change, Notice, Other, SCHEMA, Sender, Sent, Subject};
use inventory::Site;
use look::{Listener, Look};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;
use store::{Course, Outbox};

/// Folder of the outboxes in that of the store.
const FOLDER: &str = "outputs";

/// The moment of the steady clock.
#[expect(clippy::disallowed_methods, reason = "an edge: waits are counted by the steady clock")]
fn moment() -> Instant {
    Instant::now()
}

/// Who sends.
pub(crate) fn sender() -> Sender {
    Sender { host: crate::serve::host(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// The threads.
pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Ends them; each ends what it has begun.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A panic has told its place already.
            drop(thread.join());
        }
    }
}

/// Starts the threads over the store in `folder`.
pub(crate) fn start(folder: &Path, site: &Site, outputs: &Outputs) -> Result<Running, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let sender = sender();
    let (mut listeners, mut couriers) = (Vec::new(), Vec::new());
    for output in &outputs.outputs {
        let named = |what: String| Failure::Usage(format!("--outputs: {:?}: {what}", output.name));
        let channel = channel::channel(output, &sender).map_err(named)?;
        for zone in output.route.zones() {
            if !site.zones.iter().any(|known| known.name == *zone) {
                return Err(named(format!("zone {zone:?} is not in the site file (--site)")));
            }
        }
        let mut outbox = Outbox::open(&place(folder, &output.name))?;
        outbox.readmit()?;
        let queue = Arc::new(Queue::new(outbox));
        listeners.push(Listener::new(output.clone(), &queue)?);
        couriers.push(Courier::new(&output.name, &queue, channel, output.retry_max, &stop));
    }
    let look = Look::new(folder, site, outputs.console.clone(), listeners, &stop);
    let mut running = Running { stop, threads: Vec::new() };
    let mut spawn = |name: String, work: Box<dyn FnOnce() + Send>| -> Result<(), Failure> {
        let failed = |cause| Failure::Write { what: "to receivers: no thread for it".to_owned(), cause };
        running.threads.push(std::thread::Builder::new().name(name).spawn(work).map_err(failed)?);
        Ok(())
    };
    spawn("outputs".to_owned(), Box::new(move || look.run()))?;
    for courier in couriers {
        spawn(courier.name.clone(), Box::new(move || courier.run()))?;
    }
    Ok(running)
}

fn place(folder: &Path, name: &str) -> PathBuf {
    folder.join(FOLDER).join(name)
}

/// How it goes with the receivers of a store, by name; also of those that no file names any more.
pub(crate) fn courses(folder: &Path) -> Result<BTreeMap<String, Course>, store::StoreError> {
    let mut courses = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join(FOLDER)).into_iter().flatten().flatten() {
        if let Some(course) = store::course(&entry.path())? {
            courses.insert(crate::stored::shown(&entry.file_name().to_string_lossy()), course);
        }
    }
    Ok(courses)
}

/// Sends one message about nothing to a receiver.
pub(crate) fn test(output: &Output) -> Result<(), String> {
    let mut channel = channel::channel(output, &sender())?;
    let parcel = Parcel { number: 1, notice: sample(Change::Opened), sent: Sent::First };
    let sent = channel.open().and_then(|()| channel.send(&[parcel]));
    sent.map_err(|fault| fault.why().to_owned())
}

/// A message that says of itself that it is a test.
pub(crate) fn sample(change: Change) -> Notice {
    let at = crate::stored::rfc3339(crate::stored::now());
    Notice {
        schema: SCHEMA.to_owned(),
        // The moment makes it another one each time.
        id: format!("f-0000000000000000-test-{}", crate::stored::now()),
        change,
        at: at.clone(),
        finding: "f-0000000000000000".to_owned(),
        serial: 1,
        rule: "test".to_owned(),
        title: "Test message of Lazaret: no device is meant".to_owned(),
        severity: "low".to_owned(),
        certainty: "confirmed".to_owned(),
        state: "new".to_owned(),
        first: at.clone(),
        last: at,
        count: 1,
        reopened: 0,
        suppressed_until: None,
        asset: Subject {
            id: "a-0000000000000000".to_owned(),
            name: "no device".to_owned(),
            ip: Some("192.0.2.7".to_owned()),
            zone: None,
        },
        peer: Some(Other {
            ip: "203.0.113.9".to_owned(),
            port: Some(515),
            transport: "tcp".to_owned(),
            location: "offsite".to_owned(),
        }),
        attack: Vec::new(),
        advisories: Vec::new(),
        cves: Vec::new(),
        details: BTreeMap::new(),
        why: "Somebody ran `lazaret outputs test`.".to_owned(),
        fix: "Nothing.".to_owned(),
        url: None,
    }
}
