//! One connection: a socket that does not block, and its link.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use netaio_core::{CloseReason, Dispatched, Event, Link, LinkConfig, Node, Now, Role};
use rand_core::SeedableRng;

use crate::{Handler, Shared};

/// Frames of one connection that are handled before others have their turn.
const TURN: usize = 16;
/// Queued bytes past which a server goes on only once its remote has read.
const HIGH_WATER: usize = 64 * 1024;

pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) link: Link,
    /// Bytes on their way out, and how many of them are written.
    writing: Vec<u8>,
    written: usize,
    /// What mio has said, until the socket says otherwise.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Connection {
    pub(crate) fn new(
        mut stream: TcpStream,
        config: &Arc<LinkConfig>,
        now: Now,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        // In earnest the seed comes from the system.
        let generator = Box::new(chacha20::ChaCha8Rng::seed_from_u64(token.0 as u64));
        Ok(Self {
            link: Link::new(now, config.clone(), None, generator),
            stream,
            writing: Vec::new(),
            written: 0,
            readable: false,
            writable: false,
        })
    }

    /// Whether it is over, with its last bytes written.
    pub(crate) fn is_done(&self) -> bool {
        self.link.is_closed().is_some() && self.writing.is_empty()
    }

    /// Does what can be done without waiting, up to a turn's worth, and says
    /// whether there is more. The answers of a turn leave with one write.
    pub(crate) fn turn(&mut self, now: Now, shared: &mut Shared) -> io::Result<bool> {
        let mut left = TURN;
        while left > 0
            && self.may_handle()
            && let Some(event) = self.link.poll_event()
        {
            self.handle(event, now, shared)?;
            left -= 1;
        }
        let held_back = !self.may_handle();
        shared.held_back += usize::from(held_back);
        // What deadlines brought about does not wait.
        while let Some(event) = self.link.poll_past_event() {
            self.handle(event, now, shared)?;
        }
        // The clients here have come for their answers, and go with the last.
        if self.link.config().role == Role::Client && self.link.pending_requests() == 0 {
            self.link.close(CloseReason::Local);
        }
        self.write()?;
        self.link.set_reading(now, self.may_handle());
        match self.may_handle() {
            false => Ok(false), // until mio says that it is writable
            true if left == 0 || held_back => Ok(true),
            true => self.read(now),
        }
    }

    /// A client always takes its answers, or the two could wait for each other.
    fn may_handle(&self) -> bool {
        self.link.config().role == Role::Client || self.link.queued() < HIGH_WATER
    }

    fn handle(&mut self, event: Event, now: Now, shared: &mut Shared) -> io::Result<()> {
        match event {
            Event::Message(inbound) => {
                let dispatched = self.link.dispatch(now, inbound, &mut shared.node);
                let (reply, answer) = match dispatched {
                    Dispatched::Call {
                        handler,
                        message,
                        reply,
                    } => (reply, handler(message)),
                    Dispatched::Unrouted { message, reply } => {
                        (reply, Node::<Handler>::default_answer(message.message_type))
                    }
                    Dispatched::Refused => return Ok(()),
                };
                if let Some(answer) = answer {
                    let replied = self.link.reply(now, &reply, &answer);
                    replied.map_err(io::Error::other)?;
                }
            }
            Event::Answered { answer, .. } => shared.answers.push(answer.message),
            Event::Failed { .. } => shared.timeouts += 1,
            _ => {} // it is closed, or a message was refused
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        while self.writable {
            if self.written == self.writing.len() {
                self.written = 0;
                if !self.link.poll_outbound(&mut self.writing) {
                    break;
                }
            }
            match self.stream.write(&self.writing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once, and says whether there may be more.
    fn read(&mut self, now: Now) -> io::Result<bool> {
        if !self.readable || self.link.is_closed().is_some() {
            return Ok(false);
        }
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.link.handle_eof(now),
            Ok(count) => self.link.receive(now, &buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) => return Err(error),
        }
        Ok(self.readable)
    }
}
