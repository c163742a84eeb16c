//! Every protocol, one file each.

use crate::Protocol;

/// Declares the fields of one protocol, as statics that the parser beside it names, and its `SCHEMA`.
///
/// ```text
/// schema! { "arp": OPERATION = "operation" Number Device "What is asked or told."; }
/// schema! { "x": RATE = "rate" Quantity("/min") Device "A number with a UCUM unit."; }
/// schema! { "y" after [x::RATE]: NOTE = "note" Text Device "Fields of another protocol come first."; }
/// ```
macro_rules! schema {
    (
        $protocol:literal $(after [$($head:path),*])?:
        $($field:ident = $name:literal $kind:ident $(($unit:literal))? $privacy:ident $doc:literal;)*
    ) => {
        $(
            pub(super) static $field: model::Field = model::Field {
                name: $name,
                kind: model::Kind::$kind $(($unit))?,
                privacy: model::Privacy::$privacy,
                doc: $doc,
            };
        )*

        pub(super) static SCHEMA: model::Schema =
            model::Schema { protocol: $protocol, fields: &[$($(&$head,)*)? $(&$field),*] };
    };
}

macro_rules! protocols {
    ($($name:ident),* $(,)?) => {
        $(pub mod $name;)*

        /// Every protocol, in probing order: the strictest magic first.
        pub static PROTOCOLS: &[&Protocol] = &[$(&$name::PROTOCOL),*];
    };
}

protocols! {
    cms8000,
    lpd,
    hl7,
    dicom,
    portmap,
    mount,
    nfs,
    rpc,
    arp,
    dhcp,
    mdns,
    llmnr,
    nbns,
    dns,
    tftp,
    ftp,
    ftp_data,
    snmp,
    ntp,
    icmp,
    icmp6,
    tls,
    dtls,
    http,
    ssdp,
    ssh,
    telnet,
    vnc,
    adb,
    rdp,
    smb,
}

/// The row called `name`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().copied().find(|protocol| protocol.name == name)
}
