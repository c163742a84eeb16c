//! Console and API over a store.
//!
//! ```text
//! TLS → strict headers → route → who asks, may they? → the store, on a thread that may wait
//! ```
//! Each resource is one file under `resource/`; [`resource`] has the only list of them. Judges nothing: it shows what the
//! store has and writes what people decide.

mod app;
mod asked;
mod caller;
mod console;
mod frames;
mod headers;
mod limit;
mod problem;
mod provider;
mod resource;
mod retention;
mod scans;
mod secret;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use frames::Places;
pub(crate) use provider::{Plan as ProviderPlan, read as read_provider};
pub(crate) use tls::host;

use crate::exit::Failure;
use crate::live::Hub;
use crate::outputs::{self, Outputs};
use crate::pipeline::{self, Replay};
use crate::vault::{self, Due, Identities};
use app::{App, Shared, Terms};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router, middleware};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use inventory::Site;
use resource::Written;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{Access as _, IfMissing, Writer};
use tower_http::compression::CompressionLayer;
use utoipa::openapi::OpenApi;

/// Largest body of a request, in bytes, but for uploads. Our limit; a larger one is refused with 413.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest time from a connection to its first whole request.
const FIRST_REQUEST_MAX: Duration = Duration::from_secs(20);
/// Longest time that requests get to finish when the server ends.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked whether a signal came.
const SIGNAL_LOOK: Duration = Duration::from_millis(200);
/// How often it is looked whether the store changed.
const CHANGE_LOOK: Duration = Duration::from_millis(500);

/// How often it is looked whether somebody new is to be put into the vault.
const VAULT_LOOK: Duration = Duration::from_secs(1);
/// After so many looks everything is written, and what is old is forgotten: five minutes.
const VAULT_ALL_EVERY: u64 = 300;

/// What is to be served, and how.
pub(crate) struct Plan {
    /// Folder of the store; made where it is not there.
    pub(crate) folder: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) transport: Transport,
    /// What the site says of itself, for captures that are sent.
    pub(crate) site: Site,
    /// The file that says it.
    pub(crate) site_file: Option<PathBuf>,
    /// Who is told of findings.
    pub(crate) outputs: Option<Outputs>,
    /// Whose word is believed of who signs in.
    pub(crate) provider: Option<ProviderPlan>,
    /// Largest capture that may be sent, in bytes.
    pub(crate) upload_bytes_max: u64,
    /// A session ends when it was not used for so long.
    pub(crate) idle: Duration,
    /// A session ends at the latest after so long.
    pub(crate) absolute: Duration,
    /// Captures to be told as if they happened now, and how many times as fast.
    pub(crate) replay: Option<(Vec<PathBuf>, f64)>,
    /// Where frames that show findings may be read.
    pub(crate) places: Arc<Places>,
    /// What devices say just now, for the wall.
    pub(crate) hub: Arc<Hub>,
    /// Who the patients are, where the vault is on.
    pub(crate) vault: Option<Arc<Identities>>,
}

/// What carries HTTP.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TLS with the store's own certificate.
    OwnCertificate,
    /// TLS with the site's.
    Certificate { certificate: PathBuf, key: PathBuf },
    /// None, on loopback.
    Plain,
}

/// Signals that came.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// To end.
    pub(crate) stop: Arc<AtomicBool>,
    /// To read the certificate again.
    pub(crate) reload: Arc<AtomicBool>,
}

/// Serves until told to end.
pub(crate) fn serve(plan: &Plan, signals: &Signals) -> Result<(), Failure> {
    let failed = |cause| Failure::Write { what: "to the network: no threads for it".to_owned(), cause };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let served = runtime.block_on(run(plan, signals));
    // What still waits for the store is not waited for.
    runtime.shutdown_timeout(GRACE);
    served
}

