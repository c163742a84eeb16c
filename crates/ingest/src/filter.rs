//! A filter in the kernel: frames from or to networks that need not be watched (backup, storage, guests) are dropped before
//! they cost anything. Built by hand as classic BPF, the one kind that every kernel runs for a socket without privileges.
//!
//! ```text
//! for each network:  is it IP of its version? else the next network
//!                    the sender is in it?   then drop
//!                    the receiver is in it? then drop
//! at the end:        take the whole frame
//! ```
//! Only addresses at their usual place are looked at: frames with a second VLAN tag (the kernel takes the first out before)
//! or inside a tunnel are taken, whoever speaks in them. A filter that is in doubt takes.
//!
//! # Source
//! Linux `Documentation/networking/filter.rst`; `linux/filter.h`, `linux/bpf_common.h`.

use model::LinkType;
use std::net::IpAddr;

/// Most networks of a filter. Our limit, far below the kernel's of 4,096 instructions.
pub const EXCLUDED_MAX: usize = 64;

/// A network: an address in it, and how many of its first bits count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    /// The address.
    pub address: IpAddr,
    /// Bits, at most those the address has.
    pub bits: u8,
}

/// One instruction; the kernel's `struct sock_filter`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Instruction {
    pub(crate) code: u16,
    /// How many instructions to leave out where it is so.
    pub(crate) then: u8,
    /// How many where it is not.
    pub(crate) otherwise: u8,
    pub(crate) value: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`: four bytes of the frame.
pub(crate) const LOAD_WORD: u16 = 0x20;
/// `BPF_LD | BPF_H | BPF_ABS`: two bytes.
pub(crate) const LOAD_HALF: u16 = 0x28;
/// `BPF_LD | BPF_B | BPF_ABS`: one byte.
pub(crate) const LOAD_BYTE: u16 = 0x30;
/// `BPF_ALU | BPF_AND | BPF_K`.
pub(crate) const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
pub(crate) const JUMP_EQUAL: u16 = 0x15;
/// `BPF_RET | BPF_K`: so many bytes of the frame are taken.
pub(crate) const RETURN: u16 = 0x06;
/// More than any frame has.
const WHOLE: u32 = u32::MAX;
/// `SKF_AD_OFF + SKF_AD_PKTTYPE`, which is no offset: loads whom the frame is for (`sll_pkttype` of packet(7)).
const WHOM_FOR: u32 = 0xffff_f004;
/// `PACKET_OUTGOING`: this host sent it.
const OUTGOING: u32 = 4;

const fn plain(code: u16, value: u32) -> Instruction {
    Instruction { code, then: 0, otherwise: 0, value }
}

/// The program that drops frames from or to `excluded`; none where frames of `link` cannot be told apart so.
pub(crate) fn program(link: LinkType, excluded: &[Network]) -> Option<Vec<Instruction>> {
    let mut program = Vec::new();
    for network in excluded {
        program.extend(block(link, *network)?);
    }
    program.push(plain(RETURN, WHOLE));
    Some(program)
}

/// The program that drops every frame.
pub(crate) fn nothing() -> Vec<Instruction> {
    vec![plain(RETURN, 0)]
}

/// The same program, past which nothing comes that this host itself sends.
pub(crate) fn without_outgoing(program: &[Instruction]) -> Vec<Instruction> {
    let outgoing = Instruction { code: JUMP_EQUAL, then: 0, otherwise: 1, value: OUTGOING };
    [&[plain(LOAD_WORD, WHOM_FOR), outgoing, plain(RETURN, 0)], program].concat()
}

/// The instructions about one network.
fn block(link: LinkType, network: Network) -> Option<Vec<Instruction>> {
    let words = words(network);
    // Two comparisons of addresses, then `drop`.
    let each = words.len() * 3;
    let drop_at = each * 2;
    let (kind, header) = version(link, network.address)?;
    let (sender, receiver) = match network.address {
        IpAddr::V4(_) => (header + 12, header + 16),
        IpAddr::V6(_) => (header + 8, header + 24),
    };
    let short = |count: usize| u8::try_from(count).ok();
    let mut block = kind;
    // Past both comparisons and `drop`.
    block.last_mut()?.otherwise = short(drop_at + 1)?;
    for (at, from) in [(sender, 0), (receiver, each)] {
        for (place, (value, mask)) in words.iter().enumerate() {
            let next = from + (place + 1) * 3;
            let offset = u32::try_from(at + place * 4).ok()?;
            let last = place + 1 == words.len();
            // After the last word that fits: `drop`. After one that does not: the other address, or the next network.
            let then = if last { drop_at - next } else { 0 };
            let otherwise = if from == 0 { each - next } else { drop_at + 1 - next };
            block.push(plain(LOAD_WORD, offset));
            block.push(plain(AND, *mask));
            block.push(Instruction {
                code: JUMP_EQUAL,
                then: short(then)?,
                otherwise: short(otherwise)?,
                value: *value,
            });
        }
    }
    block.push(plain(RETURN, 0));
    Some(block)
}

/// Is it IP of the version of `address`? With the offset of the IP header.
fn version(link: LinkType, address: IpAddr) -> Option<(Vec<Instruction>, usize)> {
    let (protocol, number) = if address.is_ipv4() { (0x0800, 0x40) } else { (0x86dd, 0x60) };
    match link {
        LinkType::Ethernet => Some((vec![plain(LOAD_HALF, 12), plain(JUMP_EQUAL, protocol)], 14)),
        LinkType::RawIp => Some((vec![plain(LOAD_BYTE, 0), plain(AND, 0xf0), plain(JUMP_EQUAL, number)], 0)),
        _ => None,
    }
}

/// The words of a network that are compared, each with its mask.
fn words(network: Network) -> Vec<(u32, u32)> {
    let (bits, length): (u128, u32) = match network.address {
        IpAddr::V4(ip) => (u128::from(u32::from(ip)) << 96, 32),
        IpAddr::V6(ip) => (u128::from(ip), 128),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(network.bits)).unwrap_or(0);
    let word = |bits: u128, place: u32| (bits >> (96 - place * 32) & u128::from(u32::MAX)) as u32;
    let places = 0..length / 32;
    let all: Vec<_> = places.map(|place| (word(bits & mask, place), word(mask, place))).collect();
    // What is not masked need not be looked at; one word stays, so that `0.0.0.0/0` is every address.
    let used = all.iter().filter(|(_, mask)| *mask != 0).count().max(1);
    all.into_iter().take(used).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(program: &[Instruction], frame: &[u8]) -> bool {
        takes_of(program, frame, 0)
    }

    /// Runs a program as the kernel does: what a frame is too short for is dropped.
    fn takes_of(program: &[Instruction], frame: &[u8], whom_for: u32) -> bool {
        let (mut at, mut accumulator) = (0, 0_u32);
        let load = |offset: u32, length: usize| {
            if offset == WHOM_FOR {
                return Some(whom_for);
            }
            let bytes = frame.get(offset as usize..offset as usize + length)?;
            Some(bytes.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)))
        };
        loop {
            let one = program[at];
            at += 1;
            match one.code {
                LOAD_WORD | LOAD_HALF | LOAD_BYTE => {
                    let length = match one.code {
                        LOAD_WORD => 4,
                        LOAD_HALF => 2,
                        _ => 1,
                    };
                    match load(one.value, length) {
                        Some(value) => accumulator = value,
                        None => return false,
                    }
                }
                AND => accumulator &= one.value,
                JUMP_EQUAL => {
                    at += usize::from(if accumulator == one.value { one.then } else { one.otherwise });
                }
                RETURN => return one.value > 0,
                other => panic!("{other:#x}"),
            }
        }
    }

    fn frame(protocol: u16, header: &[u8]) -> Vec<u8> {
        [&[2; 12][..], &protocol.to_be_bytes(), header].concat()
    }

    fn four(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        [&[0x45; 12][..], &from, &to].concat()
    }

    fn six(from: &str, to: &str) -> Vec<u8> {
        let octets = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        [&[0x60; 8][..], &octets(from), &octets(to)].concat()
    }

    fn networks(texts: &[&str]) -> Vec<Network> {
        let network = |text: &&str| {
            let (address, bits) = text.split_once('/').unwrap();
            Network { address: address.parse().unwrap(), bits: bits.parse().unwrap() }
        };
        texts.iter().map(network).collect()
    }

    #[test]
    fn frames_from_and_to_excluded_networks_are_dropped_and_no_others() {
        let excluded = networks(&["10.9.0.0/16", "192.168.7.7/32", "fd00:1:2:3::/64", "fe80::/10"]);
        let program = program(LinkType::Ethernet, &excluded).unwrap();
        let takes_four = |from, to| takes(&program, &frame(0x0800, &four(from, to)));
        assert!(takes_four([10, 8, 0, 1], [10, 10, 0, 1]));
        assert!(!takes_four([10, 9, 0, 1], [10, 10, 0, 1]));
        assert!(!takes_four([10, 8, 0, 1], [10, 9, 255, 255]));
        assert!(!takes_four([1, 1, 1, 1], [192, 168, 7, 7]));
        assert!(takes_four([192, 168, 7, 6], [192, 168, 7, 8]));
        let takes_six = |from: &str, to: &str| takes(&program, &frame(0x86dd, &six(from, to)));
        assert!(takes_six("fd00:1:2:4::1", "fd00:1:3:3::1"));
        assert!(!takes_six("fd00:1:2:3::1", "2001:db8::1"));
        assert!(!takes_six("2001:db8::1", "fd00:1:2:3:ffff::"));
        assert!(!takes_six("febf::1", "2001:db8::1"));
        assert!(takes_six("fec0::1", "2001:db8::1"));
        // Neither address resolution, nor a second tag, nor a frame without addresses.
        assert!(takes(&program, &frame(0x0806, &four([10, 9, 0, 1], [10, 9, 0, 2]))));
        assert!(takes(&program, &frame(0x8100, &four([10, 9, 0, 1], [10, 9, 0, 2]))));
    }

    #[test]
    fn every_address_and_raw_frames_can_be_excluded() {
        let all = program(LinkType::Ethernet, &networks(&["0.0.0.0/0"])).unwrap();
        assert!(!takes(&all, &frame(0x0800, &four([1, 2, 3, 4], [5, 6, 7, 8]))));
        assert!(takes(&all, &frame(0x86dd, &six("fd00::1", "fd00::2"))));
        let raw = program(LinkType::RawIp, &networks(&["10.0.0.0/8"])).unwrap();
        assert!(!takes(&raw, &four([10, 0, 0, 1], [8, 8, 8, 8])));
        assert!(takes(&raw, &four([11, 0, 0, 1], [8, 8, 8, 8])));
        assert_eq!(program(LinkType::Radiotap, &networks(&["10.0.0.0/8"])), None);
    }

    #[test]
    fn what_this_host_sends_is_dropped_where_a_filter_has_to_do_it() {
        let excluded = networks(&["10.9.0.0/16"]);
        let program = without_outgoing(&program(LinkType::Ethernet, &excluded).unwrap());
        let [kept, dropped] =
            [[10, 8, 0, 1], [10, 9, 0, 1]].map(|from| frame(0x0800, &four(from, [1, 1, 1, 1])));
        // To this host, to all, to several, to another.
        for whom_for in 0..OUTGOING {
            assert!(takes_of(&program, &kept, whom_for) && !takes_of(&program, &dropped, whom_for));
        }
        assert!(!takes_of(&program, &kept, OUTGOING) && !takes_of(&program, &dropped, OUTGOING));
        assert!(!takes(&nothing(), &kept));
    }

    #[test]
    fn as_many_networks_as_are_allowed_fit_into_the_kernels_limit() {
        let many = networks(&["fd00:1:2:3:4:5:6:7/128"; EXCLUDED_MAX]);
        assert!(program(LinkType::Ethernet, &many).unwrap().len() <= 4096);
    }
}
