//! Device profiles: what a product line is, by the signs it shows. One file per product under
//! `data/profiles/<maker>/`.
//!
//! Each sign has a weight; the weights of the different signs seen add up, and [`IDENTIFIES`] identifies.
//!
//! | sign | keys |
//! |---|---|
//! | a declared field of a message | `field = "dhcp.vendor_class"`, `matches` (regular expression) |
//! | a trait | `identifier = "vendor-class"`, optionally `matches`, `speaks` (only said in that protocol) |
//! | what it speaks | `speaks = "…"`, `role = "client"` or `"server"` |
//! | whom it asks for | `contact_of = "Maker"`: an address that this maker hard-coded |
//! | what it sends where | `sends = "udp/9610"`, `reach = "any"`, `"broadcast"` or `"hardcoded"` |
//! | what it does | `operation = "print"` |
//! | its link address | `oui = "00:04:08"` |
//! | its part in the network | `routes = true`, `leases = true` |

use crate::form::{FormError, read_form, value_fault};
use crate::shelf;
use crate::vocabulary::Vocabulary;
use model::{DeviceClass, Mac, Operation, Transport};
use regex::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Sum of weights that identifies.
pub const IDENTIFIES: u32 = 100;
/// Least sum of weights for which the class is told.
pub const CLASS_WEIGHT_MIN: u32 = 40;
/// Least sum of weights for which maker and model are told.
pub const MODEL_WEIGHT_MIN: u32 = 60;

/// A profile file does not load.
pub type ProfileError = FormError;

/// Whose part a station plays in a protocol.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It opens the flow.
    Client,
    /// It is addressed.
    Server,
}

impl Role {
    /// As profiles write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Whom a station sends to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Anyone.
    #[default]
    Any,
    /// Everyone on the link.
    Broadcast,
    /// An address that a maker hard-coded.
    Hardcoded,
}

/// Something seen of a station that a sign may fit.
#[derive(Clone, Copy, Debug)]
pub enum Clue<'a> {
    /// A field of a message it sent.
    Field {
        /// Name of the protocol.
        protocol: &'a str,
        /// Name of the field.
        field: &'a str,
        /// What it held.
        value: &'a str,
    },
    /// A trait, with the protocol that told it.
    Identifier {
        /// Kind of the trait.
        kind: &'a str,
        /// What it is.
        value: &'a str,
        /// The protocol that told it.
        protocol: Option<&'a str>,
    },
    /// It speaks a protocol.
    Speaks {
        /// Name of the protocol.
        protocol: &'a str,
        /// Its part in it.
        role: Role,
    },
    /// It asked for an address that this maker hard-coded.
    Contact {
        /// The maker.
        maker: &'a str,
    },
    /// It sent to a port.
    Sends {
        /// What carries it.
        transport: Transport,
        /// To which port.
        port: u16,
        /// To whom.
        reach: Reach,
    },
    /// It did this kind of thing.
    Operation(&'a str),
    /// Its link address.
    Mac(Mac),
    /// It forwards for others.
    Routes,
    /// It assigns addresses.
    Leases,
}

#[derive(Clone, Debug)]
enum Trait {
    Field { protocol: String, field: String, matches: Regex },
    Identifier { kind: String, matches: Option<Regex>, protocol: Option<String> },
    Speaks { protocol: String, role: Option<Role> },
    Contact { maker: String },
    Sends { transport: Transport, port: u16, reach: Reach },
    Operation(String),
    Oui([u8; 3]),
    Routes,
    Leases,
}

/// One trait that suggests a product.
#[derive(Clone, Debug)]
pub struct Sign {
    /// Its name in reports.
    pub name: String,
    /// How much it counts; 100 identifies.
    pub weight: u32,
    fits: Trait,
}

impl Sign {
    /// Whether `clue` shows this sign.
    #[must_use]
    pub fn fits(&self, clue: &Clue<'_>) -> bool {
        match (&self.fits, clue) {
            (Trait::Field { protocol, field, matches }, Clue::Field { protocol: p, field: f, value }) => {
                protocol == p && field == f && matches.is_match(value)
            }
            (
                Trait::Identifier { kind, matches, protocol },
                Clue::Identifier { kind: k, value, protocol: p },
            ) => {
                kind == k
                    && protocol.as_deref().is_none_or(|wanted| *p == Some(wanted))
                    && matches.as_ref().is_none_or(|matches| matches.is_match(value))
            }
            (Trait::Speaks { protocol, role }, Clue::Speaks { protocol: p, role: r }) => {
                protocol == p && role.is_none_or(|role| role == *r)
            }
            (Trait::Contact { maker }, Clue::Contact { maker: m }) => maker == m,
            (Trait::Sends { transport, port, reach }, Clue::Sends { transport: t, port: p, reach: r }) => {
                transport == t && port == p && (*reach == Reach::Any || reach == r)
            }
            (Trait::Operation(name), Clue::Operation(n)) => name == n,
            (Trait::Oui(oui), Clue::Mac(mac)) => mac.0.starts_with(oui),
            (Trait::Routes, Clue::Routes) | (Trait::Leases, Clue::Leases) => true,
            _ => false,
        }
    }
}

