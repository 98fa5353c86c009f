//! Short requests without sockets, for measurements.

use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use netaio_core::{Now, SealError};
use netaio_driver::{ReadHalf, WriteHalf};
use netaio_tokio::Message;
use netaio_tokio::core::{Sealer, Wire};
use netaio_tokio::plugin::Layer;
use netaio_tokio::plugin::SealContext;
use rand_core::SeedableRng;

/// Bytes of the frame.
pub const FRAME: usize = 64;

/// A request of 64 bytes, whose answer is of 64 bytes too.
///
/// # Errors
/// None, as it fits.
pub fn frame() -> Result<Vec<u8>, SealError> {
    let mut message = Message::request("echo");
    message.content = vec![b'x'; FRAME - 18].into();
    sealed(&Layer::new(), &message)
}

/// The frame of a message, with an outer layer alone.
///
/// # Errors
/// It cannot be sealed.
pub fn sealed(outer: &Layer, message: &Message) -> Result<Vec<u8>, SealError> {
    let mut out = Vec::new();
    let mut rng = chacha20::ChaCha8Rng::from_seed([0; 32]);
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut context = SealContext {
        now: Now::new(Duration::ZERO, since_1970.as_secs()),
        rng: &mut rng,
        peers: Default::default(),
    };
    Sealer::new().seal(
        &Wire::default(),
        outer,
        &Layer::new(),
        message,
        &mut context,
        &mut out,
    )?;
    Ok(out)
}

/// A stream of turns of requests, and then its end.
#[derive(Debug)]
pub struct Requests {
    frames: Bytes,
    at: usize,
    turn: usize,
    left: usize,
    yielded: bool,
}

impl Requests {
    /// So many turns, each of these bytes.
    #[must_use]
    pub fn new(turn: Bytes, turns: usize) -> Self {
        let len = turn.len();
        Self::cycle(turn, len, turns)
    }

    /// So many turns, each of so many bytes of these, from their start again behind their end:
    /// whole turns.
    #[must_use]
    pub fn cycle(frames: Bytes, turn: usize, turns: usize) -> Self {
        Self {
            frames,
            at: 0,
            turn,
            left: turns,
            yielded: false,
        }
    }
}

impl ReadHalf for Requests {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        // As from a socket, the next are there when the others have run.
        self.yielded = !self.yielded;
        if self.yielded {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(Ok(0));
        }
        self.left -= 1;
        let end = self.at + self.turn;
        buffer.extend_from_slice(&self.frames[self.at..end]);
        self.at = end % self.frames.len();
        Poll::Ready(Ok(self.turn))
    }
}

/// A stream that takes all answers.
#[derive(Debug)]
pub struct Answers;

impl WriteHalf for Answers {
    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
