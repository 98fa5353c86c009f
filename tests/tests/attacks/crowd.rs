//! Many connections from one place.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::Error;

/// Connections whose receive buffers are as small as the system lets them be.
pub(crate) struct Crowd(pub(crate) Vec<TcpStream>);

impl Crowd {
    pub(crate) fn gather(address: SocketAddr, count: usize) -> Result<Self, Error> {
        let mut streams = Vec::new();
        for _ in 0..count {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_recv_buffer_size(2048)?;
            socket.connect(&address.into())?;
            streams.push(socket.into());
        }
        Ok(Self(streams))
    }

    /// Each sends a frame, and reads the first byte of what is answered.
    pub(crate) fn ask(&mut self, frame: &[u8]) -> Result<(), Error> {
        for stream in &mut self.0 {
            stream.write_all(frame)?;
        }
        for stream in &mut self.0 {
            stream.read_exact(&mut [0])?;
        }
        Ok(())
    }

    /// Each sends these bytes, as far as the server takes them: until it has taken nothing
    /// of anybody for a second.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rests = vec![bytes; self.0.len()];
        let mut quiet = 0;
        for stream in &self.0 {
            stream.set_nonblocking(true)?;
        }
        while quiet < 20 {
            let mut moved = false;
            for (stream, rest) in self.0.iter_mut().zip(&mut rests) {
                match stream.write(rest) {
                    Ok(count) => {
                        moved |= count > 0;
                        *rest = &rest[count..];
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // The server has closed it.
                    Err(_) => *rest = &[],
                }
            }
            quiet = if moved { 0 } else { quiet + 1 };
            if !moved {
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }
}
