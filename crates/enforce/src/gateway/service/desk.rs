//! The sockets of the services, and who waits at them.
//!
//! One thread for each socket on the device's side, one for each question that is open at a server of names or of the time, each
//! with a socket of its own: its random port, its random number and the server's address together make an answer hard to
//! invent. Leases have one socket to their server, since a relay is known by its address and port.

use super::super::accept::{Station, now};
use super::super::rules::Interface;
use super::lease::{Lease, Leases};
use super::{Check, Grants, Leasing, Service, Taken, Why, question_of_names, question_of_time};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest datagram that is read, in bytes. Our limit; a longer one is cut, which makes it malformed.
const DATAGRAM_BYTES_MAX: usize = 2048;
/// Questions of one device that are open at a time; further ones are dropped. Our limit.
const OPEN_OF_DEVICE_MAX: usize = 8;
/// Questions that are open at a time. Our limit: each has a thread and a socket.
const OPEN_MAX: usize = 128;
/// How long a server may take.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Datagrams that do not answer, after which a question is given up. Our limit.
const WRONG_MAX: u32 = 32;
/// Reasons that are said once each. Our limit; further ones are counted only.
const SAID_MAX: usize = 64;
/// After an error of a socket.
const AGAIN: Duration = Duration::from_millis(200);
const TO_ALL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
const CLIENT_PORT: u16 = 68;

/// A socket of a service cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve {service} at {at}: {cause}; another program may hold the port, or there is no way to the server"
)]
pub struct ServicesError {
    service: &'static str,
    at: SocketAddr,
    cause: io::Error,
}

/// Who answers in the hospital.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Servers {
    /// Addresses of names.
    pub names: Option<SocketAddrV4>,
    /// The time.
    pub time: Option<SocketAddrV4>,
    /// Addresses of devices.
    pub lease: Option<Ipv4Addr>,
}

impl Servers {
    /// The services that have one.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        let has = |service: &Service| match service {
            Service::Names => self.names.is_some(),
            Service::Time => self.time.is_some(),
            Service::Lease => self.lease.is_some(),
        };
        Service::ALL.into_iter().filter(has).collect()
    }
}

/// What one service has done.
#[derive(Debug, Default)]
pub struct Tally {
    /// Datagrams of devices.
    pub asked: AtomicU64,
    /// Answers of the server that were told.
    pub answered: AtomicU64,
    /// Questions answered here: what is asked for is not in the policy, or there is none.
    pub refused: AtomicU64,
    /// Datagrams of devices that were dropped.
    pub dropped: AtomicU64,
    /// Datagrams from the server that were dropped.
    pub wrong: AtomicU64,
    /// Questions that the server did not answer.
    pub unanswered: AtomicU64,
}

/// A service of questions and answers.
struct Desk {
    service: Service,
    socket: UdpSocket,
    server: SocketAddrV4,
}

/// The service of leases.
struct LeaseDesk {
    to_all: UdpSocket,
    /// By the gateway's address that devices know.
    near: BTreeMap<Ipv4Addr, UdpSocket>,
    server: UdpSocket,
    leases: Mutex<Leases>,
}

/// All services, open.
pub struct Services {
    grants: Grants,
    desks: Vec<Desk>,
    lease: Option<LeaseDesk>,
    tallies: BTreeMap<Service, Tally>,
    /// Open questions by device.
    open: Mutex<BTreeMap<Ipv4Addr, usize>>,
    said: Mutex<BTreeSet<(Service, &'static str)>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("tallies", &self.tallies).finish_non_exhaustive()
    }
}

