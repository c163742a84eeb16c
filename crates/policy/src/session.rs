//! Profiles of encrypted sessions: what a device offers when it opens one (RFC 9761 calls it a (D)TLS profile).
//!
//! A profile is learnt from the hellos that a device sent, and kept beside the rule of that conversation. It narrows a
//! rule for those who can look into handshakes; the packet filters that policies are rendered for cannot, and let any
//! conversation of the rule pass. A profile that leaves out something the device was seen to offer would have it cut off
//! by whoever enforces it, so there is none where something has no word in the RFC, or was not read or kept.

use model::{SESSION_NUMBERS_MAX, SESSION_PROTOCOLS_MAX, SessionOffer, Sessions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most profiles of one rule. Our limit; a file that has more is not read further, and that is told.
pub const PROFILES_MAX: usize = 32;
/// Longest name of a profile, in bytes: RFC 9761 §5.2.
const NAME_BYTES_MAX: usize = 64;
/// Longest certificate or name of an authority that is kept, in bytes. Our limit, above usual certificates in base64.
pub(crate) const ANCHOR_BYTES_MAX: usize = 16 << 10;
/// Most of either kept of one profile. Our limit.
pub(crate) const ANCHORS_MAX: usize = 256;

/// Versions: their words in the RFC's module `iana-tls-profile`, and as they stand on the wire.
const VERSIONS: [(&str, u16); 4] =
    [("tls12", 0x0303), ("tls13", 0x0304), ("dtls12", 0xFEFD), ("dtls13", 0xFEFC)];

/// What a device offers when it opens an encrypted session.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SessionProfile {
    /// Its name, unique among those of a rule.
    pub name: String,
    /// What it offers; always [`SessionOffer::whole`], and of versions that have a word.
    pub offer: SessionOffer,
    /// Trust anchors, as a maker's file has them (base64 of a CMS message).
    pub anchors: BTreeSet<String>,
    /// Distinguished names of authorities, as a maker's file has them.
    pub authorities: BTreeSet<String>,
}

impl SessionProfile {
    /// The words of its versions.
    pub fn versions(&self) -> impl Iterator<Item = &'static str> {
        self.offer.versions.iter().filter_map(|version| version_word(*version))
    }
}

/// The word of a version; absent where the RFC has none.
pub(crate) fn version_word(version: u16) -> Option<&'static str> {
    VERSIONS.iter().find(|(_, number)| *number == version).map(|(word, _)| *word)
}

/// The version of a word.
pub(crate) fn version_of(word: &str) -> Option<u16> {
    VERSIONS.iter().find(|(known, _)| *known == word).map(|(_, number)| *number)
}

