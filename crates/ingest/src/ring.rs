//! The mapped ring of a packet socket. All `unsafe` of the workspace but the allocator's stands here, and nothing here sends.
//!
//! ```text
//! ring: blocks of one size, filled by the kernel one after the other, each handed over whole
//! block: | status 4 … count, offset of the first packet | packet | packet | …
//! packet: | offset of the next 4 | seconds, nanoseconds | captured, on the wire | status | … VLAN tag | frame
//! ```
//! A block belongs to us from the moment its status says so until we give it back; in between the kernel does not
//! touch it. Offsets and lengths in it are checked all the same.
//!
//! # Source
//! Linux `Documentation/networking/packet_mmap.rst` (`TPACKET_V3`), packet(7).
#![expect(unsafe_code, reason = "packet sockets and their mapped ring exist only as C interface")]

use crate::filter::Instruction;
use libc::{c_int, c_short, c_void, socklen_t};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How a ring is divided. As many blocks as a ring has, so many times `retire` can pass without anybody reading, however few
/// frames arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    /// Size of a block, in bytes: more than the longest frame that a kernel hands over (64 KiB with offloading).
    pub(crate) bytes: usize,
    /// The kernel hands a block over after this time even if it is not full.
    pub(crate) retire: Duration,
}

/// Of a ring that has its interface to itself.
pub(crate) const BLOCKS: Blocks = Blocks { bytes: 1 << 20, retire: Duration::from_millis(60) };
/// What the kernel wants for `tp_frame_size`: only a unit of counting in this version of the ring.
const UNIT_BYTES: usize = 2048;
/// A socket that is bound to this protocol receives nothing: reserved in IANA's list of EtherTypes.
const PROTOCOL_OF_NOBODY: u16 = 0xffff;
/// Tag protocol of a tag whose kind the kernel did not keep: IEEE 802.1Q.
const TPID_DEFAULT: u16 = 0x8100;

/// A step of opening that failed.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Which.
    pub(crate) step: Step,
    /// Why.
    pub(crate) cause: io::Error,
}

/// Steps of opening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Making the socket: the one that needs a capability.
    Socket,
    /// Finding the interface.
    Find,
    /// Making and mapping the ring.
    Map,
    /// Setting up the rest.
    Prepare,
    /// Starting to listen.
    Listen,
}

impl Step {
    fn refused(self) -> impl FnOnce(io::Error) -> Refused {
        move |cause| Refused { step: self, cause }
    }
}

/// A frame in the ring; valid until the next one is asked for.
pub(crate) struct Packet<'a> {
    /// Nanoseconds since the epoch, by the kernel.
    pub(crate) time: i64,
    /// Bytes on the wire, without the tag that was taken out.
    pub(crate) original_bytes: u32,
    /// The frame, without the tag that was taken out.
    pub(crate) bytes: &'a [u8],
    /// The outermost VLAN tag, where the kernel or the card took it out of the frame: tag protocol and content.
    pub(crate) vlan: Option<(u16, u16)>,
}

/// What the kernel counted since it was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    /// Frames that came to the socket, those that found no room with them.
    pub(crate) arrived: u64,
    /// Frames that found no room.
    pub(crate) lost: u64,
    /// Times the ring was full.
    pub(crate) freezes: u64,
}

impl Statistics {
    /// Counts what `more` says, too.
    pub(crate) const fn add(&mut self, more: Self) {
        self.arrived = self.arrived.saturating_add(more.arrived);
        self.lost = self.lost.saturating_add(more.lost);
        self.freezes = self.freezes.saturating_add(more.freezes);
    }
}

/// A packet socket that hears nothing: it is bound to no interface and no protocol.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Opens one: what needs a capability. Nothing that is done with it later does.
    pub(crate) fn open() -> Result<Self, Refused> {
        // Protocol 0: nothing is received before everything is set up.
        // SAFETY: plain numbers; the result is checked before it is used.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        check(fd).map_err(Step::Socket.refused())?;
        // SAFETY: `fd` was just made and nobody else has it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Number of the interface, or why there is none of that name.
    pub(crate) fn index_of(&self, interface: &str) -> Result<c_int, Refused> {
        index_of(&self.0, interface).map_err(Step::Find.refused())
    }
}

/// A packet socket and its ring.
pub(crate) struct Ring {
    socket: OwnedFd,
    map: NonNull<u8>,
    blocks: usize,
    block_bytes: usize,
    /// The block that is read or awaited.
    at: usize,
    /// Whether block `at` is ours.
    held: bool,
    /// Packets of it not yet read.
    left: u32,
    /// Offset of the next one.
    next: usize,
    /// Bytes of the block that is held that the kernel wrote.
    filled: usize,
}

