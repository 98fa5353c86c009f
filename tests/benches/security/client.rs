//! A client that opens no answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use netaio_tokio::types::RESPOND_URI;

use crate::many;

/// One that sends the same request again and again.
pub(crate) enum Client {
    Tcp {
        stream: TcpStream,
        request: Vec<u8>,
        buffer: Vec<u8>,
        /// Bytes of an answer that is not complete.
        received: usize,
    },
    Udp {
        socket: UdpSocket,
        address: SocketAddr,
        request: Vec<u8>,
        slots: Vec<u8>,
    },
}

impl Client {
    pub(crate) fn tcp(address: SocketAddr, request: Vec<u8>) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp {
            stream,
            request,
            buffer: vec![0; 256 * 1024],
            received: 0,
        })
    }

    pub(crate) fn udp(address: SocketAddr, request: Vec<u8>) -> io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let slots = vec![0; many::MOST * (request.len() + 256)];
        Ok(Self::Udp {
            socket,
            address,
            request,
            slots,
        })
    }

    /// Sends so many requests.
    pub(crate) fn ask(&mut self, count: usize) -> io::Result<()> {
        match self {
            Self::Tcp {
                stream, request, ..
            } => stream.write_all(&request.repeat(count)),
            Self::Udp {
                socket,
                address,
                request,
                ..
            } => {
                let requests = vec![(&request[..], *address); count];
                let mut turns = requests.chunks(many::MOST);
                turns.try_for_each(|some| many::send(socket, some))
            }
        }
    }

    /// Waits for answers, and returns how many there are: all that are in flight where
    /// datagrams got lost.
    pub(crate) fn answers(&mut self, in_flight: usize) -> io::Result<usize> {
        match self {
            Self::Tcp {
                stream,
                request,
                buffer,
                received,
            } => {
                let count = stream.read(buffer)?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if *received == 0 {
                    check(buffer)?;
                }
                *received += count;
                // They are as long as requests.
                let answers = *received / request.len();
                *received %= request.len();
                Ok(answers)
            }
            Self::Udp { socket, slots, .. } => match many::receive(socket, slots) {
                Ok(answers) => {
                    check(slots)?;
                    Ok(answers.len())
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(in_flight),
                Err(error) => Err(error),
            },
        }
    }
}

/// Refuses what does not begin as an answer does: the message type is never encrypted.
fn check(bytes: &[u8]) -> io::Result<()> {
    match bytes.first() == Some(&RESPOND_URI.value()) {
        true => Ok(()),
        false => Err(io::Error::other("the server answers with an error")),
    }
}
