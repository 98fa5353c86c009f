//! The servers that a client is connected to.

use std::io;
use std::sync::Arc;

use netaio_core::{Backoff, CloseReason, Link, Now};

use crate::connection::Connection;
use crate::mailbox::Command;

/// The servers of a client, in the order of their first connections.
#[derive(Default)]
pub(super) struct Servers {
    list: Vec<Server>,
    /// The id of the next server.
    next: u64,
    /// The name of the default server, if one is set.
    default: Option<Arc<str>>,
    balance: Balance,
    /// The id of the server that had the last of the client's own requests, where they take
    /// turns.
    last: Option<u64>,
    /// The client's last handle was dropped.
    dropped: bool,
}

/// A server and the connection to it.
struct Server {
    connection: Connection,
    connected_at: Now,
    /// The tries since there was a connection that was of use, where this one is none of the
    /// application's.
    tries: Option<Backoff>,
    presence: Presence,
    /// It is being closed, and is listed only to be aborted with the client.
    closing: bool,
}

/// Which of several servers has a client's own requests, where
/// [no default](crate::Client::set_default_server) is set. Only those count that are connected.
///
/// A request that is [idempotent](crate::RequestBuilder::idempotent) goes by the same rule to the
/// next one if its connection ends, or its server says that it does not handle it, whether or not
/// that server is reconnected. Each is tried once by each connection. Others fail then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// The one that was connected to first has all of them. The next one has them while it is
    /// away; once it was [reconnected](crate::AutoReconnect) it has its place again.
    #[default]
    Failover,
    /// They take turns, in the order in which they were connected to, whatever each has to do.
    RoundRobin,
}

/// Whether a server is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Here,
    /// Nothing more comes from it, while handlers run for it.
    Left,
    /// It has left, and is being reconnected, or was in vain.
    Replacing,
}

