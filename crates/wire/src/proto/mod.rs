//! Every protocol, one file each.

use crate::Protocol;
use model::Transport;
use std::sync::LazyLock;

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

/// Rows as bits, by place in [`PROTOCOLS`]: so that a new flow does not ask every row for its ports.
struct Index {
    /// Ports that some row is usually found on, ascending, with those rows.
    ports: Vec<(u16, u64)>,
    tcp: u64,
    udp: u64,
}

const _: () = assert!(PROTOCOLS.len() <= u64::BITS as usize);

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { ports: Vec::new(), tcp: 0, udp: 0 };
    for (place, protocol) in PROTOCOLS.iter().enumerate() {
        let bit = 1 << place;
        index.tcp |= if protocol.transports.contains(&Transport::Tcp) { bit } else { 0 };
        index.udp |= if protocol.transports.contains(&Transport::Udp) { bit } else { 0 };
        index.ports.extend(protocol.ports.iter().map(|port| (*port, bit)));
    }
    index.ports.sort_unstable();
    index.ports.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 |= if same { next.1 } else { 0 };
        same
    });
    index
});

impl Index {
    fn on(&self, port: u16) -> u64 {
        let at = self.ports.binary_search_by_key(&port, |(port, _)| *port);
        at.ok().and_then(|at| self.ports.get(at)).map_or(0, |(_, rows)| *rows)
    }
}

/// Whether some protocol is usually found on `port`.
#[must_use]
pub fn is_usual_port(port: u16) -> bool {
    INDEX.on(port) != 0
}

/// The rows that a stream or a datagram between these ports may belong to, in the order in which they are asked:
/// those that are usually found on one of the ports, then all others; within each, probing order.
pub fn candidates(transport: Transport, ports: [u16; 2]) -> impl Iterator<Item = &'static Protocol> {
    let carried = match transport {
        Transport::Tcp => INDEX.tcp,
        Transport::Udp => INDEX.udp,
        _ => 0,
    };
    let usual = ports.iter().fold(0, |rows, port| rows | INDEX.on(*port)) & carried;
    rows_of(usual).chain(rows_of(carried & !usual))
}

/// The rows whose bits are set.
fn rows_of(mut bits: u64) -> impl Iterator<Item = &'static Protocol> {
    std::iter::from_fn(move || {
        let place = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        PROTOCOLS.get(place as usize).copied()
    })
}

/// The row called `name`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().copied().find(|protocol| protocol.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_ports_come_first_and_none_is_missed() {
        for (transport, ports) in
            [(Transport::Tcp, [49_152, 515]), (Transport::Udp, [53, 2049]), (Transport::Tcp, [1, 2])]
        {
            let carries = |row: &&&Protocol| row.transports.contains(&transport);
            let on = |row: &&&Protocol| ports.iter().any(|port| row.ports.contains(port));
            let usual = PROTOCOLS.iter().filter(carries).filter(on);
            let others = PROTOCOLS.iter().filter(carries).filter(|row| !on(row));
            let expected: Vec<&str> = usual.chain(others).map(|row| row.name).collect();
            let asked: Vec<&str> = candidates(transport, ports).map(|row| row.name).collect();
            assert_eq!(asked, expected);
        }
        assert!(is_usual_port(2049) && !is_usual_port(1));
    }
}
