//! A connection without a client: what is sent on it is up to us.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use netaio_tokio::Message;
use netaio_tokio::core::{Deframer, Now, Sealer, Wire};
use netaio_tokio::plugin::Layer;
use netaio_tokio::plugin::SealContext;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Error;
use crate::dice::Dice;
use crate::world::World;

/// One end of a connection.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    input: BytesMut,
    deframer: Deframer,
    wire: Arc<Wire>,
}

impl Raw {
    pub(crate) async fn dial(world: &World) -> io::Result<Self> {
        let stream = TcpStream::connect(world.tcp).await?;
        stream.set_nodelay(true)?;
        let wire = Arc::new(Wire::default());
        Ok(Self {
            stream,
            input: BytesMut::new(),
            deframer: Deframer::new(wire.clone()),
            wire,
        })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next message, its layers unopened; none at the end.
    pub(crate) async fn receive(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if let Some(frame) = self.deframer.next(&mut self.input)? {
                return Ok(Some(
                    frame
                        .decode(&self.wire)
                        .map_err(|error| error.to_string())?
                        .into_message(),
                ));
            }
            match self.stream.read_buf(&mut self.input).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Ok(None),
            }
        }
    }

    /// Waits until the server closes; what comes is not looked at.
    pub(crate) async fn closed(&mut self) {
        while self
            .stream
            .read_buf(&mut self.input)
            .await
            .is_ok_and(|read| read > 0)
        {
            self.input.clear();
        }
    }

    /// Ends it with a reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// A sealed message.
pub(crate) fn frame(outer: &Layer, message: &Message, dice: &mut Dice) -> Result<Vec<u8>, Error> {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let mut context = SealContext {
        now: Now::new(Duration::ZERO, unix.as_secs()),
        rng: &mut dice.0,
        peers: Default::default(),
    };
    let (wire, none, mut frame) = (Wire::default(), Layer::new(), Vec::new());
    Sealer::new().seal(&wire, outer, &none, message, &mut context, &mut frame)?;
    Ok(frame)
}
