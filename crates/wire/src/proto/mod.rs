//! Every protocol, one file each.

use crate::Protocol;

macro_rules! protocols {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// Every protocol, in probing order: the strictest magic first.
        pub static PROTOCOLS: &[&Protocol] = &[$(&$name::PROTOCOL),*];
    };
}

protocols! {}

/// The row called `name`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().copied().find(|protocol| protocol.name == name)
}
