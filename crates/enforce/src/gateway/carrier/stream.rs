//! Connections to receivers, in clear or over TLS.

use super::super::receiver::Receiver;
use super::{ANSWER_MAX, TlsError};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// A connection.
pub(super) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Where a connection leads.
pub(super) struct Place {
    address: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Place {
    pub(super) fn new(receiver: &Receiver, config: Option<Arc<ClientConfig>>) -> Result<Self, TlsError> {
        let name =
            || ServerName::try_from(receiver.host.clone()).map_err(|_| TlsError::Name(receiver.host.clone()));
        let tls = config.map(|config| name().map(|name| (config, name))).transpose()?;
        Ok(Self { address: receiver.address(), tls })
    }

    /// Connects. Over TLS it is known who is there before this returns.
    pub(super) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = connect(&self.address, ANSWER_MAX)?;
        let Some((config, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let session = ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Box::new(stream))
    }
}

/// Connects in clear; neither that nor reading and writing takes longer than `most`.
pub(in super::super) fn connect(address: &str, most: Duration) -> io::Result<TcpStream> {
    let mut refused = None;
    for place in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, most) {
            Ok(stream) => {
                stream.set_read_timeout(Some(most))?;
                stream.set_write_timeout(Some(most))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
}
