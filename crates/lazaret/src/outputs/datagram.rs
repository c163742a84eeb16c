//! Syslog over UDP (RFC 5426), for sites that insist.
//!
//! Nothing is promised here: what is lost on the way is lost. A receiver that is down on a machine that is up says so by
//! ICMP, which the next datagram meets as an error. So after each batch there is a pause and an empty datagram, which
//! receivers ignore; where it meets an error, the batch is sent again, marked.

use super::channel::{Channel, Fault, Parcel};
use super::file;
use export::notice::Sender;
use export::notice::syslog::{Content, message};
use std::io;
use std::net::{ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

/// Messages of one batch. Our limit: a receiver's buffer must hold them while it is busy, and Linux gives a socket 208 KiB.
const MOST: usize = 20;
/// Pause before it is asked whether somebody listened.
const PAUSE: Duration = Duration::from_millis(30);

/// Datagrams to a receiver.
pub(super) struct Datagram {
    address: String,
    facility: u8,
    content: Content,
    sender: Sender,
    socket: Option<UdpSocket>,
}

impl Datagram {
    pub(super) fn new(plan: &file::Datagram, sender: &Sender) -> Self {
        Self {
            address: plan.address.clone(),
            facility: plan.facility,
            content: plan.content,
            sender: sender.clone(),
            socket: None,
        }
    }

    fn bind(&self) -> io::Result<UdpSocket> {
        let address = self.address.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::other("its name has no address"))?;
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        Ok(socket)
    }

    /// Whether nobody has said that nobody listens.
    fn ask(socket: &UdpSocket) -> io::Result<()> {
        socket.send(&[])?;
        std::thread::sleep(PAUSE);
        socket.send(&[]).map(drop)
    }
}

impl Channel for Datagram {
    fn most(&self) -> usize {
        MOST
    }

    fn doubts(&self) -> bool {
        true
    }

    fn open(&mut self) -> Result<(), Fault> {
        let unreached = |cause: io::Error| Fault::Unreached(cause.to_string());
        let socket = self.socket.take().map_or_else(|| self.bind(), Ok).map_err(unreached)?;
        Self::ask(&socket).map_err(unreached)?;
        self.socket = Some(socket);
        Ok(())
    }

    fn send(&mut self, parcels: &[Parcel]) -> Result<(), Fault> {
        let unconfirmed = |cause: io::Error| Fault::Unconfirmed(cause.to_string());
        let Some(socket) = self.socket.take() else {
            return Err(Fault::Unreached("it was not opened".to_owned()));
        };
        for Parcel { notice, sent, .. } in parcels {
            let message = message(notice, &self.sender, *sent, self.facility, self.content);
            socket.send(message.as_bytes()).map_err(unconfirmed)?;
        }
        Self::ask(&socket).map_err(unconfirmed)?;
        self.socket = Some(socket);
        Ok(())
    }
}