/// Communication that the maker or the job explains.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Speaks {
    /// The protocol.
    pub protocol: String,
    /// Class of the peer.
    pub to_class: Option<String>,
    /// Port of the server.
    pub port: Option<u16>,
}

/// What the product does not survive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Fragile {
    /// What carries it: `udp` or `tcp`.
    pub transport: String,
    /// Ports where such traffic is in order.
    pub except: Vec<u16>,
    /// Vulnerabilities that make it so.
    pub cves: Vec<String>,
}

/// What a product line is and does.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its id, e.g. `acme.infuser-300`.
    pub id: String,
    /// Maker, where it is a product.
    pub maker: Option<String>,
    /// Platform, where it is a product.
    pub model: Option<String>,
    /// Other labels of the platform.
    pub aliases: Vec<String>,
    /// Kind of device.
    pub class: DeviceClass,
    /// Its signs.
    pub signs: Vec<Sign>,
    /// Expected communication.
    pub speaks: Vec<Speaks>,
    /// What it does not survive.
    pub fragile: Vec<Fragile>,
}

/// All profiles, by file name.
#[derive(Clone, Debug, Default)]
pub struct Profiles(Vec<Profile>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileForm {
    schema: u32,
    id: String,
    vendor: Option<String>,
    model: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    class: String,
    #[serde(rename = "source")]
    _source: String,
    sign: Vec<SignForm>,
    #[serde(default)]
    speaks: Vec<Speaks>,
    #[serde(default)]
    fragile: Vec<Fragile>,
    #[serde(rename = "example")]
    examples: Vec<ExampleForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignForm {
    weight: u32,
    field: Option<String>,
    matches: Option<String>,
    identifier: Option<String>,
    speaks: Option<String>,
    role: Option<Role>,
    contact_of: Option<String>,
    sends: Option<String>,
    #[serde(default)]
    reach: Reach,
    operation: Option<String>,
    oui: Option<String>,
    #[serde(default)]
    routes: bool,
    #[serde(default)]
    leases: bool,
}

/// Clues as text, and whether they identify the product well enough to name its class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleForm {
    see: BTreeMap<String, String>,
    is: bool,
}

impl Profiles {
    /// What is compiled in.
    ///
    /// # Errors
    /// [`ProfileError`] for a file that does not have its form, or whose examples contradict it.
    pub fn built_in() -> Result<Self, ProfileError> {
        let words = Vocabulary::built_in()?;
        shelf::PROFILES
            .iter()
            .map(|(file, text)| parse(text, file, &words))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Fields that some sign reads: (protocol, field).
    #[must_use]
    pub fn watched_fields(&self) -> Vec<(&str, &str)> {
        let signs = self.0.iter().flat_map(|profile| &profile.signs);
        let mut fields: Vec<_> = signs
            .filter_map(|sign| match &sign.fits {
                Trait::Field { protocol, field, .. } => Some((protocol.as_str(), field.as_str())),
                _ => None,
            })
            .collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Protocols that some profile names: a test compares them with the registry.
    #[must_use]
    pub fn named_protocols(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for profile in &self.0 {
            names.extend(profile.speaks.iter().map(|speaks| speaks.protocol.as_str()));
            for sign in &profile.signs {
                match &sign.fits {
                    Trait::Field { protocol, .. }
                    | Trait::Speaks { protocol, .. }
                    | Trait::Identifier { protocol: Some(protocol), .. } => names.push(protocol.as_str()),
                    _ => {}
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(crate) fn all(&self) -> &[Profile] {
        &self.0
    }

    /// The profile called `id`.
    #[must_use]
    pub fn profile(&self, id: &str) -> Option<&Profile> {
        self.0.iter().find(|profile| profile.id == id)
    }

    /// Calls `found` with each (profile, sign) that `clue` shows.
    pub(crate) fn fitting(&self, clue: &Clue<'_>, mut found: impl FnMut(SignId)) {
        for (profile, row) in self.0.iter().enumerate() {
            for (sign, row) in row.signs.iter().enumerate() {
                if row.fits(clue) {
                    found(SignId { profile, sign });
                }
            }
        }
    }

    pub(crate) fn sign(&self, id: SignId) -> Option<&Sign> {
        self.0.get(id.profile)?.signs.get(id.sign)
    }
}

/// Place of a sign: index of its profile, index in the profile.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct SignId {
    pub(crate) profile: usize,
    pub(crate) sign: usize,
}

impl Profile {
    /// Reads a profile file; `file` is its name, for faults.
    ///
    /// # Errors
    /// [`ProfileError`] for a text that does not have the form of a profile, or whose examples contradict it.
    pub fn parse(text: &str, file: &str, words: &Vocabulary) -> Result<Self, ProfileError> {
        parse(text, file, words)
    }

    /// Sum of the weights of the signs that some of `clues` show.
    fn weight(&self, clues: &[Clue<'_>]) -> u32 {
        let shown = self.signs.iter().filter(|sign| clues.iter().any(|clue| sign.fits(clue)));
        shown.map(|sign| sign.weight).sum()
    }
}

fn parse(text: &str, file: &str, words: &Vocabulary) -> Result<Profile, ProfileError> {
    let form: ProfileForm = read_form(text, file)?;
    let fault = |key: &str, value: &str, what: &str| value_fault(text, file, key, value, what);
    if form.schema != 1 {
        return Err(fault("schema", &form.schema.to_string(), "must be 1"));
    }
    let class = words.class(&form.class);
    let class = class.ok_or_else(|| fault("class", &form.class, "is not in data/vocab/device_class.toml"))?;
    let signs = form.sign.into_iter().map(|sign| sign_of(sign, &fault));
    let profile = Profile {
        id: form.id,
        maker: form.vendor,
        model: form.model,
        aliases: form.aliases,
        class: class.clone(),
        signs: signs.collect::<Result<_, _>>()?,
        speaks: form.speaks,
        fragile: form.fragile,
    };
    let (are, are_not): (Vec<_>, Vec<_>) = form.examples.iter().partition(|example| example.is);
    if are.is_empty() || are_not.is_empty() {
        return Err(fault("example", "", "a profile has examples both ways"));
    }
    for example in &form.examples {
        let clues = example.see.iter().map(|(key, value)| clue_of(key, value));
        let clues: Option<Vec<_>> = clues.collect();
        let clues = clues.ok_or_else(|| fault("see", "", "names a clue that does not exist"))?;
        let weight = profile.weight(&clues);
        if (weight >= CLASS_WEIGHT_MIN) != example.is {
            return Err(fault("is", &example.is.to_string(), &format!("but the weights add up to {weight}")));
        }
    }
    Ok(profile)
}

fn sign_of(form: SignForm, fault: &dyn Fn(&str, &str, &str) -> ProfileError) -> Result<Sign, ProfileError> {
    let regex = |text: &String| Regex::new(text).map_err(|why| fault("matches", text, &why.to_string()));
    let matches = form.matches.as_ref().map(regex).transpose()?;
    let (name, fits) = if let Some(path) = form.field {
        let (protocol, field) =
            path.split_once('.').ok_or_else(|| fault("field", &path, "is protocol.field"))?;
        let matches = matches.ok_or_else(|| fault("field", &path, "needs the key matches"))?;
        (path.clone(), Trait::Field { protocol: protocol.to_owned(), field: field.to_owned(), matches })
    } else if let Some(kind) = form.identifier {
        (kind.clone(), Trait::Identifier { kind, matches, protocol: form.speaks })
    } else if let Some(protocol) = form.speaks {
        let role = form.role.map_or("", Role::as_str);
        let name = format!("speaks {protocol} {role}").trim_end().to_owned();
        (name, Trait::Speaks { protocol, role: form.role })
    } else if let Some(maker) = form.contact_of {
        ("hard-coded address".to_owned(), Trait::Contact { maker })
    } else if let Some(sends) = form.sends {
        let (transport, port) = port_of(&sends).ok_or_else(|| fault("sends", &sends, "is like udp/9610"))?;
        (format!("sends to {sends}"), Trait::Sends { transport, port, reach: form.reach })
    } else if let Some(operation) = form.operation {
        (operation.clone(), Trait::Operation(operation))
    } else if let Some(oui) = form.oui {
        let mac: Mac = format!("{oui}:00:00:00").parse().map_err(|why| fault("oui", &oui, why))?;
        let [a, b, c, ..] = mac.0;
        ("mac prefix".to_owned(), Trait::Oui([a, b, c]))
    } else if form.routes {
        ("routes for others".to_owned(), Trait::Routes)
    } else if form.leases {
        ("assigns addresses".to_owned(), Trait::Leases)
    } else {
        return Err(fault("weight", &form.weight.to_string(), "a sign needs a trait"));
    };
    Ok(Sign { name, weight: form.weight, fits })
}

fn port_of(text: &str) -> Option<(Transport, u16)> {
    let (transport, port) = text.split_once('/')?;
    let transport = match transport {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => return None,
    };
    Some((transport, port.parse().ok()?))
}

/// A clue of an example: `dhcp.vendor_class`, `identifier.vendor-class` (with `/protocol` behind the value's
/// name where the protocol matters), `speaks`, `contact_of`, `sends`, `operation`, `mac`, `routes`, `leases`.
fn clue_of<'a>(key: &'a str, value: &'a str) -> Option<Clue<'a>> {
    Some(match key {
        "speaks" | "speaks_too" => {
            let (protocol, role) = value.split_once('/')?;
            let role = if role == "client" { Role::Client } else { Role::Server };
            Clue::Speaks { protocol, role }
        }
        "contact_of" => Clue::Contact { maker: value },
        "sends" | "sends_too" => {
            let mut parts = value.rsplitn(2, '/');
            let reach = match parts.next()? {
                "broadcast" => Reach::Broadcast,
                "hardcoded" => Reach::Hardcoded,
                "any" => Reach::Any,
                _ => return None,
            };
            let (transport, port) = port_of(parts.next()?)?;
            Clue::Sends { transport, port, reach }
        }
        "operation" => Clue::Operation(value),
        "mac" => Clue::Mac(value.parse().ok()?),
        "routes" => Clue::Routes,
        "leases" => Clue::Leases,
        _ => {
            let (first, rest) = key.split_once('.')?;
            if first == "identifier" {
                let (kind, protocol) = rest.split_once('/').map_or((rest, None), |(k, p)| (k, Some(p)));
                Clue::Identifier { kind, value, protocol }
            } else {
                Clue::Field { protocol: first, field: rest, value }
            }
        }
    })
}

/// An operation as profiles and reports write it.
#[must_use]
pub fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::Associate => "associate",
        Operation::StoreObject => "store-object",
        Operation::Query => "query",
        Operation::Print => "print",
        Operation::SendMessage => "send-message",
        Operation::WebRequest => "web-request",
        Operation::Command => "command",
        Operation::Configure => "configure",
        Operation::AskTime => "ask-time",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_keeps_what_its_examples_say() {
        let profiles = Profiles::built_in().unwrap();
        assert!(profiles.all().len() >= 8);
        let ids: std::collections::BTreeSet<_> = profiles.all().iter().map(|profile| &profile.id).collect();
        assert_eq!(ids.len(), profiles.all().len(), "ids are unique");
    }

    const FORM: &str = r#"
schema = 1
id = "acme.pump"
vendor = "Acme"
class = "infusion-pump"
source = "invented"
[[sign]]
weight = 60
field = "dhcp.vendor_class"
matches = '^ACME'
[[example]]
see = { "dhcp.vendor_class" = "ACME-1" }
is = true
[[example]]
see = { "dhcp.vendor_class" = "OTHER" }
is = false
"#;

    #[test]
    fn a_profile_that_contradicts_its_examples_does_not_load() {
        let words = Vocabulary::built_in().unwrap();
        assert!(parse(FORM, "acme.toml", &words).is_ok());
        let wrong = |from: &str, to: &str| {
            parse(&FORM.replace(from, to), "acme.toml", &words).unwrap_err().to_string()
        };
        assert!(wrong("\"OTHER\"", "\"ACME-2\"").contains("add up to 60"));
        assert!(wrong("infusion-pump", "infusion-pumpe").contains("acme.toml:5"));
        assert!(wrong("'^ACME'", "'('").contains("matches"));
        assert!(wrong("weight", "wait").contains("wait"));
        assert!(wrong("\"dhcp.vendor_class\"\n", "\"vendor\"\n").contains("protocol.field"));
    }

    #[test]
    fn watched_fields_are_those_of_the_signs() {
        let words = Vocabulary::built_in().unwrap();
        let profiles = Profiles(vec![parse(FORM, "acme.toml", &words).unwrap()]);
        assert_eq!(profiles.watched_fields(), [("dhcp", "vendor_class")]);
    }
}