/// Whether this can be the name of a profile: "space and special characters are not allowed".
pub(crate) fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Whether an application protocol can be written: text from the wire is escaped where it is none.
pub(crate) fn is_protocol(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// The profiles of what was offered.
///
/// # Errors
/// Why there can be none.
pub(crate) fn profiles(sessions: &Sessions) -> Result<Vec<SessionProfile>, String> {
    if sessions.unlisted > 0 {
        return Err(format!("{} of its offers were not kept", sessions.unlisted));
    }
    let mut made = Vec::new();
    for (number, offer) in (1..).zip(&sessions.offers) {
        if let Some(version) = offer.versions.iter().find(|version| version_word(**version).is_none()) {
            return Err(format!("it offers version {version:04x}, for which RFC 9761 has no word"));
        }
        if let Some(name) = offer.protocols.iter().find(|name| !is_protocol(name.as_str())) {
            return Err(format!("it offers the application protocol `{name}`, which cannot be written"));
        }
        if !offer.whole {
            return Err("an offer was not read wholly".to_owned());
        }
        made.push(SessionProfile {
            name: format!("offer{number}"),
            offer: SessionOffer::clone(offer),
            anchors: BTreeSet::new(),
            authorities: BTreeSet::new(),
        });
    }
    Ok(made)
}

/// The profiles of two devices that share a rule. Where one of them has none, nobody can say what it offers, and both have
/// none.
pub(crate) fn joined(one: Vec<SessionProfile>, other: Vec<SessionProfile>) -> Vec<SessionProfile> {
    if one.is_empty() || other.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<SessionProfile> = one.into_iter().chain(other).collect();
    all.sort_by(|a, b| (&a.offer, &a.anchors, &a.authorities).cmp(&(&b.offer, &b.anchors, &b.authorities)));
    all.dedup_by(|a, b| (&a.offer, &a.anchors, &a.authorities) == (&b.offer, &b.anchors, &b.authorities));
    if all.len() > PROFILES_MAX {
        return Vec::new();
    }
    for (number, profile) in (1..).zip(&mut all) {
        profile.name = format!("offer{number}");
    }
    all
}

/// Adds a profile to those of a rule, once, by a name of its own; false where there are too many.
pub(crate) fn add(all: &mut Vec<SessionProfile>, one: &SessionProfile) -> bool {
    if all.contains(one) {
        return true;
    }
    if all.len() >= PROFILES_MAX {
        return false;
    }
    let mut name = one.name.clone();
    // One more name than there are profiles is enough.
    for number in 2..=PROFILES_MAX + 1 {
        if !all.iter().any(|known| known.name == name) {
            break;
        }
        name = format!("{}-{number}", one.name.get(..NAME_BYTES_MAX - 3).unwrap_or(&one.name));
    }
    all.push(SessionProfile { name, ..one.clone() });
    true
}

/// A profile in a policy file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileForm {
    name: String,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    suites: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    extensions: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    certificate_signatures: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resumptions: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    compressions: Vec<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    protocols: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    anchors: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    authorities: Vec<String>,
}

impl ProfileForm {
    pub(crate) fn of(profile: &SessionProfile) -> Self {
        let offer = &profile.offer;
        let versions = offer.versions.iter().filter_map(|version| version_word(*version));
        Self {
            name: profile.name.clone(),
            versions: versions.map(str::to_owned).collect(),
            suites: offer.suites.to_vec(),
            extensions: offer.extensions.to_vec(),
            groups: offer.groups.to_vec(),
            signatures: offer.signatures.to_vec(),
            certificate_signatures: offer.certificate_signatures.to_vec(),
            resumptions: offer.resumptions.to_vec(),
            compressions: offer.compressions.to_vec(),
            protocols: offer.protocols.iter().map(|name| name.as_str().to_owned()).collect(),
            anchors: profile.anchors.iter().cloned().collect(),
            authorities: profile.authorities.iter().cloned().collect(),
        }
    }

    /// The profile.
    ///
    /// # Errors
    /// Which key is wrong, its value, and why.
    pub(crate) fn read(self) -> Result<SessionProfile, (&'static str, String, &'static str)> {
        if !is_name(&self.name) {
            return Err(("name", self.name, "a profile's name is 1 to 64 letters, digits, `-`, `_` or `.`"));
        }
        let mut draft = Draft::new(self.name);
        for word in self.versions {
            let version = version_of(&word);
            let version = version.ok_or(("versions", word, "must be tls12, tls13, dtls12 or dtls13"))?;
            draft.versions.insert(version);
        }
        let lists = [
            (&mut draft.suites, self.suites),
            (&mut draft.extensions, self.extensions),
            (&mut draft.groups, self.groups),
            (&mut draft.signatures, self.signatures),
            (&mut draft.certificate_signatures, self.certificate_signatures),
            (&mut draft.resumptions, self.resumptions),
            (&mut draft.compressions, self.compressions),
        ];
        for (list, numbers) in lists {
            list.extend(numbers);
        }
        draft.protocols.extend(self.protocols);
        draft.anchors.extend(self.anchors);
        draft.authorities.extend(self.authorities);
        draft.finish().map_err(|(key, why)| (key, String::new(), why))
    }
}

/// A profile as it is put together.
#[derive(Default)]
pub(crate) struct Draft {
    name: String,
    pub(crate) versions: BTreeSet<u16>,
    pub(crate) suites: BTreeSet<u16>,
    pub(crate) extensions: BTreeSet<u16>,
    pub(crate) groups: BTreeSet<u16>,
    pub(crate) signatures: BTreeSet<u16>,
    pub(crate) certificate_signatures: BTreeSet<u16>,
    pub(crate) resumptions: BTreeSet<u16>,
    pub(crate) compressions: BTreeSet<u16>,
    pub(crate) protocols: BTreeSet<String>,
    pub(crate) anchors: BTreeSet<String>,
    pub(crate) authorities: BTreeSet<String>,
}

