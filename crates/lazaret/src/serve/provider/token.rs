//! ID tokens: whether one is the provider's word, about somebody who signs in here, now.
//!
//! ```text
//! BASE64URL(head) . BASE64URL(claims) . BASE64URL(signature over "head.claims")
//! ```
//! Only signatures with public keys are believed (RS256, ES256, EdDSA), each only with a key of its own kind: what a token says of its
//! algorithm chooses among the provider's keys and never turns a public key into a shared secret. `none` is no algorithm.
//!
//! # Source
//! RFC 7515 (signatures), 7517 and 7518 (keys), 8037 and 9864 (Ed25519), OpenID Connect Core 1.0, section 3.1.3.7 (claims).

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

/// Longest token, in bytes. Our limit; a longer one is refused.
pub(super) const TOKEN_BYTES_MAX: usize = 1 << 16;
/// Most keys of a provider. Our limit; those beyond are not used.
pub(super) const KEYS_MAX: usize = 64;
/// Longest subject, in bytes (OpenID Connect Core, section 2).
const SUBJECT_BYTES_MAX: usize = 255;

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// Why a token is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    /// No token at all.
    #[error("what the provider sent is no ID token: {0}")]
    Form(&'static str),
    /// Not one of the three.
    #[error("the ID token's signature is of kind {0}; RS256, ES256 and EdDSA are believed")]
    Algorithm(String),
    /// No such key.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// Somebody else signed, or it was changed.
    #[error("the ID token's signature is wrong")]
    Signature,
    /// Another provider's.
    #[error("the ID token is another provider's")]
    Issuer,
    /// For somebody else.
    #[error("the ID token is for another client")]
    Audience,
    /// Old.
    #[error("the ID token ended {0} s ago")]
    Expired(i64),
    /// Of a time to come.
    #[error("the ID token is from {0} s in the future; compare the clocks")]
    Future(i64),
    /// Of another sign-in.
    #[error("the ID token belongs to another sign-in")]
    Nonce,
    /// Of nobody.
    #[error("the ID token does not say who signs in")]
    Subject,
}

/// A key of the provider.
#[derive(Clone, Debug)]
pub(super) struct Key {
    id: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// Reads a key; none where it is of no use here.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let text = |name| value.get(name).and_then(Value::as_str);
        let bytes = |name| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
        if text("use").is_some_and(|used_for| used_for != "sig") {
            return None;
        }
        let kind = match (text("kty")?, text("crv")) {
            ("RSA", _) => Kind::Rsa { modulus: bytes("n")?, exponent: bytes("e")? },
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if (x.len(), y.len()) != (32, 32) {
                    return None;
                }
                // A point without compression (SEC 1, section 2.3.3).
                Kind::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            ("OKP", Some("Ed25519")) => Kind::Ed25519(bytes("x")?),
            _ => return None,
        };
        let key = Self { id: text("kid").map(str::to_owned), kind };
        text("alg").is_none_or(|algorithm| key.fits(algorithm)).then_some(key)
    }

    fn fits(&self, algorithm: &str) -> bool {
        matches!(
            (&self.kind, algorithm),
            (Kind::Rsa { .. }, "RS256") | (Kind::P256(_), "ES256") | (Kind::Ed25519(_), "EdDSA" | "Ed25519")
        )
    }

    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.kind {
            Kind::Rsa { modulus: n, exponent: e } => {
                let key = PublicKeyComponents { n, e };
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Kind::P256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Kind::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature),
        };
        verified.is_ok()
    }
}

/// What a token says, if one of these keys signed it.
pub(super) fn verified(token: &str, keys: &[Key]) -> Result<Claims, Fault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Fault::Form("it is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Fault::Form("it has no signature"))?;
    let (head, body) = message.split_once('.').ok_or(Fault::Form("it has no claims"))?;
    let head = object(head)?;
    let text = |name| head.get(name).and_then(Value::as_str);
    let algorithm = text("alg").ok_or(Fault::Form("it does not say how it is signed"))?;
    if !matches!(algorithm, "RS256" | "ES256" | "EdDSA" | "Ed25519") {
        let shown = crate::stored::shown(algorithm);
        return Err(Fault::Algorithm(shown.chars().take(20).collect()));
    }
    // What must be understood and is not (RFC 7515, section 4.1.11).
    if head.contains_key("crit") {
        return Err(Fault::Form("it asks for an extension"));
    }
    let id = text("kid");
    let mut fitting = keys.iter().filter(|key| key.fits(algorithm));
    let mut fitting: Box<dyn Iterator<Item = &Key>> = match id {
        Some(id) => Box::new(fitting.filter(move |key| key.id.as_deref() == Some(id))),
        None => Box::new(fitting.by_ref()),
    };
    let signature = coded(signature)?;
    let Some(first) = fitting.next() else { return Err(Fault::UnknownKey) };
    if !std::iter::once(first).chain(fitting).any(|key| key.signed(message.as_bytes(), &signature)) {
        // Without a name it may be of a key that is not known yet.
        return Err(if id.is_some() { Fault::Signature } else { Fault::UnknownKey });
    }
    object(body)
}