// SAFETY: the map is shared memory that only this value points to; no call depends on the thread that makes it.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives a socket a ring of `bytes`, which hears nothing until [`Self::listen`]. What this host itself sends is not
    /// seen.
    pub(crate) fn on(socket: Socket, bytes: usize, of: Blocks) -> Result<Self, Refused> {
        let Socket(socket) = socket;
        let version = libc::tpacket_versions::TPACKET_V3 as c_int;
        set(&socket, libc::PACKET_VERSION, &version).map_err(Step::Prepare.refused())?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING, &1_i32).map_err(Step::Prepare.refused())?;
        let blocks = (bytes / of.bytes).max(2);
        let number = |value: usize| libc::c_uint::try_from(value).unwrap_or(libc::c_uint::MAX);
        let request = libc::tpacket_req3 {
            tp_block_size: number(of.bytes),
            tp_block_nr: number(blocks),
            tp_frame_size: number(UNIT_BYTES),
            tp_frame_nr: number(blocks * (of.bytes / UNIT_BYTES)),
            tp_retire_blk_tov: libc::c_uint::try_from(of.retire.as_millis()).unwrap_or(libc::c_uint::MAX),
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::PACKET_RX_RING, &request).map_err(Step::Map.refused())?;
        let (read_write, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice; the result is checked before it is used.
        let map = unsafe {
            libc::mmap(ptr::null_mut(), blocks * of.bytes, read_write, shared, socket.as_raw_fd(), 0)
        };
        let map = Some(map).filter(|map| *map != libc::MAP_FAILED).and_then(|map| NonNull::new(map.cast()));
        let map = map.ok_or_else(io::Error::last_os_error).map_err(Step::Map.refused())?;
        Ok(Self {
            socket,
            map,
            blocks,
            block_bytes: of.bytes,
            at: 0,
            held: false,
            left: 0,
            next: 0,
            filled: 0,
        })
    }

    /// Listens to the interface that has `index` now.
    pub(crate) fn listen(&self, index: c_int) -> Result<(), Refused> {
        let promiscuous = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        set(&self.socket, libc::PACKET_ADD_MEMBERSHIP, &promiscuous).map_err(Step::Prepare.refused())?;
        self.bind(index, libc::ETH_P_ALL as u16)
    }

    /// Ends the listening: nothing arrives from now on, and what did can be read to its end.
    pub(crate) fn stop(&self, index: c_int) -> Result<(), Refused> {
        self.bind(index, PROTOCOL_OF_NOBODY)
    }

    fn bind(&self, index: c_int, protocol: u16) -> Result<(), Refused> {
        // SAFETY: `sockaddr_ll` is numbers only, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as libc::c_ushort;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = index;
        // SAFETY: the address is a whole `sockaddr_ll` and lives through the call.
        let bound = unsafe {
            libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), length_of::<libc::sockaddr_ll>())
        };
        check(bound).map_err(Step::Listen.refused())
    }

    /// Drops in the kernel what `program` does not take, from now on.
    pub(crate) fn filter(&self, program: &[Instruction]) -> io::Result<()> {
        let mut instructions: Vec<libc::sock_filter> = program
            .iter()
            .map(|one| libc::sock_filter { code: one.code, jt: one.then, jf: one.otherwise, k: one.value })
            .collect();
        let length = libc::c_ushort::try_from(instructions.len())
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let program = libc::sock_fprog { len: length, filter: instructions.as_mut_ptr() };
        let program: *const libc::sock_fprog = &raw const program;
        // SAFETY: the kernel reads a `sock_fprog` and the instructions that it points to, `len` of them; both live
        // through the call, and the kernel keeps a copy of its own.
        check(unsafe {
            libc::setsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                program.cast(),
                length_of::<libc::sock_fprog>(),
            )
        })
    }

    /// Joins the sockets of a group, which share the frames of their interface, each connection to one of them, both directions
    /// (the kernel's symmetric hash of a flow) and, where its ring is nearly full, to another. This socket must listen. Makes a
    /// group that no other process has where `group` is none, and gives its number. What is in a group stays in it, and
    /// cannot be bound to anything else. What this host itself sends is seen, where no filter drops it.
    pub(crate) fn join(&self, group: Option<u16>) -> io::Result<u16> {
        let new = if group.is_none() { libc::PACKET_FANOUT_FLAG_UNIQUEID } else { 0 };
        let how = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_ROLLOVER | new;
        set(&self.socket, libc::PACKET_FANOUT, &(u32::from(group.unwrap_or(0)) | how << 16))?;
        let joined: u32 = get(&self.socket, libc::SOL_PACKET, libc::PACKET_FANOUT)?;
        Ok((joined & 0xffff) as u16)
    }

    /// Number of the interface, or why there is none of that name.
    pub(crate) fn index_of(&self, interface: &str) -> io::Result<c_int> {
        index_of(&self.socket, interface)
    }

    /// Whether the interface is switched on.
    pub(crate) fn is_up(&self, interface: &str) -> io::Result<bool> {
        let mut request = named(interface)?;
        ask(&self.socket, libc::SIOCGIFFLAGS, &mut request)?;
        // SAFETY: the kernel answered SIOCGIFFLAGS, so this is the field it wrote.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        Ok(c_int::from(flags) & libc::IFF_UP != 0)
    }

    /// Kind of hardware (`ARPHRD_…`) of an interface.
    pub(crate) fn hardware(&self, interface: &str) -> io::Result<u16> {
        let mut request = named(interface)?;
        ask(&self.socket, libc::SIOCGIFHWADDR, &mut request)?;
        // SAFETY: the kernel answered SIOCGIFHWADDR, so this is the field it wrote.
        Ok(unsafe { request.ifr_ifru.ifru_hwaddr.sa_family })
    }

    /// Waits until there is something to read, a signal arrives, or `timeout` is over.
    ///
    /// # Errors
    /// What happened to the socket, for one that its interface went down.
    pub(crate) fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut polled =
            libc::pollfd { fd: self.socket.as_raw_fd(), events: libc::POLLIN as c_short, revents: 0 };
        let timeout = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: one `pollfd`, which lives through the call.
        match unsafe { libc::poll(&raw mut polled, 1, timeout) } {
            -1 => {
                let cause = io::Error::last_os_error();
                if cause.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(cause) }
            }
            _ if polled.revents & libc::POLLERR != 0 => {
                match get(&self.socket, libc::SOL_SOCKET, libc::SO_ERROR)? {
                    0 => Ok(()),
                    number => Err(io::Error::from_raw_os_error(number)),
                }
            }
            _ => Ok(()),
        }
    }

    /// The next frame, where one is there.
    pub(crate) fn next(&mut self) -> Option<Packet<'_>> {
        loop {
            if !self.held {
                // Acquire: what the kernel wrote before it handed the block over is seen.
                if self.status(self.at)?.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                    return None;
                }
                // SAFETY: `block` has room for the whole description, and the block is ours, so nobody writes to it.
                let block: libc::tpacket_block_desc =
                    unsafe { ptr::read_unaligned(self.block(self.at)?.as_ptr().cast()) };
                // SAFETY: the union has this one variant.
                let head = unsafe { block.hdr.bh1 };
                self.filled = head.blk_len as usize;
                (self.held, self.left, self.next) = (true, head.num_pkts, head.offset_to_first_pkt as usize);
            }
            if self.left > 0 {
                break;
            }
            self.release();
        }
        let Some(head) = self.head() else {
            // Never seen. What contradicts itself is not read on.
            self.left = 0;
            return None;
        };
        let (start, captured) = (self.next + usize::from(head.tp_mac), head.tp_snaplen as usize);
        self.left -= 1;
        self.next = self.next.saturating_add(head.tp_next_offset as usize);
        let block = self.block(self.at)?;
        // SAFETY: `head` saw that `captured` bytes from `start` lie in the block. It stays ours, so that nobody writes to
        // it, until `release`, which needs this value exclusively and so not before the slice is gone.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr().add(start), captured) };
        let tagged = head.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
        let kind = if head.tp_status & libc::TP_STATUS_VLAN_TPID_VALID != 0 {
            head.hv1.tp_vlan_tpid
        } else {
            TPID_DEFAULT
        };
        Some(Packet {
            time: i64::from(head.tp_sec) * 1_000_000_000 + i64::from(head.tp_nsec),
            original_bytes: head.tp_len,
            bytes,
            vlan: tagged.then_some((kind, (head.hv1.tp_vlan_tci & 0xffff) as u16)),
        })
    }

    /// The header of the packet at `next`, where header and frame lie inside the block that is held.
    fn head(&self) -> Option<libc::tpacket3_hdr> {
        let block = self.block(self.at).filter(|_| self.held)?;
        let end = self.next.checked_add(size_of::<libc::tpacket3_hdr>())?;
        if end > self.block_bytes {
            return None;
        }
        // SAFETY: the whole header lies in the block, which is ours, so nobody writes to it.
        let head: libc::tpacket3_hdr = unsafe { ptr::read_unaligned(block.as_ptr().add(self.next).cast()) };
        let frame_end = self.next + usize::from(head.tp_mac) + head.tp_snaplen as usize;
        (frame_end <= self.block_bytes).then_some(head)
    }

    /// Gives the block back to the kernel and goes on to the next. What it held is wiped, since the ring may lie there
    /// unused for long.
    fn release(&mut self) {
        self.wipe();
        if let Some(status) = self.status(self.at) {
            // Release: whatever we read of the block was read before.
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
        self.held = false;
        self.at = (self.at + 1) % self.blocks;
    }

    /// Overwrites the block that is held, but for its description.
    fn wipe(&mut self) {
        let start = size_of::<libc::tpacket_block_desc>();
        let Some(block) = self.block(self.at).filter(|_| self.held) else { return };
        let end = self.filled.min(self.block_bytes);
        // SAFETY: the bytes lie in the block, which is ours, so nobody else reads or writes them, and no slice of it
        // is left, since one borrows this value.
        unsafe { block.add(start).write_bytes(0, end.saturating_sub(start)) };
    }

    /// Bytes of blocks that wait to be read.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        let ours = |block: &usize| {
            let status = self.status(*block).map_or(0, |status| status.load(Ordering::Relaxed));
            status & libc::TP_STATUS_USER != 0
        };
        (0..self.blocks).filter(ours).count() as u64 * self.block_bytes as u64
    }

    /// Size of the ring, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.blocks as u64 * self.block_bytes as u64
    }

    /// What the kernel counted since this was last asked.
    pub(crate) fn statistics(&self) -> io::Result<Statistics> {
        let counted: libc::tpacket_stats_v3 = get(&self.socket, libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(Statistics {
            arrived: counted.tp_packets.into(),
            lost: counted.tp_drops.into(),
            freezes: counted.tp_freeze_q_cnt.into(),
        })
    }

    /// The first byte of a block.
    fn block(&self, number: usize) -> Option<NonNull<u8>> {
        if number >= self.blocks {
            return None;
        }
        // SAFETY: the map has `blocks` times `block_bytes`, and `number` is below `blocks`.
        Some(unsafe { self.map.add(number * self.block_bytes) })
    }

    /// Whose a block is; shared with the kernel.
    fn status(&self, number: usize) -> Option<&AtomicU32> {
        let offset = std::mem::offset_of!(libc::tpacket_block_desc, hdr);
        let block = self.block(number)?;
        // SAFETY: the field lies in the block and is aligned, since blocks are pages; it is mapped as long as this value
        // lives, and read and written by atomic accesses only while the kernel may.
        Some(unsafe { AtomicU32::from_ptr(block.as_ptr().add(offset).cast()) })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping that `open` made, unmapped once; nothing points into it any more.
        unsafe { libc::munmap(self.map.as_ptr().cast::<c_void>(), self.blocks * self.block_bytes) };
    }
}

