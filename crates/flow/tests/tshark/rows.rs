//! What is compared: our field, tshark's, and how both are made alike.

use crate::theirs::Node;
use model::{Message, Text, Value};

/// One field that both sides read.
pub(crate) struct Row {
    /// `protocol.field` of ours, or a name that [`computed`] gives.
    pub ours: &'static str,
    /// tshark's layers that have it.
    pub layers: &'static [&'static str],
    /// Where it is in them.
    pub theirs: Theirs,
    /// Makes values of both sides alike; `None` for those that do not count.
    pub normal: fn(&str) -> Option<String>,
}

/// Where tshark has a field.
pub(crate) enum Theirs {
    /// Leaves of these names.
    Fields(&'static [&'static str]),
    /// Computed from the tree of one layer.
    Read(fn(&Node) -> Vec<String>),
}

/// Layers that tshark is asked for.
pub(crate) const LAYERS: &[&str] = &[
    "arp", "icmp", "icmpv6", "dhcp", "dns", "mdns", "llmnr", "nbns", "rpc", "portmap", "mount", "nfs", "hl7",
    "dicom", "http", "ssdp", "tls", "dtls", "tftp", "ftp", "telnet", "ssh", "ntp", "snmp",
];

const fn row(
    ours: &'static str,
    layers: &'static [&'static str],
    fields: &'static [&'static str],
    normal: fn(&str) -> Option<String>,
) -> Row {
    Row { ours, layers, theirs: Theirs::Fields(fields), normal }
}

const fn read(
    ours: &'static str,
    layers: &'static [&'static str],
    read: fn(&Node) -> Vec<String>,
    normal: fn(&str) -> Option<String>,
) -> Row {
    Row { ours, layers, theirs: Theirs::Read(read), normal }
}

/// JA4 of TLS and DTLS, which this tshark does not have: compared with the vectors of the captures' authors.
pub(crate) const JA4: &str = "ja4 of the authors";