async fn run(plan: &Plan, signals: &Signals) -> Result<(), Failure> {
    // Makes the store where there is none, and brings it to this version.
    let users = Writer::open(&plan.folder, IfMissing::Make)?.has_users()?;
    // Whoever else installed one first installed the same.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let place = match &plan.transport {
        Transport::Plain => None,
        Transport::OwnCertificate => Some(tls::own(&plan.folder, plan.listen.ip())?),
        Transport::Certificate { certificate, key } => {
            Some(tls::Place { certificate: certificate.clone(), key: key.clone() })
        }
    };
    let identity = place.as_ref().map(tls::load).transpose()?;
    let listener = listen(plan.listen)?;
    let at = listener.local_addr().map_err(|cause| not_listening(plan.listen, cause))?;
    let terms = Terms {
        tls: identity.is_some(),
        upload_bytes_max: plan.upload_bytes_max,
        idle: plan.idle,
        absolute: plan.absolute,
    };
    let (hub, places) = (Arc::clone(&plan.hub), Arc::clone(&plan.places));
    let app = App::new(&plan.folder, terms, plan.site.clone(), hub, places)
        .map_err(|problem| Failure::Usage(format!("{problem:?}")))?;
    let app = Arc::new(app);
    if let Some(file) = &plan.site_file {
        // Set once, here.
        drop(app.site_file.set(file.clone()));
    }
    if let Some(outputs) = &plan.outputs {
        // Set once, here.
        drop(app.outputs.set(outputs.outputs.clone()));
    }
    if let Some(vault) = &plan.vault {
        // Set once, here.
        drop(app.vault.set(Arc::clone(vault)));
    }
    let base = base(at, identity.is_some());
    let looking = plan.provider.clone().map(|plan| believe(&app, plan, &base)).transpose()?;
    tell(&app, &base, identity.as_ref(), users)?;
    let service = router(&app).into_make_service_with_connect_info::<SocketAddr>();
    let (handle, ending) = (Handle::new(), Arc::clone(&app));
    let config = identity.map(|identity| RustlsConfig::from_config(identity.config));
    let replaying = plan.replay.clone().map(|(captures, speed)| {
        let replay = Replay { captures, speed, site: plan.site.clone(), identities: plan.vault.clone() };
        let (app, stop) = (Arc::clone(&app), Arc::clone(&signals.stop));
        tokio::spawn(play(app, replay, stop))
    });
    let sending = plan.outputs.as_ref().map(|outputs| outputs::start(&plan.folder, &plan.site, outputs));
    let sending = sending.transpose()?;
    let kept = tokio::spawn(retention::keep(Arc::clone(&app)));
    let guarded = plan.vault.clone().map(|vault| tokio::spawn(guard(Arc::clone(&app), vault)));
    let watched = tokio::spawn(watch(handle.clone(), signals.clone(), config.clone().zip(place), ending));
    let served = match config {
        Some(config) => {
            let server = axum_server::from_tcp_rustls(listener, config);
            let server = server.map_err(|cause| not_listening(at, cause))?;
            server.first_request_timeout(FIRST_REQUEST_MAX).handle(handle).serve(service).await
        }
        None => {
            let server = axum_server::from_tcp(listener).map_err(|cause| not_listening(at, cause))?;
            server.first_request_timeout(FIRST_REQUEST_MAX).handle(handle).serve(service).await
        }
    };
    watched.abort();
    kept.abort();
    guarded.inspect(tokio::task::JoinHandle::abort);
    looking.inspect(tokio::task::JoinHandle::abort);
    if let Some(sending) = sending {
        // Each ends what it has begun; they are threads that wait.
        drop(tokio::task::spawn_blocking(move || sending.end()).await);
    }
    if let Some(replaying) = replaying {
        // It looks at the same signal.
        drop(replaying.await);
    }
    served.map_err(|cause| not_listening(at, cause))
}

/// Replays captures for who looks at the beds; at their end their results go into the store.
async fn play(app: Shared, replay: Replay, stop: Arc<AtomicBool>) {
    let hub = Arc::clone(&app.hub);
    let played = tokio::task::spawn_blocking(move || pipeline::replay(replay, hub, &stop)).await;
    let report = match played {
        Ok(Ok(Some(report))) => report,
        // A panic has told its place already.
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(failure)) => return eprintln!("lazaret: {}", crate::exit::with_causes(&failure)),
    };
    let by = app::actor("lazaret");
    let vault = app.vault.get().cloned();
    let keep = move |store: &mut Writer| vault::import(store, &report, vault.as_deref(), &by);
    let kept = app::write(&app, keep).await;
    match kept {
        Ok(_) => eprintln!("lazaret: the replay ended; its results are in the store"),
        Err(problem) => eprintln!("lazaret: the replay's results were not kept: {}", problem.detail()),
    }
}

