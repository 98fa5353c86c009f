//! The loop: what mio says goes into the hub, and what the hub wants done is done.

use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Token};
use netaio_core::{LinkId, Now, Output};

use super::EventLoop;

pub(super) const LISTENER: Token = Token(usize::MAX);
pub(super) const WORKER: Token = Token(usize::MAX - 1);

impl EventLoop {
    pub(super) fn now(&self) -> Now {
        Now::since(self.start)
    }

    /// Waits until there is something to do, and does it.
    pub(crate) fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let elapsed = self.start.elapsed();
        let mut readable = self.readable.iter();
        let wait = match readable.any(|link| self.hub.wants_read(*link)) {
            true => Some(Duration::ZERO),
            false => self.hub.deadline().map(|at| at.saturating_sub(elapsed)),
        };
        if let Err(error) = self.poll.poll(events, wait)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        let now = self.now();
        for event in events.iter() {
            let link = LinkId::from_number(event.token().0 as u64);
            if self.streams.contains_key(&link) {
                self.readable.insert(link);
                self.hub.writable(now, link);
            }
        }
        while let Some(Ok((stream, remote))) = self.listener.as_ref().map(TcpListener::accept) {
            // A connection too many is closed again.
            if let Ok(link) = self.hub.accept(now, Some(remote)) {
                self.register(now, link, stream);
            }
        }
        while let Ok((call, answer)) = self.done.try_recv() {
            self.reply(now, call, Some(answer));
        }
        self.do_outputs(now);
        // Each is read from once, where that is wanted, and the next turn follows at once.
        // The others keep their place until it is.
        let (hub, streams) = (&mut self.hub, &mut self.streams);
        self.readable.retain(|link| {
            let stream = streams.get_mut(link);
            stream.is_some_and(|stream| hub.read_from(now, *link, stream))
        });
        Ok(())
    }

    pub(super) fn register(&mut self, now: Now, link: LinkId, mut stream: TcpStream) {
        let token = Token(link.number() as usize);
        let both = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(&mut stream, token, both) {
            Ok(()) => drop(self.streams.insert(link, stream)),
            Err(error) => self.hub.transport_failed(now, link, error),
        }
    }

    fn do_outputs(&mut self, now: Now) {
        while let Some(output) = self.hub.poll(now) {
            match output {
                Output::Call {
                    call,
                    handler,
                    message,
                } => self.call(now, call, handler, message),
                Output::Answered { .. } => self.answers += 1,
                Output::Write { link, .. } => {
                    if let Some(stream) = self.streams.get_mut(&link) {
                        self.hub.write_to(now, link, stream);
                    }
                }
                Output::Shutdown { link } => {
                    if let Some(stream) = self.streams.get(&link) {
                        // Where it fails the remote is gone, which reading shows.
                        let _ = stream.shutdown(Shutdown::Write);
                    }
                }
                Output::Close { link, .. } => {
                    self.streams.remove(&link);
                    self.readable.remove(&link);
                }
                other => eprintln!("{other:?}"),
            }
        }
    }
}