impl Draft {
    pub(crate) fn new(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// The profile.
    ///
    /// # Errors
    /// What is too much or cannot be written, and why.
    pub(crate) fn finish(self) -> Result<SessionProfile, (&'static str, &'static str)> {
        let numbers = [
            ("suites", &self.suites),
            ("extensions", &self.extensions),
            ("groups", &self.groups),
            ("signatures", &self.signatures),
            ("certificate_signatures", &self.certificate_signatures),
            ("compressions", &self.compressions),
        ];
        if let Some((key, _)) = numbers.iter().find(|(_, list)| list.len() > SESSION_NUMBERS_MAX) {
            return Err((key, "has more than 256 numbers"));
        }
        if self.resumptions.iter().any(|mode| *mode > 255) {
            return Err(("resumptions", "ends at 255"));
        }
        if self.protocols.len() > SESSION_PROTOCOLS_MAX
            || !self.protocols.iter().all(|name| is_protocol(name))
        {
            return Err(("protocols", "is more than 32, or one is not 1 to 255 letters, digits and signs"));
        }
        for (key, list) in [("anchors", &self.anchors), ("authorities", &self.authorities)] {
            if list.len() > ANCHORS_MAX || list.iter().any(|text| text.len() > ANCHOR_BYTES_MAX) {
                return Err((key, "has more than 256 texts, or one is longer than 16 KiB"));
            }
        }
        let list = |numbers: BTreeSet<u16>| numbers.into_iter().collect();
        Ok(SessionProfile {
            name: self.name,
            offer: SessionOffer {
                versions: list(self.versions),
                suites: list(self.suites),
                extensions: list(self.extensions),
                groups: list(self.groups),
                signatures: list(self.signatures),
                certificate_signatures: list(self.certificate_signatures),
                resumptions: list(self.resumptions),
                compressions: list(self.compressions),
                protocols: self.protocols.iter().map(|name| name.as_str().into()).collect(),
                whole: true,
            },
            anchors: self.anchors,
            authorities: self.authorities,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn offer(version: u16, suite: u16) -> SessionOffer {
        SessionOffer {
            versions: [version].into(),
            suites: [suite].into(),
            protocols: ["h2".into()].into(),
            whole: true,
            ..SessionOffer::default()
        }
    }

    fn sessions(offers: &[SessionOffer]) -> Sessions {
        Sessions { offers: offers.iter().cloned().map(Arc::new).collect(), unlisted: 0 }
    }

    #[test]
    fn an_offer_without_words_makes_no_profile() {
        assert_eq!(profiles(&sessions(&[offer(0x0303, 1), offer(0x0304, 2)])).unwrap().len(), 2);
        let old = profiles(&sessions(&[offer(0x0303, 1), offer(0x0301, 2)])).unwrap_err();
        assert!(old.contains("0301"), "{old}");
        let part = SessionOffer { whole: false, ..offer(0x0303, 1) };
        assert!(profiles(&sessions(&[part])).is_err());
        let odd = SessionOffer { protocols: [model::Text::from_bytes(b"a\0b")].into(), ..offer(0x0303, 1) };
        assert!(profiles(&sessions(&[odd])).unwrap_err().contains("a\\x00b"));
        assert!(profiles(&Sessions { unlisted: 1, ..sessions(&[offer(0x0303, 1)]) }).is_err());
    }

    #[test]
    fn devices_that_share_a_rule_share_what_both_were_seen_to_offer() {
        let of = |offers: &[SessionOffer]| profiles(&sessions(offers)).unwrap();
        let both = joined(of(&[offer(0x0303, 1)]), of(&[offer(0x0303, 1), offer(0x0304, 2)]));
        let names: Vec<&str> = both.iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["offer1", "offer2"]);
        assert!(joined(of(&[offer(0x0303, 1)]), Vec::new()).is_empty());
    }
}