/// Every field that is compared. CMS8000 has no peer, and no capture of printing is in the corpus.
#[rustfmt::skip]
pub(crate) static ROWS: &[Row] = &[
    row("arp.operation", &["arp"], &["arp.opcode"], number),
    row("arp.sender_mac", &["arp"], &["arp.src.hw_mac"], text),
    row("arp.sender_ip", &["arp"], &["arp.src.proto_ipv4"], text),
    row("arp.target_mac", &["arp"], &["arp.dst.hw_mac"], text),
    row("arp.target_ip", &["arp"], &["arp.dst.proto_ipv4"], text),
    row("icmp.type", &["icmp"], &["icmp.type"], number),
    row("icmp.code", &["icmp"], &["icmp.code"], number),
    row("icmp.identifier", &["icmp"], &["icmp.ident"], number),
    row("icmp.sequence", &["icmp"], &["icmp.seq"], number),
    row("icmp6.type", &["icmpv6"], &["icmpv6.type"], number),
    row("icmp6.code", &["icmpv6"], &["icmpv6.code"], number),
    row("icmp6.target", &["icmpv6"], &["icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address"], text),
    row("icmp6.link_address", &["icmpv6"], &["icmpv6.opt.linkaddr"], text),
    row("dhcp.op", &["dhcp"], &["dhcp.type"], number),
    row("dhcp.message_type", &["dhcp"], &["dhcp.option.dhcp"], number),
    row("dhcp.xid", &["dhcp"], &["dhcp.id"], number),
    read("dhcp.client_mac", &["dhcp"], |layer| layer.own("dhcp.hw.mac_addr"), text),
    row("dhcp.client_ip", &["dhcp"], &["dhcp.ip.client"], specified),
    row("dhcp.your_ip", &["dhcp"], &["dhcp.ip.your"], specified),
    row("dhcp.relay", &["dhcp"], &["dhcp.ip.relay"], specified),
    row("dhcp.hostname", &["dhcp"], &["dhcp.option.hostname"], text),
    row("dhcp.vendor_class", &["dhcp"], &["dhcp.option.vendor_class_id"], text),
    row("dhcp.requested_ip", &["dhcp"], &["dhcp.option.requested_ip_address"], text),
    row("dhcp.server_id", &["dhcp"], &["dhcp.option.dhcp_server_id"], text),
    row("dhcp.lease_time_s", &["dhcp"], &["dhcp.option.ip_address_lease_time"], number),
    row("dhcp.router", &["dhcp"], &["dhcp.option.router"], text),
    row("dhcp.name_server", &["dhcp"], &["dhcp.option.domain_name_server"], text),
    row("dhcp.domain", &["dhcp"], &["dhcp.option.domain_name"], text),
    row("dns.id", &["dns"], &["dns.id"], number),
    row("dns.response", &["dns"], &["dns.flags.response"], flag),
    row("dns.opcode", &["dns"], &["dns.flags.opcode"], number),
    row("dns.rcode of answers", &["dns"], &["dns.flags.rcode"], number),
    row("dns.qname", &["dns"], &["dns.qry.name"], name),
    row("dns.qtype", &["dns"], &["dns.qry.type"], number),
    read("dns.answer_name", &["dns"], record_names, name),
    read("dns.answer_type", &["dns"], record_types, number),
    row("dns.answers", &["dns"], &["dns.count.answers"], number),
    row("mdns.response", &["mdns"], &["dns.flags.response"], flag),
    row("mdns.qname", &["mdns"], &["dns.qry.name"], name),
    row("mdns.qtype", &["mdns"], &["dns.qry.type"], number),
    read("mdns.answer_name", &["mdns"], record_names, name),
    read("mdns.answer_type", &["mdns"], record_types, number),
    row("llmnr.id", &["llmnr"], &["dns.id"], number),
    row("llmnr.response", &["llmnr"], &["dns.flags.response"], flag),
    row("llmnr.qname", &["llmnr"], &["dns.qry.name"], name),
    row("llmnr.qtype", &["llmnr"], &["dns.qry.type"], number),
    row("nbns.id", &["nbns"], &["nbns.id"], number),
    row("nbns.response", &["nbns"], &["nbns.flags.response"], flag),
    row("nbns.opcode", &["nbns"], &["nbns.flags.opcode"], number),
    row("nbns.address", &["nbns"], &["nbns.addr"], text),
    row("rpc.xid", &["rpc"], &["rpc.xid"], number),
    read("rpc call", &["rpc"], rpc_call, text),
    row("portmap.prog", &["portmap"], &["portmap.prog", "portmap.rpcb.prog"], nonzero),
    row("portmap.prot", &["portmap"], &["portmap.proto"], nonzero),
    row("portmap.port", &["portmap"], &["portmap.port"], nonzero),
    row("mount.path", &["mount"], &["mount.path", "mount.export.directory", "mount.dump.directory"], text),
    row("mount.status", &["mount"], &["mount.status"], number),
    row("nfs.minor_version", &["nfs"], &["nfs.minorversion"], number),
    row("nfs.offset", &["nfs"], &["nfs.offset3", "nfs.offset4", "nfs.read.offset", "nfs.write.offset"], number),
    row("nfs.eof", &["nfs"], &["nfs.read.eof", "nfs.readdir.eof", "nfs.eof", "nfs.read.eof"], flag),
    row("hl7 segments MSH", &["hl7"], &["hl7.segment"], header),
    row("dicom.called_ae", &["dicom"], &["dicom.assoc.ae.called"], text),
    row("dicom.calling_ae", &["dicom"], &["dicom.assoc.ae.calling"], text),
    row("dicom.application_context", &["dicom"], &["dicom.actx"], uid),
    row("dicom.abstract_syntax", &["dicom"], &["dicom.pctx.abss.syntax"], uid),
    row("dicom.transfer_syntax", &["dicom"], &["dicom.pctx.xfer.syntax"], uid),
    row("dicom.max_pdu_bytes", &["dicom"], &["dicom.max_pdu_len"], number),
    row("dicom.implementation_class", &["dicom"], &["dicom.userinfo.uid"], uid),
    row("dicom.implementation_version", &["dicom"], &["dicom.userinfo.version"], text),
    row("http.method", &["http"], &["http.request.method"], text),
    row("http.uri", &["http"], &["http.request.uri"], path),
    row("http.host", &["http"], &["http.host"], text),
    row("http.user_agent", &["http"], &["http.user_agent"], text),
    row("http.status", &["http"], &["http.response.code"], number),
    row("http.server", &["http"], &["http.server"], text),
    row("http.content_type", &["http"], &["http.content_type"], media),
    row("http.content_length", &["http"], &["http.content_length_header"], number),
    row("ssdp.method", &["ssdp"], &["http.request.method"], text),
    row("ssdp.status", &["ssdp"], &["http.response.code"], number),
    row("ssdp.host", &["ssdp"], &["http.host"], text),
    row("ssdp.location", &["ssdp"], &["http.location"], text),
    read("tls.handshake", &["tls"], hello_kinds, text),
    read("tls.version", &["tls"], hello_versions, text),
    row("tls.server_name", &["tls"], &["tls.handshake.extensions_server_name"], text),
    read("tls.cipher_suites", &["tls"], hello_ciphers, text),
    read("tls.cipher_suite", &["tls"], cipher_chosen, number),
    read("dtls.handshake", &["dtls"], hello_kinds, text),
    read("dtls.version", &["dtls"], hello_versions, text),
    row("dtls.server_name", &["dtls"], &["tls.handshake.extensions_server_name"], text),
    read("dtls.cipher_suites", &["dtls"], hello_ciphers, text),
    read(JA4, &[], |_| Vec::new(), text),
    row("tftp.opcode", &["tftp"], &["tftp.opcode"], number),
    read("tftp.file", &["tftp"], tftp_files, text),
    row("tftp.mode", &["tftp"], &["tftp.type"], text),
    row("tftp.block", &["tftp"], &["tftp.block"], number),
    row("tftp.error_code", &["tftp"], &["tftp.error.code"], number),
    row("ftp.command", &["ftp"], &["ftp.request.command"], upper),
    row("ftp.reply_code", &["ftp"], &["ftp.response.code"], number),
    row("telnet.command", &["telnet"], &["telnet.cmd"], negotiation),
    read("telnet.option", &["telnet"], telnet_options, number),
    row("ssh banner", &["ssh"], &["ssh.protocol"], text),
    row("ntp.version", &["ntp"], &["ntp.flags.vn"], number),
    row("ntp.mode", &["ntp"], &["ntp.flags.mode"], number),
    row("ntp.stratum", &["ntp"], &["ntp.stratum"], number),
    row("ntp.leap", &["ntp"], &["ntp.flags.li"], number),
    row("snmp.version", &["snmp"], &["snmp.version", "snmp.msgVersion"], number),
    row("snmp.error_status", &["snmp"], &["snmp.error_status"], number),
];

