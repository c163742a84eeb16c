//! What every request works with: the store, who tries how often, how long sessions last.

use super::frames::{Frames, Places};
use super::limit::Limit;
use super::problem::Problem;
use super::provider::Provider;
use super::scans::Scans;
use super::secret::Passwords;
use crate::live::Hub;
use crate::outputs::Output;
pub(crate) use crate::stored::actor;
use crate::vault::Identities;
use inventory::Site;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use store::{Chain, Reader, Reading as _, StoreError, Writer};
use tokio::sync::{Semaphore, watch};

/// Readers of the store at once. Our limit: more requests wait.
const READERS_MAX: usize = 8;
/// Longest wait for a reader, or for those who write before.
const TURN_WAIT: Duration = Duration::from_secs(10);

/// Tries to sign in to one account, and the time until one comes back.
const ACCOUNT_TRIES_MAX: u32 = 10;
const ACCOUNT_REFILL: Duration = Duration::from_secs(60);
/// Tries to sign in from one address.
const ADDRESS_TRIES_MAX: u32 = 30;
const ADDRESS_REFILL: Duration = Duration::from_secs(10);
/// Requests of one address at once, and the time until one comes back: 200 in a second, for good.
const REQUESTS_MAX: u32 = 2_000;
const REQUESTS_REFILL: Duration = Duration::from_millis(5);
/// Looks of one user into the vault, and the time until one comes back: a ward at a change of shift, not a register of patients.
const LOOKS_MAX: u32 = 60;
const LOOKS_REFILL: Duration = Duration::from_secs(10);

/// Streams of changes and waveforms at once. Our limit; more are refused with 503.
const STREAMS_MAX: usize = 256;

/// Told as the last change when the server ends, so that streams of changes end.
pub(crate) const ENDING: i64 = -1;

/// For so long the log is not verified anew from its first entry, only what was added.
const VERIFIED_FOR: Duration = Duration::from_secs(600);

/// How the server is reached and how long things last.
pub(crate) struct Terms {
    /// Whether it speaks TLS.
    pub(crate) tls: bool,
    /// Largest capture that may be sent, in bytes.
    pub(crate) upload_bytes_max: u64,
    /// A session ends when it was not used for so long.
    pub(crate) idle: Duration,
    /// A session ends at the latest after so long.
    pub(crate) absolute: Duration,
}

/// What every request works with.
pub(crate) struct App {
    pub(crate) store: Stored,
    pub(crate) terms: Terms,
    pub(crate) passwords: Passwords,
    /// Hash of the secret of the one-time link, while there is no user.
    pub(crate) first: Mutex<Option<String>>,
    pub(crate) account_tries: Limit<String>,
    pub(crate) address_tries: Limit<IpAddr>,
    pub(crate) requests: Limit<IpAddr>,
    /// Number of the last change of the store.
    pub(crate) changed: watch::Sender<i64>,
    /// Places of streams.
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) scans: Scans,
    /// What devices say just now.
    pub(crate) hub: Arc<Hub>,
    /// What the site says of itself.
    pub(crate) site: Site,
    /// The file that says it.
    pub(crate) site_file: OnceLock<PathBuf>,
    /// Frames that show findings.
    pub(crate) frames: Frames,
    /// Who is told of findings.
    pub(crate) outputs: OnceLock<Vec<Output>>,
    /// Whose word is believed of who signs in, where somebody's is.
    pub(crate) provider: OnceLock<Provider>,
    /// The vault, where it is on.
    pub(crate) vault: OnceLock<Arc<Identities>>,
    /// Looks of each user into the vault.
    pub(crate) looks: Limit<i64>,
    /// The audit log when it was last verified from its first entry, and what was added since.
    verified: Mutex<Option<(Instant, Chain)>>,
}

/// The same for all requests.
pub(crate) type Shared = Arc<App>;

