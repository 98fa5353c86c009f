//! The loop around all connections.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use netaio_core::{Link, LinkConfig, Now};

use crate::Shared;
use crate::connection::Connection;

const LISTENER: Token = Token(0);

pub(crate) struct EventLoop {
    poll: Poll,
    listener: TcpListener,
    connections: BTreeMap<Token, Connection>,
    /// Those with something to do that needs no waiting.
    ready: BTreeSet<Token>,
    next: usize,
    start: Instant,
}

impl EventLoop {
    /// A loop that listens, and its address.
    pub(crate) fn new() -> io::Result<(Self, SocketAddr)> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let address = listener.local_addr()?;
        let (connections, ready) = (BTreeMap::new(), BTreeSet::new());
        let start = Instant::now();
        let new = Self {
            poll,
            listener,
            connections,
            ready,
            next: 1,
            start,
        };
        Ok((new, address))
    }

    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now::new(self.start.elapsed(), unix.unwrap_or_default().as_secs())
    }

    fn add(&mut self, stream: TcpStream, config: &Arc<LinkConfig>) -> io::Result<&mut Connection> {
        let (now, token) = (self.now(), Token(self.next));
        self.next += 1;
        let connection = Connection::new(stream, config, now, token, self.poll.registry())?;
        Ok(self.connections.entry(token).or_insert(connection))
    }

    /// Connects, and returns the link to say something with.
    pub(crate) fn connect(
        &mut self,
        address: SocketAddr,
        config: &Arc<LinkConfig>,
    ) -> io::Result<&mut Link> {
        let connection = self.add(TcpStream::connect(address)?, config)?;
        Ok(&mut connection.link)
    }

    /// Runs until no connection is left.
    pub(crate) fn run(&mut self, config: &Arc<LinkConfig>, shared: &mut Shared) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        while !self.connections.is_empty() {
            let wait = match self.ready.is_empty() {
                true => self.first_deadline(),
                false => Some(Duration::ZERO),
            };
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                if event.token() == LISTENER {
                    // Until there is none left, or an error that may be over
                    // when the next one comes.
                    while let Ok((stream, _)) = self.listener.accept() {
                        if let Err(error) = self.add(stream, config) {
                            eprintln!("a connection was refused: {error}");
                        }
                    }
                } else if let Some(connection) = self.connections.get_mut(&event.token()) {
                    connection.readable |= event.is_readable();
                    connection.writable |= event.is_writable();
                    self.ready.insert(event.token());
                }
            }
            let now = self.now();
            self.tell_time(now);
            for token in std::mem::take(&mut self.ready) {
                self.turn(token, now, shared);
            }
        }
        Ok(())
    }

    /// The time to the first deadline. Thousands of connections would want a
    /// heap of them.
    fn first_deadline(&mut self) -> Option<Duration> {
        let links = self
            .connections
            .values_mut()
            .map(|connection| &mut connection.link);
        let first = links
            .filter_map(|link| link.poll_deadline())
            .map(|deadline| deadline.at)
            .min();
        first.map(|at| at.saturating_sub(self.start.elapsed()))
    }

    fn tell_time(&mut self, now: Now) {
        for (token, connection) in &mut self.connections {
            let deadline = connection.link.poll_deadline();
            if deadline.is_some_and(|deadline| deadline.at <= now.monotonic) {
                connection.link.handle_timeout(now);
                self.ready.insert(*token);
            }
        }
    }

    fn turn(&mut self, token: Token, now: Now, shared: &mut Shared) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        match connection.turn(now, shared) {
            Ok(true) => drop(self.ready.insert(token)),
            Ok(false) if !connection.is_done() => {}
            Ok(false) => drop(self.connections.remove(&token)),
            Err(error) => {
                eprintln!("connection {}: {error}", token.0);
                self.connections.remove(&token);
            }
        }
    }
}
