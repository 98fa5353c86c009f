//! A load that is as cheap as can be: a thread with a blocking socket, the same for all servers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::floors::frame;

/// What is asked again and again. All answers are of the same length.
#[derive(Clone, Debug)]
pub struct Question {
    /// The bytes of a request.
    pub request: Vec<u8>,
    /// How long the answer is that some bytes begin with, once it is complete.
    pub answer: fn(&[u8]) -> io::Result<Option<usize>>,
}

/// What a load got.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Answers a second.
    pub per_second: f64,
    /// Time of the server's on processors, in nanoseconds an answer, where the system says so.
    pub processor: Option<f64>,
}

/// So many requests in flight on one connection, for a time.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests.
    pub in_flight: usize,
    /// The time that is measured, behind a fourth of it that is not.
    pub span: Duration,
}

impl Question {
    /// The request of 64 bytes of [`plain`](crate::plain).
    ///
    /// # Errors
    /// None, as it fits.
    pub fn netaio() -> Result<Self, netaio_core::SealError> {
        Ok(Self {
            request: crate::plain::frame()?,
            answer: frame,
        })
    }

    /// Redis's `PING`.
    #[must_use]
    pub fn redis() -> Self {
        Self {
            request: b"*1\r\n$4\r\nPING\r\n".to_vec(),
            answer: |bytes| {
                const PONG: &[u8] = b"+PONG\r\n";
                match bytes.starts_with(PONG) {
                    true => Ok(Some(PONG.len())),
                    false if PONG.starts_with(bytes) => Ok(None),
                    false => Err(io::ErrorKind::InvalidData.into()),
                }
            },
        }
    }
}

impl Load {
    /// Asks a server. `busy` is how long it has run.
    ///
    /// # Errors
    /// It is not there, or ends the connection, or its first answer is none.
    pub fn ask(
        self,
        address: SocketAddr,
        question: &Question,
        busy: impl Fn() -> Option<Duration>,
    ) -> io::Result<Rate> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; 64 * 1024];
        let length = first(&mut stream, question, &mut buffer)?;
        let request = question.request.len();
        let requests = question.request.repeat(self.in_flight);
        stream.write_all(&requests)?;
        let warm = Instant::now() + self.span / 4;
        let mut counted = None;
        let mut received = 0;
        loop {
            let answered = received / length;
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            received += count;
            let again = received / length - answered;
            stream.write_all(requests.get(..again * request).unwrap_or_default())?;
            let now = Instant::now();
            match counted {
                None if now >= warm => counted = Some((now, received, busy())),
                Some((begun, before, ran)) if now - begun >= self.span => {
                    let answers = ((received - before) / length) as f64;
                    let ran = busy().zip(ran).map(|(after, before)| after - before);
                    return Ok(Rate {
                        per_second: answers / (now - begun).as_secs_f64(),
                        processor: ran.map(|ran| ran.as_nanos() as f64 / answers),
                    });
                }
                _ => {}
            }
        }
    }
}

/// Asks once, and returns the length of the answer.
fn first(stream: &mut TcpStream, question: &Question, buffer: &mut [u8]) -> io::Result<usize> {
    stream.write_all(&question.request)?;
    let mut filled = 0;
    loop {
        let count = stream.read(buffer.get_mut(filled..).unwrap_or_default())?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        if let Some(length) = (question.answer)(buffer.get(..filled).unwrap_or_default())? {
            return Ok(length);
        }
    }
}