impl Services {
    /// Opens their sockets: at `station` for names and time, and at the addresses that `leases` name. Needs privileges.
    ///
    /// # Errors
    /// [`ServicesError`].
    pub fn open(
        device: &Interface,
        station: Ipv4Addr,
        servers: &Servers,
        grants: Grants,
        leases: &[Lease],
    ) -> Result<Arc<Self>, ServicesError> {
        let mut desks = Vec::new();
        for (service, server) in [(Service::Names, servers.names), (Service::Time, servers.time)] {
            let Some(server) = server else { continue };
            let at = SocketAddrV4::new(station, service.port());
            let socket = UdpSocket::bind(at).map_err(failed(service, at))?;
            desks.push(Desk { service, socket, server });
        }
        let lease = servers.lease.map(|server| LeaseDesk::open(device, server, leases)).transpose()?;
        let tallies = servers.services().into_iter().map(|service| (service, Tally::default())).collect();
        let (open, said) = (Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { grants, desks, lease, tallies, open, said }))
    }

    /// What each service has done.
    pub fn tallies(&self) -> impl Iterator<Item = (Service, &Tally)> {
        self.tallies.iter().map(|(service, tally)| (*service, tally))
    }

    /// Serves as long as the process lives, in threads of its own; `station` says what people should know.
    pub fn serve(self: &Arc<Self>, station: &Arc<Station>) {
        for at in 0..self.desks.len() {
            let (services, station) = (Arc::clone(self), Arc::clone(station));
            std::thread::spawn(move || services.answer(at, &station));
        }
        let Some(lease) = &self.lease else { return };
        let near = lease.near.keys().copied().map(Some);
        for at in near.chain([None]) {
            let (services, station) = (Arc::clone(self), Arc::clone(station));
            std::thread::spawn(move || services.ask_for_leases(at, &station));
        }
        let (services, station) = (Arc::clone(self), Arc::clone(station));
        std::thread::spawn(move || services.give_leases(&station));
    }

    fn count(&self, service: Service, counter: fn(&Tally) -> &AtomicU64) {
        if let Some(tally) = self.tallies.get(&service) {
            counter(tally).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a datagram that is dropped, and says the reason when it is the first of its kind.
    fn drop_it(
        &self,
        service: Service,
        counter: fn(&Tally) -> &AtomicU64,
        who: &str,
        why: Why,
        station: &Station,
    ) {
        self.count(service, counter);
        let kind = match why {
            Why::Malformed(malformed) => malformed.field,
            Why::Refused(words) => words,
        };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < SAID_MAX && said.insert((service, kind)) {
            station.say(format!(
                "{} of {who} is dropped: {why}; said once, counted from now on",
                service.as_str()
            ));
        }
    }

    /// Takes questions at one desk.
    fn answer(self: &Arc<Self>, at: usize, station: &Arc<Station>) {
        let Some(Desk { service, socket, .. }) = self.desks.get(at) else { return };
        let service = *service;
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        loop {
            let Some((bytes, from)) = received(socket, &mut datagram) else { continue };
            let SocketAddr::V4(from) = from else { continue };
            self.count(service, |tally| &tally.asked);
            match self.take(service, *from.ip(), bytes) {
                Ok(Taken::Answered(text)) => {
                    self.count(service, |tally| &tally.refused);
                    // A device that is gone asks again.
                    drop(socket.send_to(&text, from));
                }
                Ok(Taken::Asked { question, check }) => {
                    let (services, station) = (Arc::clone(self), Arc::clone(station));
                    std::thread::spawn(move || {
                        services.ask(at, from, &question, &check, &station);
                        services.close(*from.ip());
                    });
                }
                Err(why) => {
                    self.drop_it(service, |tally| &tally.dropped, &from.ip().to_string(), why, station);
                }
            }
        }
    }

    /// What becomes of a question; one to be asked counts as open from then on.
    fn take(&self, service: Service, device: Ipv4Addr, datagram: &[u8]) -> Result<Taken, Why> {
        if !self.grants.may_ask(device, service) {
            return Err(Why::Refused("is not allowed by the policy"));
        }
        let random = random().ok_or(Why::Refused("comes while the system has no randomness"))?;
        let taken = match service {
            Service::Names => question_of_names(&self.grants, device, datagram, (random & 0xFFFF) as u16)?,
            Service::Time => question_of_time(datagram, random)?,
            Service::Lease => return Err(Why::Refused("is asked elsewhere")),
        };
        if let Taken::Asked { .. } = taken {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let all: usize = open.values().sum();
            let own = open.entry(device).or_default();
            if all >= OPEN_MAX || *own >= OPEN_OF_DEVICE_MAX {
                return Err(Why::Refused("comes while too many questions are open"));
            }
            *own += 1;
        }
        Ok(taken)
    }

    fn close(&self, device: Ipv4Addr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&device) {
            *own -= 1;
            if *own == 0 {
                open.remove(&device);
            }
        }
    }

    /// Asks the server, and tells the device what answers the question.
    fn ask(&self, at: usize, device: SocketAddrV4, question: &[u8], check: &Check, station: &Station) {
        let Some(Desk { service, socket, server }) = self.desks.get(at) else { return };
        let (service, server) = (*service, *server);
        let told = asked(server, question, |datagram| match check(datagram) {
            Ok(text) => Some(text),
            Err(why) => {
                self.drop_it(service, |tally| &tally.wrong, &server.to_string(), why, station);
                None
            }
        });
        match told {
            Some(text) => {
                self.count(service, |tally| &tally.answered);
                drop(socket.send_to(&text, device));
            }
            None => self.count(service, |tally| &tally.unanswered),
        }
    }

    /// Takes what devices ask of their lease, sent to all or to one of the gateway's addresses.
    fn ask_for_leases(&self, at: Option<Ipv4Addr>, station: &Station) {
        let Some(desk) = &self.lease else { return };
        let Some(socket) = at.map_or(Some(&desk.to_all), |at| desk.near.get(&at)) else { return };
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        loop {
            let Some((bytes, from)) = received(socket, &mut datagram) else { continue };
            self.count(Service::Lease, |tally| &tally.asked);
            let asked =
                random().ok_or(Why::Refused("comes while the system has no randomness")).and_then(|random| {
                    let mut leases = desk.leases.lock().unwrap_or_else(PoisonError::into_inner);
                    leases.ask(bytes, (random & 0xFFFF_FFFF) as u32, now())
                });
            match asked {
                // A server that cannot be reached is one that does not answer: the device asks again.
                Ok(text) => drop(desk.server.send(&text)),
                Err(why) => {
                    self.drop_it(
                        Service::Lease,
                        |tally| &tally.dropped,
                        &from.ip().to_string(),
                        why,
                        station,
                    );
                }
            }
        }
    }

    /// Takes what the server says of leases, and tells the device that it is for.
    fn give_leases(&self, station: &Station) {
        let Some(desk) = &self.lease else { return };
        let mut datagram = [0; DATAGRAM_BYTES_MAX];
        loop {
            let Some((bytes, from)) = received(&desk.server, &mut datagram) else { continue };
            let mut leases = desk.leases.lock().unwrap_or_else(PoisonError::into_inner);
            let reply = leases.answer(bytes, &self.grants, now());
            drop(leases);
            match reply {
                Ok(reply) => {
                    self.count(Service::Lease, |tally| &tally.answered);
                    if let Some(socket) = desk.near.get(&reply.lease.near) {
                        drop(socket.send_to(&reply.text, (reply.lease.of.ip, CLIENT_PORT)));
                    }
                }
                Err(why) => {
                    self.drop_it(Service::Lease, |tally| &tally.wrong, &from.ip().to_string(), why, station);
                }
            }
        }
    }
}

