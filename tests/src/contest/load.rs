//! A load that is as cheap as can be: a thread with a blocking socket, the same for all servers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Result;
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

impl Rate {
    /// The rate of several slices of time, as long as one another.
    fn of(slices: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> f64| slices.iter().map(of).sum::<f64>();
        let answers = sum(|slice| slice.per_second);
        let time = sum(|slice| slice.per_second * slice.processor.unwrap_or(f64::NAN)) / answers;
        Self {
            per_second: answers / slices.len() as f64,
            processor: (!time.is_nan()).then_some(time),
        }
    }
}

/// One round of so many contenders, for some time each. They take turns in slices of it, so that
/// what else the machine does meets all of them.
///
/// # Errors
/// The first of `ask`, which is told whom to ask and for how long.
pub fn round(
    contenders: usize,
    span: Duration,
    mut ask: impl FnMut(usize, Duration) -> Result<Rate>,
) -> Result<Vec<Rate>> {
    const SLICES: u32 = 8;
    let mut slices = vec![Vec::new(); contenders];
    for _ in 0..SLICES {
        for (contender, slices) in slices.iter_mut().enumerate() {
            slices.push(ask(contender, span / SLICES)?);
        }
    }
    Ok(slices.iter().map(|slices| Rate::of(slices)).collect())
}

impl Question {
    /// The request of 64 bytes of [`plain`](crate::plain).
    ///
    /// # Errors
    /// None, as it fits.
    pub fn netaio() -> std::result::Result<Self, netaio_core::SealError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_the_mean_of_its_slices() -> Result<()> {
        let mut asked = Vec::new();
        let rates = round(2, Duration::from_secs(8), |contender, span| {
            asked.push(contender);
            // The second one is slow in one of eight slices.
            let per_second = match asked.len() {
                2 => 100.0,
                _ => 500.0,
            };
            let processor = Some(1000.0 / per_second);
            assert_eq!(span, Duration::from_secs(1));
            Ok(Rate {
                per_second,
                processor,
            })
        })?;
        assert_eq!(asked[..4], [0, 1, 0, 1]);
        let [one, other] = rates[..] else {
            return Err("two were asked".into());
        };
        assert_eq!((one.per_second, one.processor), (500.0, Some(2.0)));
        assert_eq!(other.per_second, 450.0);
        // 8,000 nanoseconds for 3,600 answers.
        assert!((other.processor.unwrap_or_default() - 8000.0 / 3600.0).abs() < 1e-9);
        Ok(())
    }
}