fn coded(text: &str) -> Result<Vec<u8>, Fault> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Fault::Form("it is not in base64url"))
}

fn object(text: &str) -> Result<Claims, Fault> {
    serde_json::from_slice(&coded(text)?).map_err(|_| Fault::Form("it does not hold JSON objects"))
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) now_s: i64,
    pub(super) skew_s: i64,
}

impl Expected<'_> {
    /// Who signs in, if the claims are as they must be.
    pub(super) fn subject(&self, claims: &Claims) -> Result<String, Fault> {
        let text = |name| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(self.issuer) {
            return Err(Fault::Issuer);
        }
        let us = Some(self.client_id);
        let alone = match claims.get("aud") {
            Some(Value::Array(all)) => {
                if !all.iter().any(|one| one.as_str() == us) {
                    return Err(Fault::Audience);
                }
                all.len() == 1
            }
            other => {
                if other.and_then(Value::as_str) != us {
                    return Err(Fault::Audience);
                }
                true
            }
        };
        // Who asked for it: named where it is for several, and ours where it is named.
        let party = text("azp");
        if (!alone && party.is_none()) || (claims.contains_key("azp") && party != us) {
            return Err(Fault::Audience);
        }
        let end = time(claims, "exp").ok_or(Fault::Form("it does not say until when it holds"))?;
        let made = time(claims, "iat").ok_or(Fault::Form("it does not say when it was made"))?;
        if self.now_s >= end.saturating_add(self.skew_s) {
            return Err(Fault::Expired(self.now_s.saturating_sub(end)));
        }
        let begin = if claims.contains_key("nbf") {
            time(claims, "nbf").ok_or(Fault::Form("its `nbf` is no time"))?.max(made)
        } else {
            made
        };
        if begin > self.now_s.saturating_add(self.skew_s) {
            return Err(Fault::Future(begin.saturating_sub(self.now_s)));
        }
        if text("nonce") != Some(self.nonce) {
            return Err(Fault::Nonce);
        }
        let subject = text("sub").filter(|subject| (1..=SUBJECT_BYTES_MAX).contains(&subject.len()));
        subject.map(str::to_owned).ok_or(Fault::Subject)
    }
}

