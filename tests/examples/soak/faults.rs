//! Remotes that are broken or hostile, in every way that we know of.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use netaio_tokio::Message;
use netaio_tokio::plugin::HmacAuth;
use netaio_tokio::plugin::Layer;
use netaio_tokio::types::{AUTH_ERROR, ERROR};
use tokio::net::UdpSocket;

use crate::Error;
use crate::dice::Dice;
use crate::frames::{Raw, frame};
use crate::world::{World, pace};

/// How long the server may take to answer, or to close a connection.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody who has the secret, and makes mistakes with it.
struct Remote {
    world: Arc<World>,
    dice: Dice,
}

/// Does everything to the server that a remote can, one thing after the other.
pub(crate) async fn harm(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let (dice, mut pace) = (Dice::new(seed), pace(10));
    let mut remote = Remote { world, dice };
    while !remote.world.is_over() {
        pace.tick().await;
        remote.harm_once().await?;
    }
    Ok(())
}

/// Sends a frame's beginning and waits for the server to lose patience.
pub(crate) async fn stall(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let dice = Dice::new(seed);
    let mut remote = Remote { world, dice };
    while !remote.world.is_over() {
        let (_, frame) = remote.request(100)?;
        let mut raw = Raw::dial(&remote.world).await?;
        let part = remote.dice.length(1..frame.len());
        raw.send(&frame[..part]).await?;
        match tokio::time::timeout(PATIENCE, raw.closed()).await {
            Ok(()) => remote.world.tally.faults.stalled.one(),
            Err(_) => remote
                .world
                .tally
                .broken("half a frame keeps its connection open"),
        }
    }
    Ok(())
}

/// Sends datagrams that are no messages, or forged.
pub(crate) async fn harm_with_datagrams(world: Arc<World>, seed: u64) -> Result<(), Error> {
    let (dice, mut pace) = (Dice::new(seed), pace(10));
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let mut remote = Remote { world, dice };
    while !remote.world.is_over() {
        pace.tick().await;
        let (_, mut datagram) = remote.request(300)?;
        match remote.dice.number(0..4) {
            0 => {
                let len = remote.dice.length(0..1500);
                datagram = remote.dice.bytes(len);
            }
            1 => datagram.truncate(remote.dice.length(0..datagram.len())),
            2 => remote.flip(&mut datagram),
            _ => datagram = remote.forged()?,
        }
        let sent = socket.send_to(&datagram, remote.world.udp).await;
        // A full queue of the system's is none of the server's faults.
        if sent.is_ok() {
            remote.world.tally.faults.datagrams.one();
        }
    }
    Ok(())
}

impl Remote {
    async fn harm_once(&mut self) -> Result<(), Error> {
        let world = self.world.clone();
        let faults = &world.tally.faults;
        let mut raw = Raw::dial(&world).await?;
        // Good ones before it, as on a connection that breaks in the middle.
        for _ in 0..self.dice.number(0..4) {
            self.exchange(&mut raw).await?;
        }
        let (content, frame) = self.request(400)?;
        let part = self.dice.length(1..frame.len());
        match self.dice.number(0..8) {
            0 => {
                raw.send(&frame[..part]).await?;
                faults.half.one();
            }
            1 => {
                raw.send(&frame[..part]).await?;
                raw.reset()?;
                faults.half_reset.one();
            }
            2 => {
                let len = self.dice.length(1..4096);
                let garbage = self.dice.bytes(len);
                // The server may close before it has read all.
                let _ = raw.send(&garbage).await;
                faults.garbage.one();
            }
            3 => {
                let mut bad = frame;
                if let Some(last) = bad.last_mut() {
                    *last ^= 0x10;
                }
                self.refused(&mut raw, &bad).await?;
                faults.checksum.one();
            }
            4 => {
                let forged = self.forged()?;
                self.refused(&mut raw, &forged).await?;
                faults.forged.one();
            }
            5 => {
                for piece in frame.chunks(self.dice.length(1..40)) {
                    raw.send(piece).await?;
                    tokio::task::yield_now().await;
                }
                self.expect(&mut raw, &content).await?;
                faults.dribbled.one();
            }
            6 => {
                raw.send(&frame).await?;
                tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await?;
                self.expect(&mut raw, &content).await?;
                if let Some(more) = self.receive(&mut raw).await? {
                    world
                        .tally
                        .broken(format_args!("nobody asked for {more:?}"));
                }
                faults.finished.one();
            }
            _ => {
                for _ in 0..50 {
                    let (_, frame) = self.request(400)?;
                    raw.send(&frame).await?;
                }
                raw.reset()?;
                faults.unread.one();
            }
        }
        Ok(())
    }

    /// A frame that is refused, after which the connection goes on.
    async fn refused(&mut self, raw: &mut Raw, frame: &[u8]) -> Result<(), Error> {
        raw.send(frame).await?;
        match self.receive(raw).await? {
            Some(answer) if matches!(answer.message_type, ERROR | AUTH_ERROR) => {}
            other => {
                let wrong = format!("a bad frame is answered with {other:?}");
                self.world.tally.broken(wrong);
            }
        }
        self.exchange(raw).await
    }

    /// A request that gets its answer.
    async fn exchange(&mut self, raw: &mut Raw) -> Result<(), Error> {
        let (content, frame) = self.request(200)?;
        raw.send(&frame).await?;
        self.expect(raw, &content).await
    }

    async fn expect(&mut self, raw: &mut Raw, content: &[u8]) -> Result<(), Error> {
        let answer = self.receive(raw).await?;
        self.world.tally.work.answered.one();
        if answer.is_none_or(|answer| answer.content != content) {
            let wrong = "a request among faults is not answered as it should be";
            self.world.tally.broken(wrong);
        }
        Ok(())
    }

    async fn receive(&mut self, raw: &mut Raw) -> Result<Option<Message>, Error> {
        match tokio::time::timeout(PATIENCE, raw.receive()).await {
            Ok(message) => message,
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        }
    }

    /// A request for an echo, its content of at most so many bytes.
    fn request(&mut self, at_most: usize) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let len = self.dice.length(1..at_most);
        let content = self.dice.bytes(len);
        let mut message = Message::request("echo");
        message.content = content.clone().into();
        let frame = frame(&self.world.outer, &message, &mut self.dice)?;
        Ok((content, frame))
    }

    /// A request of somebody who does not have the secret.
    fn forged(&mut self) -> Result<Vec<u8>, Error> {
        let wrong = Layer::new().with_auth(HmacAuth::new("guessed"));
        frame(&wrong, &Message::request("echo"), &mut self.dice)
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.dice.length(0..bytes.len());
        bytes[at] ^= 1 << self.dice.number(0..8);
    }
}