impl LeaseDesk {
    fn open(device: &Interface, server: Ipv4Addr, leases: &[Lease]) -> Result<Self, ServicesError> {
        let port = Service::Lease.port();
        let to_all = {
            let failed = failed(Service::Lease, TO_ALL);
            let socket = || -> io::Result<UdpSocket> {
                let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
                socket.bind_device(Some(device.to_string().as_bytes()))?;
                socket.bind(&SocketAddr::V4(TO_ALL).into())?;
                Ok(socket.into())
            };
            socket().map_err(failed)?
        };
        let mut near = BTreeMap::new();
        for at in leases.iter().map(|lease| lease.near).collect::<BTreeSet<_>>() {
            let place = SocketAddrV4::new(at, port);
            near.insert(at, UdpSocket::bind(place).map_err(failed(Service::Lease, place))?);
        }
        let place = SocketAddrV4::new(server, port);
        let relay = || -> io::Result<(Ipv4Addr, UdpSocket)> {
            let relay = way_to(place)?;
            let socket = UdpSocket::bind((relay, port))?;
            socket.connect(place)?;
            Ok((relay, socket))
        };
        let (relay, server) = relay().map_err(failed(Service::Lease, place))?;
        Ok(Self { to_all, near, server, leases: Mutex::new(Leases::new(relay, leases)) })
    }
}

/// The gateway's address that lies in a device's segment; its first one where none does.
#[must_use]
pub fn near(stations: &[Ipv4Addr], prefix: u8, leasing: Leasing) -> Option<Lease> {
    let shift = 32_u32.saturating_sub(prefix.into());
    let network = |ip: Ipv4Addr| ip.to_bits().checked_shr(shift).unwrap_or(0);
    let same = stations.iter().find(|station| network(**station) == network(leasing.ip));
    same.or_else(|| stations.first()).map(|near| Lease { of: leasing, near: *near })
}

/// Our address on the way to a server.
fn way_to(server: SocketAddrV4) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(server)?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

fn failed(service: Service, at: SocketAddrV4) -> impl Fn(io::Error) -> ServicesError {
    move |cause| ServicesError { service: service.as_str(), at: at.into(), cause }
}

/// The next datagram; nothing where the socket had an error.
fn received<'a>(socket: &UdpSocket, datagram: &'a mut [u8]) -> Option<(&'a [u8], SocketAddr)> {
    match socket.recv_from(datagram) {
        Ok((bytes, from)) => Some((datagram.get(..bytes)?, from)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
        // Of the network behind it: the next may come.
        Err(_) => {
            std::thread::sleep(AGAIN);
            None
        }
    }
}

/// Asks a server from a port of its own, until `take` takes what it says.
fn asked(server: SocketAddrV4, question: &[u8], take: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // From now on the kernel drops what others send.
    socket.connect(server).ok()?;
    socket.send(question).ok()?;
    #[expect(clippy::disallowed_methods, reason = "this edge waits for an answer")]
    let begun = Instant::now();
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    for _ in 0..WRONG_MAX {
        let left = ANSWER_MAX.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())?;
        socket.set_read_timeout(Some(left)).ok()?;
        let bytes = socket.recv(&mut datagram).ok()?;
        if let Some(text) = datagram.get(..bytes).and_then(&take) {
            return Some(text);
        }
    }
    None
}

fn random() -> Option<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_knows_the_gateway_by_an_address_of_its_own_segment() {
        let stations = [Ipv4Addr::new(202, 114, 4, 119), Ipv4Addr::new(10, 20, 4, 1)];
        let near =
            |ip| near(&stations, 24, Leasing { mac: model::Mac([2, 0, 0, 0, 0, 1]), ip }).unwrap().near;
        assert_eq!(near(Ipv4Addr::new(10, 20, 4, 16)), stations[1]);
        assert_eq!(near(Ipv4Addr::new(202, 114, 4, 8)), stations[0]);
        assert_eq!(near(Ipv4Addr::new(192, 0, 2, 8)), stations[0]);
    }
}