/// A time, in seconds since 1970; some providers tell fractions.
fn time(claims: &Claims, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    // Saturates, so that what is beyond all times is so on its side.
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 7515, A.2: RS256.
    const RSA: (&str, &str) = (
        r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    /// RFC 7515, A.3: ES256.
    const P256: (&str, &str) = (
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );

    fn key(text: &str) -> Key {
        Key::read(&serde_json::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn the_standards_examples_verify_and_nothing_near_them() {
        for (jwk, token) in [RSA, P256] {
            let claims = verified(token, &[key(jwk)]).unwrap();
            assert_eq!(claims["iss"], "joe");
            let (message, signature) = token.rsplit_once('.').unwrap();
            let (head, body) = message.split_once('.').unwrap();
            let other = BASE64URL_NOPAD.encode(br#"{"iss":"eve"}"#);
            assert_eq!(verified(&format!("{head}.{other}.{signature}"), &[key(jwk)]), Err(Fault::UnknownKey));
            let none = BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#);
            let unsigned = verified(&format!("{none}.{body}."), &[key(jwk)]);
            assert_eq!(unsigned, Err(Fault::Algorithm("none".to_owned())));
            let named = BASE64URL_NOPAD.encode(br#"{"alg":"RS256","kid":"k"}"#);
            assert_eq!(verified(&format!("{named}.{body}.{signature}"), &[key(jwk)]), Err(Fault::UnknownKey));
        }
        // A key of one kind is none of the other, whatever the token says.
        assert_eq!(verified(RSA.1, &[key(P256.0)]), Err(Fault::UnknownKey));
    }

    #[test]
    fn a_named_key_that_did_not_sign_is_a_wrong_signature() {
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "kid": "ward", "alg": "EdDSA", "use": "sig",
            "x": BASE64URL_NOPAD.encode(pair.public_key().as_ref()),
        });
        let keys = [Key::read(&jwk).unwrap()];
        let coded = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message =
            format!("{}.{}", coded(json!({ "alg": "EdDSA", "kid": "ward" })), coded(json!({ "a": 1 })));
        let mut signature = pair.sign(message.as_bytes()).as_ref().to_vec();
        let token = |signature: &[u8]| format!("{message}.{}", BASE64URL_NOPAD.encode(signature));
        assert_eq!(verified(&token(&signature), &keys).unwrap()["a"], 1);
        signature[7] ^= 1;
        assert_eq!(verified(&token(&signature), &keys), Err(Fault::Signature));
        assert_eq!(verified(&token(&[]), &keys), Err(Fault::Signature));
        for (field, value) in [("use", "enc"), ("alg", "RS256"), ("crv", "X25519"), ("x", "=")] {
            let mut other = jwk.clone();
            other[field] = json!(value);
            assert!(Key::read(&other).is_none(), "{field} {value}");
        }
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        let keys = [key(RSA.0), key(P256.0)];
        let head = BASE64URL_NOPAD.encode(br#"{"alg":"RS256","crit":["b64"]}"#);
        for wrong in ["", ".", "..", "a.b", "a.b.c", "e30.e30.", "bnVsbA.e30.AA", &format!("{head}.e30.AA")] {
            assert!(matches!(verified(wrong, &keys), Err(Fault::Form(_))), "{wrong}");
        }
        assert!(matches!(verified(&"a".repeat(TOKEN_BYTES_MAX + 1), &keys), Err(Fault::Form(_))));
    }

    #[test]
    fn every_claim_counts() {
        let expected = Expected { issuer: "i", client_id: "c", nonce: "n", now_s: 1_000, skew_s: 60 };
        let good = json!({ "iss": "i", "aud": "c", "exp": 1_100, "iat": 990, "nonce": "n", "sub": "s" });
        let with = |changes: Value| {
            let mut claims = good.as_object().unwrap().clone();
            for (name, value) in changes.as_object().unwrap() {
                if value.is_null() {
                    claims.remove(name)
                } else {
                    claims.insert(name.clone(), value.clone())
                };
            }
            expected.subject(&claims)
        };
        assert_eq!(with(json!({})), Ok("s".to_owned()));
        for fine in [
            json!({ "aud": ["c"] }),
            json!({ "aud": ["c", "d"], "azp": "c" }),
            // Within the skew.
            json!({ "exp": 941 }),
            json!({ "iat": 1_060 }),
            json!({ "exp": 1_100.5 }),
            json!({ "nbf": 1_000 }),
        ] {
            assert_eq!(with(fine.clone()), Ok("s".to_owned()), "{fine}");
        }
        for (changes, fault) in [
            (json!({ "iss": "j" }), Fault::Issuer),
            (json!({ "iss": null }), Fault::Issuer),
            (json!({ "aud": "d" }), Fault::Audience),
            (json!({ "aud": null }), Fault::Audience),
            (json!({ "aud": [] }), Fault::Audience),
            (json!({ "aud": ["d"] }), Fault::Audience),
            (json!({ "aud": ["c", "d"] }), Fault::Audience),
            (json!({ "azp": "d" }), Fault::Audience),
            (json!({ "azp": 7 }), Fault::Audience),
            (json!({ "exp": 940 }), Fault::Expired(60)),
            (json!({ "exp": null }), Fault::Form("it does not say until when it holds")),
            (json!({ "exp": "soon" }), Fault::Form("it does not say until when it holds")),
            (json!({ "iat": null }), Fault::Form("it does not say when it was made")),
            (json!({ "iat": 1_061 }), Fault::Future(61)),
            (json!({ "nbf": 1_061 }), Fault::Future(61)),
            (json!({ "nbf": "later" }), Fault::Form("its `nbf` is no time")),
            (json!({ "nonce": "m" }), Fault::Nonce),
            (json!({ "nonce": null }), Fault::Nonce),
            (json!({ "sub": "" }), Fault::Subject),
            (json!({ "sub": null }), Fault::Subject),
            (json!({ "sub": "s".repeat(256) }), Fault::Subject),
        ] {
            assert_eq!(with(changes.clone()), Err(fault), "{changes}");
        }
    }
}