fn check(answer: c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn length_of<T>() -> socklen_t {
    // Structures of some dozen bytes.
    size_of::<T>() as socklen_t
}

/// Sets an option of packet sockets. `T` is the structure that packet(7) names for `option`.
fn set<T: Copy>(socket: &OwnedFd, option: c_int, value: &T) -> io::Result<()> {
    let value: *const T = value;
    // SAFETY: the kernel reads a `T`, which lives through the call.
    check(unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value.cast(), length_of::<T>())
    })
}

/// Reads an option. `T` holds numbers only and is what the manual names for `option`.
fn get<T: Copy>(socket: &OwnedFd, level: c_int, option: c_int) -> io::Result<T> {
    // SAFETY: `T` is numbers only, for which zero is a value.
    let mut value: T = unsafe { zeroed() };
    let mut length = length_of::<T>();
    // SAFETY: the kernel writes at most `length` bytes, the size of a `T`.
    let answer = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut value).cast(), &raw mut length)
    };
    check(answer).map(|()| value)
}

/// A request about an interface.
fn named(interface: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is numbers and pointers, for which zero is a value.
    let mut request: libc::ifreq = unsafe { zeroed() };
    // The last byte stays zero: the end of the name.
    if interface.is_empty() || interface.len() >= request.ifr_name.len() || interface.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// Asks about an interface; see netdevice(7).
fn ask(socket: &OwnedFd, what: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    let request: *mut libc::ifreq = request;
    // SAFETY: the kernel reads and writes an `ifreq`, which lives through the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), what as _, request) })
}

fn index_of(socket: &OwnedFd, interface: &str) -> io::Result<c_int> {
    let mut request = named(interface)?;
    ask(socket, libc::SIOCGIFINDEX, &mut request)?;
    // SAFETY: the kernel answered SIOCGIFINDEX, so this is the field it wrote.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex })
}
