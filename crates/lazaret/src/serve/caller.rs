//! Who asks, and whether they may.
//!
//! A browser shows the session's cookie, a program a token (`Authorization: Bearer lzt_…`). A route names the least role
//! that may use it by its first argument, [`May`], or the only one, [`Just`]; there is no other way to learn who asks, so no route
//! forgets to.

use super::app::{Shared, actor, moment, read, write};
use super::problem::Problem;
use super::secret::{API_TOKEN_PREFIX, csrf, kept};
use crate::stored::now;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use store::{Access as _, Actor, Granting as _, Role, Session, Token, User};

/// Header that a browser sends with every change: what `GET /api/v1/session` gave as `csrf`.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";
/// How often it is looked whether who opened a stream still may listen.
pub(crate) const STILL_EVERY: Duration = Duration::from_secs(30);
/// How exactly it is noted when a session or token was used.
const SEEN_NS: i64 = 60_000_000_000;
/// Most cookies that are looked through. Our limit; what is beyond is not seen.
const COOKIES_MAX: usize = 50;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: User,
    /// What they may: never more than the user.
    pub(crate) role: Role,
    pub(crate) means: Means,
    pub(crate) address: IpAddr,
}

/// By what they are known.
#[derive(Clone, Debug)]
pub(crate) enum Means {
    /// A browser's session, with the secret of its cookie.
    Session { secret: String, session: Box<Session> },
    /// A program's token.
    Token { id: i64, name: String },
}

impl Caller {
    /// As the audit log names them, now.
    pub(crate) fn actor(&self) -> Actor {
        match &self.means {
            Means::Session { .. } => actor(&self.user.name),
            Means::Token { name, .. } => actor(&format!("{} (token {name})", self.user.name)),
        }
    }

    pub(crate) fn may(&self, least: Role) -> bool {
        self.role >= least
    }

    /// Whether they have that role and no higher one, whatever their token says.
    pub(crate) fn is_just(&self, role: Role) -> bool {
        self.role == role && self.user.role == role
    }

    /// Whether who opened a stream a while ago still may listen.
    pub(crate) async fn still(&self, app: &Shared) -> bool {
        let now = now();
        match &self.means {
            Means::Session { secret, .. } => {
                let hash = kept(secret);
                let session = read(app, move |store| store.session(&hash)).await;
                let holds = |session: Session| {
                    session.expires > now && session.user.disabled.is_none() && session.user.role >= self.role
                };
                session.is_ok_and(|session| session.is_some_and(holds))
            }
            Means::Token { id, .. } => {
                let (user, id) = (self.user.id, *id);
                let tokens = read(app, move |store| store.tokens(Some(user), id - 1, 1)).await;
                let holds = |token: &Token| {
                    token.id == id && token.holds(now) && token.role.min(token.user.role) >= self.role
                };
                tokens.is_ok_and(|tokens| tokens.first().is_some_and(holds))
            }
        }
    }
}

/// The least role of a route.
pub(crate) trait Least {
    const ROLE: Role;
}

macro_rules! least {
    ($($name:ident),*) => {
        $(
            #[doc = concat!("At least ", stringify!($name), ".")]
            #[derive(Debug)]
            pub(crate) struct $name;
            impl Least for $name {
                const ROLE: Role = Role::$name;
            }
        )*
    };
}

least!(Viewer, Clinical, Analyst, Admin);

/// A caller who may: the first argument of a route.
#[derive(Debug)]
pub(crate) struct May<L>(pub(crate) Caller, pub(crate) PhantomData<L>);

impl<L: Least + Send> FromRequestParts<Shared> for May<L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = caller(parts, app).await?;
        if !caller.may(L::ROLE) {
            let (needed, is) = (L::ROLE, caller.role);
            return Err(Problem::forbidden(format!("This needs the role {needed}; yours is {is}.")));
        }
        Ok(Self(caller, PhantomData))
    }
}

/// A caller of exactly that role, and of no higher one: the first argument of a route that shows what is nobody else's business.
/// A token of somebody who is more does not do either.
#[derive(Debug)]
pub(crate) struct Just<L>(pub(crate) Caller, pub(crate) PhantomData<L>);

impl<L: Least + Send> FromRequestParts<Shared> for Just<L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let caller = caller(parts, app).await?;
        if !caller.is_just(L::ROLE) {
            let (needed, is) = (L::ROLE, caller.user.role);
            return Err(Problem::forbidden(format!("This is for the role {needed} alone; yours is {is}.")));
        }
        Ok(Self(caller, PhantomData))
    }
}

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) IpAddr);

impl FromRequestParts<Shared> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Ok(Self(address(parts)))
    }
}

fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    // A mapped address is the same machine. Unspecified only in tests without a connection.
    peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0.ip().to_canonical())
}

/// Name of the session's cookie. With TLS browsers keep others from setting it (`__Host-`, RFC 6265bis).
pub(crate) const fn cookie_name(tls: bool) -> &'static str {
    if tls { "__Host-lazaret" } else { "lazaret" }
}

/// Name of the cookie that a browser keeps while its person is at the identity provider.
pub(crate) const fn door_cookie_name(tls: bool) -> &'static str {
    if tls { "__Host-lazaret-door" } else { "lazaret-door" }
}