impl App {
    /// Over the store in `folder`, which must be there.
    pub(crate) fn new(
        folder: &Path,
        terms: Terms,
        site: Site,
        hub: Arc<Hub>,
        places: Arc<Places>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            store: Stored::new(folder),
            terms,
            passwords: Passwords::new()?,
            first: Mutex::new(None),
            account_tries: Limit::new(ACCOUNT_TRIES_MAX, ACCOUNT_REFILL),
            address_tries: Limit::new(ADDRESS_TRIES_MAX, ADDRESS_REFILL),
            requests: Limit::new(REQUESTS_MAX, REQUESTS_REFILL),
            changed: watch::Sender::new(0),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            scans: Scans::new(folder, site.clone()),
            site,
            site_file: OnceLock::new(),
            frames: Frames::new(places),
            hub,
            outputs: OnceLock::new(),
            provider: OnceLock::new(),
            vault: OnceLock::new(),
            looks: Limit::new(LOOKS_MAX, LOOKS_REFILL),
            verified: Mutex::new(None),
        })
    }

    /// Who is told of findings.
    pub(crate) fn outputs(&self) -> &[Output] {
        self.outputs.get().map_or(&[], Vec::as_slice)
    }

    /// Folder of the store.
    pub(crate) fn folder(&self) -> &Path {
        &self.store.folder
    }

    /// The secret of the one-time link, if somebody still may use it.
    pub(crate) fn first(&self) -> Option<String> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether the audit log is whole: what was added is verified each time, all of it where ten minutes have passed since, or where
/// something does not fit.
pub(crate) async fn log_chain(app: &Shared) -> Result<Chain, Problem> {
    let now = moment();
    let known = || app.verified.lock().unwrap_or_else(PoisonError::into_inner);
    let before = known().clone().filter(|(at, _)| now.saturating_duration_since(*at) < VERIFIED_FOR);
    if let Some((at, chain)) = before {
        let chain = read(app, move |store| store.verify_audit_beyond(chain)).await?;
        if chain.broken.is_none() {
            *known() = Some((at, chain.clone()));
            return Ok(chain);
        }
    }
    let chain = read(app, |store| store.verify_audit(None)).await?;
    *known() = chain.broken.is_none().then(|| (now, chain.clone()));
    Ok(chain)
}

/// The moment of the steady clock.
#[expect(clippy::disallowed_methods, reason = "an edge: limits are counted by the steady clock")]
pub(crate) fn moment() -> Instant {
    Instant::now()
}

/// The store behind the requests. Each read takes a reader that is free; each change opens the store for writing and
/// closes it again, so that other processes get their turn.
pub(crate) struct Stored {
    folder: PathBuf,
    free: Mutex<Vec<Reader>>,
    readers: Arc<Semaphore>,
    writer: Arc<tokio::sync::Mutex<()>>,
}

impl Stored {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            free: Mutex::new(Vec::new()),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            writer: Arc::new(tokio::sync::Mutex::new(())),
        }
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the store.
pub(crate) async fn read<T: Send + 'static>(
    app: &Shared,
    ask: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(TURN_WAIT, Arc::clone(&app.store.readers).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Problem::busy("The store is asked a lot just now; try again."));
    };
    let app = Arc::clone(app);
    let work = move || {
        // What was begun is finished, also where whoever asked went away.
        let _turn = turn;
        let free = app.store.free().pop();
        let reader = free.map_or_else(|| Reader::open(&app.store.folder), Ok)?;
        let answer = ask(&reader);
        app.store.free().push(reader);
        answer
    };
    Ok(tokio::task::spawn_blocking(work).await.map_err(|cause| Problem::fault(&cause))??)
}

/// Changes the store.
pub(crate) async fn write<T: Send + 'static>(
    app: &Shared,
    change: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(TURN_WAIT, Arc::clone(&app.store.writer).lock_owned()).await;
    let Ok(turn) = turn else {
        return Err(Problem::busy("The store is being written; try again."));
    };
    let folder = app.store.folder.clone();
    let work = move || {
        let _turn = turn;
        let mut writer = Writer::open(&folder, store::IfMissing::Fail)?;
        change(&mut writer)
    };
    Ok(tokio::task::spawn_blocking(work).await.map_err(|cause| Problem::fault(&cause))??)
}
