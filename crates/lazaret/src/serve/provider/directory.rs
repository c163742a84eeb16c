//! What the provider says of itself: where its endpoints are and which keys it signs with.
//!
//! Asked for once, and again where a token is signed with a key that is not known: providers change their keys. How often is limited,
//! so that nobody makes us ask by sending strange tokens. Answers are bounded, and redirects are not followed: a provider says where
//! things are in its document.
//!
//! # Source
//! OpenID Connect Discovery 1.0, sections 3 and 4; RFC 7517, section 5 (key sets).

use super::super::app::moment;
use super::super::limit::Limit;
use super::file::{Plan, endpoint};
use super::token::{KEYS_MAX, Key};
use crate::exit::with_causes;
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Longest answer of a provider, in bytes. Our limit; a longer one is none.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longest wait for a connection, and for a whole answer.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// How often the provider is asked about itself: so often at once, and the time until one comes back.
const ASKS_MAX: u32 = 5;
const ASKS_REFILL: Duration = Duration::from_secs(20);

/// What a provider says of itself.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) userinfo: Option<Url>,
    pub(super) keys: Vec<Key>,
    /// Whether the client's secret goes into the body of a request: the provider does not take it in the head.
    pub(super) secret_in_body: bool,
    /// Whether every answer that a browser brings says whose it is (RFC 9207).
    pub(super) tells_issuer: bool,
}

/// Asks, and keeps what was said.
pub(super) struct Directory {
    client: Client,
    issuer: String,
    known: Mutex<Option<Arc<Known>>>,
    asks: Limit<()>,
}

impl Directory {
    pub(super) fn new(plan: &Plan) -> Result<Self, String> {
        // On this machine itself nobody has to be trusted for a certificate.
        let tls = if plan.issuer.starts_with("http://") && plan.ca.is_none() {
            crate::outputs::trusting_nobody()
        } else {
            crate::outputs::trusting(plan.ca.as_deref())
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls?)
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(format!("lazaret/{}", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|fault| with_causes(&fault))?;
        let asks = Limit::new(ASKS_MAX, ASKS_REFILL);
        Ok(Self { client, issuer: plan.issuer.clone(), known: Mutex::new(None), asks })
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// What is known; asked for where nothing is.
    pub(super) async fn known(&self) -> Result<Arc<Known>, String> {
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) => Ok(Arc::clone(known)),
            None => self.ask(&mut known).await,
        }
    }

    /// What is known beyond `old`, which lacks something.
    pub(super) async fn newer(&self, old: &Arc<Known>) -> Result<Arc<Known>, String> {
        let mut known = self.known.lock().await;
        match &*known {
            // Somebody else has asked meanwhile.
            Some(known) if !Arc::ptr_eq(known, old) => Ok(Arc::clone(known)),
            _ => self.ask(&mut known).await,
        }
    }

    /// Asks; what was known stays where there is no answer.
    async fn ask(&self, known: &mut Option<Arc<Known>>) -> Result<Arc<Known>, String> {
        self.asks
            .take(&(), moment())
            .map_err(|seconds| format!("it was asked often and did not help; again in {seconds} s"))?;
        let place = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document = self.get(endpoint(&place)?).await?;
        let keys =
            document.get("jwks_uri").and_then(Value::as_str).ok_or("it does not say where its keys are")?;
        let keys = self.get(endpoint(keys).map_err(|why| format!("jwks_uri: {why}"))?).await?;
        let fresh = Arc::new(read(&self.issuer, &document, &keys)?);
        *known = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    async fn get(&self, url: Url) -> Result<Value, String> {
        let place = url.path().to_owned();
        let (status, answer) = answer(self.client.get(url)).await.map_err(|why| format!("{place}: {why}"))?;
        if status == 200 { Ok(answer) } else { Err(format!("{place}: it answered {status}")) }
    }
}

/// Status and JSON of an answer; `null` where it is none.
pub(super) async fn answer(request: RequestBuilder) -> Result<(u16, Value), String> {
    // An address may hold what only the provider is to know.
    let failed = |fault: reqwest::Error| with_causes(&fault.without_url());
    let mut answer = request.header("accept", "application/json").send().await.map_err(failed)?;
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(failed)? {
        if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}

fn read(issuer: &str, document: &Value, keys: &Value) -> Result<Known, String> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("issuer") != Some(issuer) {
        let says = text("issuer").map_or_else(|| "nothing".to_owned(), crate::stored::shown);
        let says: String = says.chars().take(200).collect();
        return Err(format!(
            "it says of itself that its issuer is {says}; the file must say exactly the same"
        ));
    }
    let place = |name: &str| {
        let place = text(name).ok_or_else(|| format!("it does not say its {name}"))?;
        endpoint(place).map_err(|why| format!("{name}: {why}"))
    };
    let ways = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
    let takes = |way: &str| ways.is_some_and(|ways| ways.iter().any(|one| one.as_str() == Some(way)));
    let keys = keys.get("keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let keys: Vec<Key> = keys.iter().filter_map(Key::read).take(KEYS_MAX).collect();
    if keys.is_empty() {
        return Err("it publishes no key of a kind that is believed (RS256, ES256, EdDSA)".to_owned());
    }
    Ok(Known {
        authorization: place("authorization_endpoint")?,
        token: place("token_endpoint")?,
        userinfo: text("userinfo_endpoint").map(|_| place("userinfo_endpoint")).transpose()?,
        keys,
        // Who says nothing takes it in the head (Discovery, section 3).
        secret_in_body: ways.is_some() && !takes("client_secret_basic") && takes("client_secret_post"),
        tells_issuer: document.get("authorization_response_iss_parameter_supported")
            == Some(&Value::Bool(true)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_provider_that_says_too_little_or_something_else_is_none() {
        let good = json!({
            "issuer": "https://id", "authorization_endpoint": "https://id/a", "token_endpoint": "https://id/t",
        });
        let key =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let keys = json!({ "keys": [{ "kty": "oct", "k": "AA" }, key] });
        let known = read("https://id", &good, &keys).unwrap();
        assert_eq!((known.keys.len(), known.secret_in_body, known.tells_issuer), (1, false, false));
        for (name, value, why) in [
            ("issuer", json!("https://id/"), "exactly the same"),
            ("issuer", json!(7), "exactly the same"),
            ("token_endpoint", json!(null), "token_endpoint"),
            ("token_endpoint", json!("http://id/t"), "token_endpoint: https"),
            ("authorization_endpoint", json!("javascript:alert(1)"), "authorization_endpoint"),
            ("userinfo_endpoint", json!("http://elsewhere/"), "userinfo_endpoint: https"),
        ] {
            let mut document = good.clone();
            document[name] = value;
            let said = read("https://id", &document, &keys).unwrap_err();
            assert!(said.contains(why), "{name}: {said}");
        }
        assert!(read("https://id", &good, &json!({ "keys": [] })).unwrap_err().contains("no key"));
        assert!(read("https://id", &Value::Null, &Value::Null).is_err());
        let mut by_post = good;
        by_post["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        assert!(read("https://id", &by_post, &keys).unwrap().secret_in_body);
    }
}
