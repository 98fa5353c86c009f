//! The servers that a client is connected to.

use std::io;
use std::sync::Arc;

use crate::connection::Connection;
use crate::mailbox::Command;

/// The servers of a client, in the order of their making.
#[derive(Default)]
pub(super) struct Servers {
    list: Vec<Server>,
    /// The number of the next.
    next: u64,
    /// The name of the one to prefer.
    default: Option<Arc<str>>,
    /// The client's last handle is gone.
    gone: bool,
}

/// A server and the connection to it.
struct Server {
    connection: Connection,
}

impl Servers {
    /// Takes a connection in, behind the others, if the client is still there.
    pub(super) fn enter(&mut self, make: impl FnOnce(u64) -> Connection) -> io::Result<Connection> {
        if self.gone {
            let gone = "the client's last handle is gone";
            return Err(io::Error::new(io::ErrorKind::NotConnected, gone));
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        let connection = make(number);
        self.list.retain(|server| !server.connection.has_ended());
        self.list.push(Server {
            connection: connection.clone(),
        });
        Ok(connection)
    }

    /// The open connections.
    pub(super) fn open(&self) -> impl Iterator<Item = &Connection> {
        let all = self.list.iter().map(|server| &server.connection);
        all.filter(|connection| connection.is_closed().is_none())
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

    /// Tells all connections to close, and returns them. They stay listed until
    /// they have ended: dropping the client cuts off those that a remote keeps
    /// from it.
    pub(super) fn close(&mut self) -> Vec<Connection> {
        let all = self.list.iter();
        all.map(|server| {
            // One that is closed needs no telling.
            let _ = server.connection.shared.mailbox.push(Command::Close);
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