/// What our messages say in other words than tshark: name of a row and value.
pub(crate) fn computed(message: &Message) -> Vec<(&'static str, String)> {
    let text = |name: &str| message.value(name).map(ToString::to_string);
    let mut out = Vec::new();
    let protocol = message.schema.protocol;
    match protocol {
        "rpc" if text("message").as_deref() == Some("call") => {
            let all = ["program", "version", "procedure"].map(|name| text(name).unwrap_or_default());
            out.push(("rpc call", all.join(" ")));
        }
        "dns" if message.value("response") == Some(&Value::Flag(true)) => {
            out.push(("dns.rcode of answers", text("rcode").unwrap_or_default()));
        }
        "hl7" => {
            let names = ["sending_application", "sending_facility", "type", "control_id"];
            let all = names.map(|name| text(name).unwrap_or_default());
            out.push(("hl7 segments MSH", all.join(" ¦ ")));
        }
        "ssh" => {
            let (version, software) =
                (text("version").unwrap_or_default(), text("software").unwrap_or_default());
            out.push(("ssh banner", format!("SSH-{version}-{software}")));
        }
        _ => {}
    }
    out
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of all of them")]
fn text(value: &str) -> Option<String> {
    Some(Text::from_bytes(value.as_bytes()).to_string())
}

fn upper(value: &str) -> Option<String> {
    text(&value.to_ascii_uppercase())
}

/// Numbers in decimal.
fn number(value: &str) -> Option<String> {
    let parsed =
        value.strip_prefix("0x").map_or_else(|| value.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok());
    parsed.map_or_else(|| text(value), |number: u64| Some(number.to_string()))
}

fn nonzero(value: &str) -> Option<String> {
    number(value).filter(|value| value != "0")
}

fn flag(value: &str) -> Option<String> {
    Some(matches!(value, "1" | "true").to_string())
}

/// Addresses other than 0.0.0.0.
fn specified(value: &str) -> Option<String> {
    text(value).filter(|value| value != "0.0.0.0")
}

/// Names without case, which means nothing in them (RFC 4343) and which we fold.
fn name(value: &str) -> Option<String> {
    text(&if value == "<Root>" { ".".to_owned() } else { value.to_ascii_lowercase() })
}

/// A path without its query, which we withhold.
fn path(value: &str) -> Option<String> {
    text(value.split(['?', '#']).next().unwrap_or_default())
}

/// A media type without its parameters.
fn media(value: &str) -> Option<String> {
    text(value.split(';').next().unwrap_or_default().trim())
}

/// The number in what tshark shows as `Name (1.2.840…)`.
fn uid(value: &str) -> Option<String> {
    let inner = value.rsplit_once('(').map_or(value, |(_, uid)| uid.trim_end_matches(')'));
    text(inner.trim_end_matches('\0'))
}

/// Negotiations; tshark has the other commands under the same field.
fn negotiation(value: &str) -> Option<String> {
    let name = match value {
        "251" | "WILL" => "WILL",
        "252" | "WONT" => "WONT",
        "253" | "DO" => "DO",
        "254" | "DONT" => "DONT",
        _ => return None,
    };
    Some(name.to_owned())
}

/// Sender, type and number of an MSH segment; our side has them made up already.
fn header(value: &str) -> Option<String> {
    let Some(segment) = value.strip_prefix("MSH") else {
        return value.contains(" ¦ ").then(|| value.to_owned());
    };
    let separator = segment.chars().next()?;
    let fields: Vec<_> = segment.trim_end().split(separator).collect();
    let all = [2, 3, 8, 9].map(|at| fields.get(at).copied().unwrap_or_default().trim_end());
    Some(all.join(" ¦ "))
}

fn rpc_call(layer: &Node) -> Vec<String> {
    if layer.values("rpc.msgtyp").first() != Some(&"0") {
        return Vec::new();
    }
    let first = |name| layer.values(name).first().copied().unwrap_or_default().to_owned();
    vec![["rpc.program", "rpc.programversion", "rpc.procedure"].map(first).join(" ")]
}

/// Resource records but OPT (RFC 6891), which is no record of a name and which we do not declare.
fn records(layer: &Node) -> Vec<&Node> {
    let mut trees = Vec::new();
    layer.with_leaf("dns.resp.type", &mut trees);
    trees.retain(|tree| record_type(tree) != "41");
    trees
}

/// The record's own type; NSEC lists others under the same field behind it.
fn record_type(record: &Node) -> String {
    record.own("dns.resp.type").swap_remove(0)
}

fn record_types(layer: &Node) -> Vec<String> {
    records(layer).into_iter().map(record_type).collect()
}

/// Names of records; tshark cuts that of SRV into three fields.
fn record_names(layer: &Node) -> Vec<String> {
    let name = |record: &Node| match record.own("dns.resp.name").as_slice() {
        [] => ["dns.srv.service", "dns.srv.proto", "dns.srv.name"]
            .map(|part| record.own(part).join(""))
            .join("."),
        [name, ..] => name.clone(),
    };
    records(layer).into_iter().map(name).collect()
}

/// Options of negotiations; tshark has those of sub-negotiations under the same field.
fn telnet_options(layer: &Node) -> Vec<String> {
    let mut trees = Vec::new();
    layer.with_leaf("telnet.cmd", &mut trees);
    trees.retain(|tree| tree.own("telnet.cmd").iter().all(|command| negotiation(command).is_some()));
    trees.iter().flat_map(|tree| tree.own("telnet.subcmd")).collect()
}

/// Names of requests; tshark repeats them in every frame of the transfer.
fn tftp_files(layer: &Node) -> Vec<String> {
    match layer.values("tftp.opcode").first() {
        Some(&("1" | "2")) => {
            ["tftp.source_file", "tftp.destination_file"].iter().flat_map(|name| layer.own(name)).collect()
        }
        _ => Vec::new(),
    }
}

/// Hellos of a layer, with whether each is the client's.
fn hellos(layer: &Node) -> Vec<(bool, &Node)> {
    let prefix_type = ["tls.handshake.type", "dtls.handshake.type"];
    let mut found = Vec::new();
    for name in prefix_type {
        let mut trees = Vec::new();
        layer.with_leaf(name, &mut trees);
        for tree in trees {
            match tree.values(name).first() {
                Some(&"1") => found.push((true, tree)),
                Some(&"2") => found.push((false, tree)),
                _ => {}
            }
        }
    }
    found
}

fn either(tree: &Node, name: &str) -> Vec<u64> {
    let mut values = tree.values(&format!("tls.{name}"));
    if values.is_empty() {
        values = tree.values(&format!("dtls.{name}"));
    }
    values.iter().filter_map(|value| number(value)?.parse().ok()).collect()
}

fn hello_kinds(layer: &Node) -> Vec<String> {
    // RFC 8446 §4.1.3: the random of a hello that asks to try again.
    const RETRY: &str = "cf:21:ad:74:e5:9a:61:11:be:1d:8c:02:1e:65:b8:91";
    let kind = |(client, tree): &(bool, &Node)| {
        let random = tree.values("tls.handshake.random").first().copied().unwrap_or_default().to_owned();
        match client {
            true => "client_hello",
            false if random.starts_with(RETRY) => "hello_retry_request",
            false => "server_hello",
        }
        .to_owned()
    };
    hellos(layer).iter().map(kind).collect()
}

fn hello_versions(layer: &Node) -> Vec<String> {
    let version = |(_, tree): &(bool, &Node)| {
        let mut offered = either(tree, "handshake.extensions.supported_version");
        offered.retain(|version| version & 0x0F0F != 0x0A0A);
        let dtls = either(tree, "handshake.version").first().is_some_and(|version| version >> 8 == 0xFE);
        // DTLS counts downwards.
        let best = if dtls { offered.iter().min() } else { offered.iter().max() };
        let best = best.copied().or_else(|| either(tree, "handshake.version").first().copied());
        match best {
            Some(0x0300) => "SSL 3.0".to_owned(),
            Some(0x0301) => "TLS 1.0".to_owned(),
            Some(0x0302) => "TLS 1.1".to_owned(),
            Some(0x0303) => "TLS 1.2".to_owned(),
            Some(0x0304) => "TLS 1.3".to_owned(),
            Some(0xFEFF) => "DTLS 1.0".to_owned(),
            Some(0xFEFD) => "DTLS 1.2".to_owned(),
            Some(0xFEFC) => "DTLS 1.3".to_owned(),
            Some(other) => format!("0x{other:04x}"),
            None => "none".to_owned(),
        }
    };
    hellos(layer).iter().map(version).collect()
}

fn hello_ciphers(layer: &Node) -> Vec<String> {
    let suites = |tree: &Node| {
        // SSL 2.0 has kinds of three bytes.
        let (suites, kinds) = (either(tree, "handshake.ciphersuite"), either(tree, "handshake.cipherspec"));
        let suites = suites.iter().map(|suite| format!("{suite:04x}"));
        suites.chain(kinds.iter().map(|kind| format!("{kind:06x}"))).collect::<Vec<_>>().join(",")
    };
    hellos(layer).iter().filter(|(client, _)| *client).map(|(_, tree)| suites(tree)).collect()
}

fn cipher_chosen(layer: &Node) -> Vec<String> {
    let servers = hellos(layer).into_iter().filter(|(client, _)| !client);
    servers
        .flat_map(|(_, tree)| either(tree, "handshake.ciphersuite"))
        .map(|suite| suite.to_string())
        .collect()
}