/// What that cookie holds.
pub(crate) fn door_cookie(headers: &HeaderMap, tls: bool) -> Option<&str> {
    cookie(headers, door_cookie_name(tls))
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).take(COOKIES_MAX);
    cookies.find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

async fn caller(parts: &Parts, app: &Shared) -> Result<Caller, Problem> {
    let address = address(parts);
    app.requests.take(&address, moment()).map_err(Problem::too_often)?;
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        let secret = secret.filter(|secret| secret.starts_with(API_TOKEN_PREFIX));
        let secret = secret.ok_or_else(|| {
            Problem::unauthenticated("The Authorization header must be `Bearer` and an API token (lzt_…).")
        })?;
        return by_token(app, secret, address).await;
    }
    let secret = cookie(&parts.headers, cookie_name(app.terms.tls)).ok_or_else(|| {
        Problem::unauthenticated(
            "Sign in with POST /api/v1/session, or send an API token (Authorization: Bearer).",
        )
    })?;
    let caller = by_session(app, secret, address).await?;
    same_site(parts)?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        let sent = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        // Compared as hashes: how far they agree says nothing.
        if sent.map(kept) != Some(kept(&csrf(secret))) {
            return Err(Problem::forbidden(
                "The header X-CSRF-Token is missing or wrong: send what GET /api/v1/session gives as `csrf`.",
            ));
        }
    }
    Ok(caller)
}

/// Refuses what a page of another site made the browser send.
pub(crate) fn same_site(parts: &Parts) -> Result<(), Problem> {
    let text = |name| parts.headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let foreign = || Err(Problem::forbidden("A page of another site sent this request."));
    if let Some("cross-site" | "same-site") = text(header::HeaderName::from_static("sec-fetch-site")) {
        return foreign();
    }
    let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
    // HTTP/2 has the host in the request's target.
    let host = text(header::HOST).or_else(|| parts.uri.authority().map(axum::http::uri::Authority::as_str));
    let of_origin = origin.split_once("://").map(|(_, host)| host);
    if of_origin.is_some() && of_origin == host { Ok(()) } else { foreign() }
}

async fn by_token(app: &Shared, secret: &str, address: IpAddr) -> Result<Caller, Problem> {
    let hash = kept(secret);
    let asked = hash.clone();
    let token = read(app, move |store| store.token(&asked)).await?;
    let now = now();
    let token = token.filter(|token| token.holds(now)).ok_or_else(|| {
        Problem::unauthenticated("This token is not known, has ended, or its user's account is shut.")
    })?;
    if token.used.is_none_or(|used| now - used > SEEN_NS) {
        touch(app, hash);
    }
    let role = token.role.min(token.user.role);
    Ok(Caller { user: token.user, role, means: Means::Token { id: token.id, name: token.name }, address })
}

async fn by_session(app: &Shared, secret: &str, address: IpAddr) -> Result<Caller, Problem> {
    let hash = kept(secret);
    let asked = hash.clone();
    let session = read(app, move |store| store.session(&asked)).await?;
    let now = now();
    let idle = i64::try_from(app.terms.idle.as_nanos()).unwrap_or(i64::MAX);
    let holds = |session: &Session| {
        session.user.disabled.is_none() && session.expires > now && now - session.seen < idle
    };
    let session = session
        .filter(holds)
        .ok_or_else(|| Problem::unauthenticated("The session has ended; sign in again."))?;
    if now - session.seen > SEEN_NS {
        touch(app, hash);
    }
    let (user, role) = (session.user.clone(), session.user.role);
    let means = Means::Session { secret: secret.to_owned(), session: Box::new(session) };
    Ok(Caller { user, role, means, address })
}

/// Notes that a session or token is in use, without keeping the request waiting; where it fails, the next one tries.
fn touch(app: &Shared, hash: String) {
    let app = Arc::clone(app);
    tokio::spawn(async move { write(&app, move |store| store.touch(&hash, now())).await });
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/api/v1/findings");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let among = parts(&[("cookie", "a=1; lazaret=x"), ("cookie", "__Host-lazaret=secret; b=2")]);
        assert_eq!(cookie(&among.headers, cookie_name(true)), Some("secret"));
        assert_eq!(cookie(&among.headers, cookie_name(false)), Some("x"));
        assert_eq!(cookie(&parts(&[("cookie", "lazaretx=1")]).headers, cookie_name(false)), None);
        assert_eq!(door_cookie(&among.headers, false), None);
    }

    #[test]
    fn another_sites_page_is_refused() {
        let own = [("host", "ward:8443"), ("origin", "https://ward:8443"), ("sec-fetch-site", "same-origin")];
        assert!(same_site(&parts(&own)).is_ok());
        assert!(same_site(&parts(&[("host", "ward:8443")])).is_ok(), "a program sends no origin");
        for other in [
            [("host", "ward:8443"), ("origin", "https://evil.example")],
            [("host", "ward:8443"), ("origin", "null")],
            [("host", "ward:8443"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(same_site(&parts(&other)).is_err(), "{other:?}");
        }
    }
}
