//! Facts to assets: what is on the network, what it is, whom it talks to, and where that is.
//!
//! [`Inventory::learn`] takes observations in order and keeps what they add up to; [`Inventory::survey`]
//! concludes from it at any time and changes nothing, so the same observations always give the same answer.
//!
//! ```text
//! Observation ─┬─ stations    one network address behind one link address
//!              ├─ exchanges   all flows between two stations on one port with one protocol
//!              ├─ neighbours  who owns an address on the link, who routes
//!              ├─ beds        vital signs by monitor, bed and patient
//!              └─ recorder    the same in full, where asked for
//!                     │
//!                  Survey     assets (stations added up), their class, where each peer is
//! ```
//!
//! What is known of products, addresses and notices is data ([`Profiles`], [`Vocabulary`]); nothing here names
//! a protocol. Every table is bounded; what a bound cost is counted in [`Dropped`].

mod advisory;
mod bed;
mod exchange;
mod flow;

mod form;
mod identity;
mod learn;
mod location;
mod neighbour;
mod pace;
mod profile;
mod recorder;
mod renew;
mod session;
mod shelf;
mod site;
mod site_policy;
mod station;
mod survey;
mod vocabulary;

pub use bed::{BEDS_MAX, BEDS_PER_STATION_MAX, BedRow, CYCLE_TIMES_MAX, LIMIT_CHANGES_MAX, NOTICES_MAX};
pub use exchange::{EXCHANGES_MAX, EXCHANGES_PER_STATION_MAX, Exchange, ExchangeId};
pub use flow::{LiveFlow, SLOTS_PER_SHARD_MAX, is_group};
pub use form::{FormError, read_form};
pub use learn::{Dropped, Inventory};
pub use neighbour::{OWNED_ADDRESSES_MAX, OWNERS_PER_ADDRESS_MAX, Owner, ROUTERS_MAX};
pub use profile::{
    CLASS_WEIGHT_MIN, Clue, Fragile, IDENTIFIES, MODEL_WEIGHT_MIN, Profile, ProfileError, Profiles, Reach,
    Role, Sign, Speaks, operation_name,
};
pub use recorder::{
    CYCLE_RECORDS_MAX, LIMIT_RECORDS_MAX, NOTICE_RECORDS_MAX, NUMERICS_MAX, NUMERICS_PER_BED_MAX, Recorder,
    WAVE_BYTES_MAX, WAVE_BYTES_PER_BED_MAX, Wanted,
};
pub use renew::{Renewal, Renewed};
pub use session::{OFFERS_MAX, OFFERS_PER_EXCHANGE_MAX};
pub use site::{Device, DeviceState, Learning, Server, Site, SiteError, Zone, moment};
pub use site_policy::SitePolicy;
pub use station::{
    ADDRESSES_PER_MAC_MAX, CALLERS_MAX, STATIONS_MAX, Span, Station, StationId, TRAITS_MAX, VLANS_MAX,
};
pub use survey::{CONVERSATIONS_MAX, KnownBed, Survey};
pub use vocabulary::{HardcodedAddress, PortUse, ProtocolRole, Vocabulary};
