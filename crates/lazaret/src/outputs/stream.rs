//! Messages in a stream: syslog over TLS (RFC 5425) or TCP (RFC 6587, octet counting), and JSON lines.
//!
//! Neither has an answer to a message. What can be known is whether the receiver read to the end: after a batch we close our
//! side and wait until it closes its own, which it does when it has read everything before. A receiver that dies with bytes
//! unread resets the connection instead. One that dies after reading and before keeping looks like one that lives, so
//! that what it took stays in doubt until it was reached again (`deliver.rs`).

use super::channel::{Channel, Fault, Parcel};
use super::file::{self, Form};
use super::tls;
use export::notice::{Sender, ecs, syslog};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// Messages of one connection. Our limit: so many may arrive twice.
const MOST: usize = 200;
/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for the receiver to read, and to close its side.
const READ_WAIT: Duration = Duration::from_secs(30);
/// Most bytes a receiver may say: it has nothing to say.
const SAID_BYTES_MAX: u64 = 1 << 16;

/// A stream to a receiver.
pub(super) struct Stream {
    address: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    form: Form,
    sender: Sender,
    open: Option<Carrier>,
}

enum Carrier {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub(super) fn new(plan: &file::Stream, sender: &Sender) -> Result<Self, String> {
        let tls = match &plan.tls {
            None => None,
            Some(plan_tls) => {
                let (host, _) = file::address(&plan.address)?;
                let name =
                    ServerName::try_from(host).map_err(|fault| format!("{}: {fault}", plan.address))?;
                Some((Arc::new(tls::client(plan_tls)?), name))
            }
        };
        let (address, form, sender) = (plan.address.clone(), plan.form, sender.clone());
        Ok(Self { address, tls, form, sender, open: None })
    }

    fn connect(&self) -> io::Result<Carrier> {
        let mut last = io::Error::other("its name has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_WAIT) {
                Ok(stream) => return self.carrier(stream),
                Err(cause) => last = cause,
            }
        }
        Err(last)
    }

    fn carrier(&self, mut stream: TcpStream) -> io::Result<Carrier> {
        stream.set_read_timeout(Some(READ_WAIT))?;
        stream.set_write_timeout(Some(READ_WAIT))?;
        let Some((config, name)) = &self.tls else { return Ok(Carrier::Plain(stream)) };
        let mut connection =
            ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Carrier::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    fn bytes(&self, parcels: &[Parcel]) -> Vec<u8> {
        let mut out = Vec::new();
        for Parcel { notice, sent, .. } in parcels {
            match self.form {
                Form::Syslog { facility, content } => {
                    let message = syslog::message(notice, &self.sender, *sent, facility, content);
                    out.extend_from_slice(format!("{} ", message.len()).as_bytes());
                    out.extend_from_slice(message.as_bytes());
                }
                Form::EcsLines => {
                    out.extend_from_slice(ecs::document(notice, &self.sender, *sent).to_string().as_bytes());
                    out.push(b'\n');
                }
                Form::NoticeLines => {
                    let mut document = serde_json::to_value(notice).unwrap_or_default();
                    if let Some(fields) = document.as_object_mut() {
                        fields.insert("repeat".to_owned(), (*sent == export::notice::Sent::Again).into());
                    }
                    out.extend_from_slice(document.to_string().as_bytes());
                    out.push(b'\n');
                }
            }
        }
        out
    }
}

impl Channel for Stream {
    fn most(&self) -> usize {
        MOST
    }

    fn doubts(&self) -> bool {
        true
    }

    fn open(&mut self) -> Result<(), Fault> {
        // One that was left open may have ended since, which would look like a receiver that read to the end.
        self.close();
        self.open = Some(self.connect().map_err(|cause| Fault::Unreached(cause.to_string()))?);
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Carrier::Tls(mut stream)) = self.open.take() {
            // Receivers complain of connections that end without a word.
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
    }

    fn send(&mut self, parcels: &[Parcel]) -> Result<(), Fault> {
        let Some(carrier) = self.open.take() else {
            return Err(Fault::Unreached("it was not opened".to_owned()));
        };
        let bytes = self.bytes(parcels);
        let sent = match carrier {
            Carrier::Plain(stream) => plain(stream, &bytes),
            Carrier::Tls(stream) => sealed(*stream, &bytes),
        };
        sent.map_err(|cause| Fault::Unconfirmed(cause.to_string()))
    }
}

fn plain(mut stream: TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    until_closed(&mut stream)
}

fn sealed(mut stream: StreamOwned<ClientConnection, TcpStream>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(Shutdown::Write)?;
    match until_closed(&mut stream) {
        // Many receivers close the connection without saying so inside it; nothing they could have said is missed.
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        closed => closed,
    }
}

/// Until the receiver has read everything and closes its side.
fn until_closed(stream: &mut impl io::Read) -> io::Result<()> {
    let said = io::copy(&mut stream.take(SAID_BYTES_MAX), &mut io::sink())?;
    if said == SAID_BYTES_MAX { Err(io::Error::other("it talks and does not close")) } else { Ok(()) }
}