/// The position of a new connection in the list.
pub(super) enum Position<'a> {
    /// At the end.
    Last,
    /// In place of this one, if it is listed; else at the end.
    InPlaceOf(&'a Connection),
    /// In place of this one, unless the application has closed it.
    InPlaceOfUnclosed(&'a Connection),
}

impl Servers {
    /// Lists the connection that `make` makes with the id of its server.
    pub(super) fn insert(
        &mut self,
        position: Position<'_>,
        make: impl FnOnce(u64) -> (Connection, Link),
    ) -> io::Result<(Connection, Link)> {
        let refused = |reason| Err(io::Error::new(io::ErrorKind::NotConnected, reason));
        if self.dropped {
            return refused("the client's last handle was dropped");
        }
        let index = match position {
            Position::Last => None,
            Position::InPlaceOf(old) => self.index(old),
            Position::InPlaceOfUnclosed(old) if self.may_replace(old) => self.index(old),
            Position::InPlaceOfUnclosed(_) => return refused("the connection was closed"),
        };
        let number = self.next;
        self.next = number.wrapping_add(1);
        let old = index.and_then(|index| self.list.get_mut(index));
        let old_id = old.as_ref().and_then(|old| old.connection.server_id());
        let (connection, link) = make(old_id.unwrap_or(number));
        let new = Server {
            connected_at: connection.time().now(),
            tries: None,
            connection: connection.clone(),
            presence: Presence::Here,
            closing: false,
        };
        match old {
            None => self.list.push(new),
            Some(old) => {
                let mut old = std::mem::replace(old, new);
                match old.presence {
                    // Without a farewell: the new connection announces the same peer.
                    Presence::Here => old.close(false),
                    // It ends by itself, after its handlers.
                    Presence::Left | Presence::Replacing => old.closing = true,
                }
                self.list.push(old);
            }
        }
        Ok((connection, link))
    }

    /// Removes a connection from the list.
    pub(super) fn remove(&mut self, connection: &Connection) {
        self.list.retain(|server| !server.connection.is(connection));
    }

    /// The open connections whose servers are there.
    pub(super) fn open(&self) -> impl Iterator<Item = &Connection> {
        self.list.iter().filter_map(|server| {
            let is_here = !server.closing && server.presence == Presence::Here;
            let connection = Some(&server.connection).filter(|_| is_here);
            connection.filter(|connection| connection.close_reason().is_none())
        })
    }

    /// All connections: links that end may wait for what is free, too.
    pub(super) fn all(&self) -> impl Iterator<Item = &Connection> {
        self.list.iter().map(|server| &server.connection)
    }

    /// Notes that a server has left, and whether it is being reconnected.
    pub(super) fn set_left(&mut self, connection: &Connection, replacing: bool) {
        if let Some(server) = self.get_mut(connection) {
            server.presence = match replacing {
                true => Presence::Replacing,
                false => Presence::Left,
            };
        }
    }

    /// Whether a server has left, and nothing has been done about it.
    pub(super) fn has_left(&self, connection: &Connection) -> bool {
        self.get(connection)
            .is_some_and(|server| server.presence == Presence::Left)
    }

    /// Whether a server has left, and is being reconnected, or was in vain.
    pub(super) fn is_replacing(&self, connection: &Connection) -> bool {
        self.get(connection)
            .is_some_and(|server| server.presence == Presence::Replacing)
    }

    /// The open connections, but for those that were tried.
    fn untried(&self, tried: &[Connection]) -> impl Iterator<Item = &Connection> {
        self.open()
            .filter(|open| !tried.iter().any(|tried| tried.is(open)))
    }

    /// The open connection of a name, the first if there are several.
    pub(super) fn named(&self, name: &str) -> Option<&Connection> {
        self.open()
            .find(|connection| connection.name() == Some(name))
    }

    /// The open connection to the server with this id, unless it was tried.
    pub(super) fn open_with_id(&self, id: u64, tried: &[Connection]) -> Option<&Connection> {
        self.untried(tried)
            .find(|connection| connection.server_id() == Some(id))
    }

    /// The open connection that the client's next own request goes to; none of those that were
    /// tried.
    pub(super) fn preferred(&mut self, tried: &[Connection]) -> Option<&Connection> {
        if let Some(name) = &self.default {
            return self
                .untried(tried)
                .find(|connection| connection.name() == Some(name));
        }
        if self.balance == Balance::Failover {
            return self.untried(tried).next();
        }
        // The one behind the last, in the order of the list. Ids need not be in order there.
        let last = self.last;
        let is_tried = |open: &&Connection| tried.iter().any(|tried| tried.is(open));
        let behind = self.open().skip_while(|open| open.server_id() != last);
        let next = behind.skip(1).find(|open| !is_tried(open));
        let next = next.or_else(|| self.untried(tried).next())?.server_id()?;
        self.last = Some(next);
        self.open_with_id(next, tried)
    }

    pub(super) fn set_balance(&mut self, balance: Balance) {
        self.balance = balance;
    }

    /// The connections that have ended, or are ending, and may be replaced: to the server with
    /// this id, or to those that the client's own requests may go to.
    pub(super) fn awaited(&self, server: Option<u64>) -> impl Iterator<Item = &Connection> {
        self.list.iter().filter_map(move |entry| {
            let connection = &entry.connection;
            let is_asked_for = match (server, &self.default) {
                (Some(id), _) => connection.server_id() == Some(id),
                (None, Some(name)) => connection.name() == Some(&**name),
                (None, None) => true,
            };
            let is_closed = connection.close_reason() == Some(CloseReason::Local);
            let is_awaited = is_asked_for && !entry.closing && !is_closed;
            Some(connection).filter(|_| is_awaited && connection.address().is_some())
        })
    }

    pub(super) fn default_name(&self) -> Option<&Arc<str>> {
        self.default.as_ref()
    }

    pub(super) fn set_default(&mut self, name: Option<Arc<str>>) {
        self.default = name;
    }

    /// Whether a connection may be replaced by a new one: it is listed, and was not
    /// closed by the application.
    pub(super) fn may_replace(&self, connection: &Connection) -> bool {
        self.index(connection).is_some() && connection.close_reason() != Some(CloseReason::Local)
    }

    /// When a connection was made, if it is listed.
    pub(super) fn connected_at(&self, connection: &Connection) -> Option<Now> {
        self.get(connection).map(|server| server.connected_at)
    }

    /// Notes the tries that it took to make a connection.
    pub(super) fn set_tries(&mut self, connection: &Connection, tries: Backoff) {
        if let Some(server) = self.get_mut(connection) {
            server.tries = Some(tries);
        }
    }

    /// The tries that it took to make a connection, if it was made anew.
    pub(super) fn tries(&self, connection: &Connection) -> Option<Backoff> {
        self.get(connection)?.tries.clone()
    }

    /// The connection to the server with this id.
    pub(super) fn with_id(&self, id: u64) -> Option<&Connection> {
        let kept = self.list.iter().filter(|server| !server.closing);
        kept.map(|server| &server.connection)
            .find(|connection| connection.server_id() == Some(id))
    }

    fn get(&self, connection: &Connection) -> Option<&Server> {
        self.list.get(self.index(connection)?)
    }

    fn get_mut(&mut self, connection: &Connection) -> Option<&mut Server> {
        let index = self.index(connection)?;
        self.list.get_mut(index)
    }

    fn index(&self, connection: &Connection) -> Option<usize> {
        let mut all = self.list.iter();
        all.position(|server| !server.closing && server.connection.is(connection))
    }

    /// Closes all connections, and returns them. They stay listed until they have
    /// ended: dropping the client aborts those whose remotes delay that.
    pub(super) fn close(&mut self) -> Vec<Connection> {
        let all = self.list.iter_mut();
        all.map(|server| {
            server.close(true);
            server.connection.clone()
        })
        .collect()
    }

    /// Aborts all connections. None can be listed afterwards.
    pub(super) fn abort_all(&mut self) {
        self.dropped = true;
        for server in self.list.drain(..) {
            server.connection.abort();
        }
    }
}

impl Server {
    fn close(&mut self, farewell: bool) {
        self.closing = true;
        self.connection.command(Command::Close { farewell });
    }
}
