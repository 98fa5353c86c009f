//! The servers that a client is connected to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use netaio_core::CloseReason;

use crate::connection::Connection;
use crate::mailbox::Command;

/// The servers of a client, in the order of their making.
#[derive(Default)]
pub(super) struct Servers {
    list: Vec<Server>,
    /// The number of the next connection.
    next: u64,
    /// The name of the one to prefer.
    default: Option<Arc<str>>,
    /// The client's last handle is gone.
    gone: bool,
}

/// A server and the connection to it.
struct Server {
    connection: Connection,
    /// When it was made, as a monotonic reading.
    made: Duration,
    /// It was told to close, and is listed only to be cut off with the client.
    closing: bool,
}

/// Where a connection is put among the others.
pub(super) enum Position<'a> {
    /// Behind them.
    Last,
    /// In the place of this one, if it has one; else behind the others.
    Of(&'a Connection),
    /// In the place of this one, as long as nobody has closed it.
    OnlyOf(&'a Connection),
}

impl Servers {
    /// Takes a connection in, which is made with its number and its place.
    pub(super) fn enter(
        &mut self,
        position: Position<'_>,
        make: impl FnOnce(u64, u64) -> Connection,
    ) -> io::Result<Connection> {
        let refused = |why| Err(io::Error::new(io::ErrorKind::NotConnected, why));
        if self.gone {
            return refused("the client's last handle is gone");
        }
        let index = match position {
            Position::Last => None,
            Position::Of(old) => self.index(old),
            Position::OnlyOf(old) if self.is_wanted(old) => self.index(old),
            Position::OnlyOf(_) => return refused("the connection was closed"),
        };
        let number = self.next;
        self.next = number.wrapping_add(1);
        let old = index.and_then(|index| self.list.get_mut(index));
        let old_place = old.as_ref().and_then(|old| old.connection.client_place());
        let connection = make(number, old_place.unwrap_or(number));
        let new = Server {
            made: connection.time().now().monotonic,
            connection: connection.clone(),
            closing: false,
        };
        match old {
            None => self.list.push(new),
            Some(old) => {
                // It takes no leave of the server: the new one is the same peer.
                let mut old = std::mem::replace(old, new);
                old.close();
                self.list.push(old);
            }
        }
        Ok(connection)
    }

    /// Lets a connection go.
    pub(super) fn leave(&mut self, connection: &Connection) {
        self.list.retain(|server| !server.connection.is(connection));
    }

    /// The open connections.
    pub(super) fn open(&self) -> impl Iterator<Item = &Connection> {
        let kept = self.list.iter().filter(|server| !server.closing);
        let all = kept.map(|server| &server.connection);
        all.filter(|connection| connection.close_reason().is_none())
    }

    /// The open connection of a name, the first if there are several.
    pub(super) fn named(&self, name: &str) -> Option<&Connection> {
        self.open()
            .find(|connection| connection.name() == Some(name))
    }

    /// The open connection to prefer.
    pub(super) fn preferred(&self) -> Option<&Connection> {
        match &self.default {
            Some(name) => self.named(name),
            None => self.open().next(),
        }
    }

    pub(super) fn default_name(&self) -> Option<&Arc<str>> {
        self.default.as_ref()
    }

    pub(super) fn set_default(&mut self, name: Option<Arc<str>>) {
        self.default = name;
    }

    /// Whether a connection has a place which another could take, since nobody
    /// has closed it at this end.
    pub(super) fn is_wanted(&self, connection: &Connection) -> bool {
        self.index(connection).is_some() && connection.close_reason() != Some(CloseReason::Local)
    }

    /// When a connection was made that has a place.
    pub(super) fn made(&self, connection: &Connection) -> Option<Duration> {
        self.list
            .get(self.index(connection)?)
            .map(|server| server.made)
    }

    /// The connection that has a place.
    pub(super) fn at(&self, place: u64) -> Option<&Connection> {
        let kept = self.list.iter().filter(|server| !server.closing);
        kept.map(|server| &server.connection)
            .find(|connection| connection.client_place() == Some(place))
    }

    fn index(&self, connection: &Connection) -> Option<usize> {
        let mut all = self.list.iter();
        all.position(|server| !server.closing && server.connection.is(connection))
    }

    /// Tells all connections to close, and returns them. They stay listed until
    /// they have ended: dropping the client cuts off those that a remote keeps
    /// from it.
    pub(super) fn close(&mut self) -> Vec<Connection> {
        let all = self.list.iter_mut();
        all.map(|server| {
            server.close();
            server.connection.clone()
        })
        .collect()
    }

    /// Cuts all connections off. There will be no more.
    pub(super) fn end(&mut self) {
        self.gone = true;
        for server in self.list.drain(..) {
            // One that is closed needs no telling.
            let _ = server.connection.shared.mailbox.push(Command::Abort);
        }
    }
}

impl Server {
    fn close(&mut self) {
        self.closing = true;
        // One that is closed needs no telling.
        let _ = self.connection.shared.mailbox.push(Command::Close);
    }
}