/// Writes who patients are soon after somebody is new, and the rest now and then: what is replayed has no other way into the vault,
/// and who stands at a bed does not wait for the sensor's next writing.
async fn guard(app: Shared, vault: Arc<Identities>) {
    let mut look = tokio::time::interval(VAULT_LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for looks in 1_u64.. {
        look.tick().await;
        let due = if looks.is_multiple_of(VAULT_ALL_EVERY) { Due::All } else { Due::New };
        if due == Due::New && !vault.has_new() {
            continue;
        }
        let vault = Arc::clone(&vault);
        // What does not get its turn is written the next time.
        drop(
            app::write(&app, move |store| {
                vault.keep(store, due, "lazaret");
                Ok(())
            })
            .await,
        );
    }
}

fn not_listening(at: SocketAddr, cause: io::Error) -> Failure {
    Failure::Listen { at, cause }
}

fn listen(at: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(at).map_err(|cause| not_listening(at, cause))?;
    listener.set_nonblocking(true).map_err(|cause| not_listening(at, cause))?;
    Ok(listener)
}

/// Where browsers find it.
fn base(at: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let host = match at.ip() {
        ip if ip.is_unspecified() => tls::host(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    format!("{scheme}://{host}:{}", at.port())
}

/// Believes an identity provider, and looks at once whether it answers: a mistake is seen before somebody stands at the door.
fn believe(app: &Shared, plan: ProviderPlan, base: &str) -> Result<tokio::task::JoinHandle<()>, Failure> {
    let provider = provider::Provider::new(plan, base)?;
    eprintln!("lazaret: sign-in by {} comes back to {}", provider.name(), provider.back_to());
    // Set once, here.
    drop(app.provider.set(provider));
    let app = Arc::clone(app);
    Ok(tokio::spawn(async move {
        let Some(provider) = app.provider.get() else { return };
        if let Err(why) = provider.look().await {
            eprintln!(
                "lazaret: {} does not answer as it should: {why}; it is asked again when somebody signs in",
                provider.name()
            );
        }
    }))
}

/// Says how to get in and, in the last line, where it is: whoever started it has read all when that is there.
fn tell(app: &Shared, base: &str, identity: Option<&tls::Identity>, users: bool) -> Result<(), Failure> {
    if let Some(identity) = identity {
        eprintln!("lazaret: certificate SHA-256 {}", identity.fingerprint);
    }
    if !users {
        let secret = secret::fresh().map_err(|problem| Failure::Usage(format!("{problem:?}")))?;
        *app.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret::kept(&secret));
        eprintln!(
            "lazaret: there is no user yet; make the first admin, once, here:\n  {base}/setup#{secret}"
        );
    }
    eprintln!("lazaret: console and API at {base}/; end with Ctrl-C");
    Ok(())
}

/// Ends the server when a signal says so, reads the certificate again when another does, and looks for changes.
async fn watch(
    handle: Handle<SocketAddr>,
    signals: Signals,
    certificate: Option<(RustlsConfig, tls::Place)>,
    app: Shared,
) {
    let mut signal = tokio::time::interval(SIGNAL_LOOK);
    let mut change = tokio::time::interval(CHANGE_LOOK);
    change.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = signal.tick() => {
                if signals.stop.load(Ordering::Relaxed) {
                    app.changed.send_replace(app::ENDING);
                    handle.graceful_shutdown(Some(GRACE));
                    return;
                }
                if signals.reload.swap(false, Ordering::Relaxed)
                    && let Some((config, place)) = &certificate
                {
                    match tls::load(place) {
                        Ok(identity) => {
                            eprintln!("lazaret: certificate SHA-256 {}", identity.fingerprint);
                            config.reload_from_config(identity.config);
                        }
                        Err(failure) => eprintln!(
                            "lazaret: {}; the certificate stays as it was",
                            crate::exit::with_causes(&failure)
                        ),
                    }
                }
            }
            _ = change.tick() => {
                if let Ok(last) = app::read(&app, store::Access::last_change).await {
                    app.changed.send_if_modified(|known| std::mem::replace(known, last) != last);
                }
            }
        }
    }
}

/// The API's description, complete.
fn document() -> OpenApi {
    let mut document = resource::all().into_openapi();
    resource::complete(&mut document);
    document
}

/// Everything that is served.
fn router(app: &Shared) -> Router {
    let written = document().to_json().unwrap_or_default();
    let (router, _) = resource::all().split_for_parts();
    router
        .fallback(elsewhere)
        .method_not_allowed_fallback(problem::no_method)
        .layer(Extension(Written(written.into())))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(Arc::clone(app), headers::strict))
        .with_state(Arc::clone(app))
}

/// What is no route of the API: a file or page of the console, or nothing.
async fn elsewhere(request: Request) -> Response {
    if request.uri().path().starts_with("/api/") {
        return problem::no_route().await.into_response();
    }
    console::file(request.uri().clone()).await
}
