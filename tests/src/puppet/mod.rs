//! Servers, clients and nodes that do what a test says: programs that obey lines
//! of JSON, the package's and ours alike.

mod identity;
mod node;
mod orders;
mod peers;

use std::net::SocketAddr;
use std::time::Duration;

pub use identity::{Identity, boxes, peer};
pub use node::{Node, NodeOptions};
pub use orders::{Answer, Order, Said, SaidPeer};
pub use peers::Management;

use crate::python::{Inner, PATIENCE, Result, Script, hex};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// REQUEST_URI.
    Request,
    /// CREATE_URI.
    Create,
    /// UPDATE_URI.
    Update,
    /// DELETE_URI.
    Delete,
}

/// A script that obeys lines of JSON: `tests/python/orders.py` says which.
#[derive(Debug)]
pub struct Puppet {
    script: Script,
    /// How long it waits for what it is told to wait for; 10 seconds at first.
    pub timeout: Duration,
    /// Whom a node talks to. A client talks to its server.
    pub to: Option<SocketAddr>,
}

impl Puppet {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            script,
            timeout: Duration::from_secs(10),
            to: None,
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    ///
    /// When the script has died; what the package raises is an [`Answer::Error`].
    pub fn request(&mut self, op: Op, uri: &[u8], content: &[u8]) -> Result<Answer> {
        self.request_with(op, uri, content, &Inner::default())
    }

    /// [`request`](Self::request) with inner layers.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_with(
        &mut self,
        op: Op,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<Answer> {
        let name = match op {
            Op::Request => "request",
            Op::Create => "create",
            Op::Update => "update",
            Op::Delete => "delete",
        };
        let order = Order::new(name).uri(uri).content(content).inner(inner);
        self.obey(order)?.into_answer()
    }

    /// [`request`](Self::request) for `boxed`, whose content only whoever is at
    /// the other end can read.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_boxed(&mut self, own: &Identity, content: &[u8]) -> Result<Answer> {
        let mut order = Order::new("request").uri(b"boxed").content(content);
        order.seed = own.seed.map(|seed| hex(&seed));
        self.obey(order)?.into_answer()
    }

    /// Sends a message that nothing waits for.
    ///
    /// # Errors
    ///
    /// When the script has died or the package raises.
    pub fn send(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        self.spread("send", kind, uri, content, inner)
    }

    /// As [`send`](Self::send), without inner layers, with a number in the auth field `rid`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_with_id(&mut self, kind: u8, uri: &[u8], content: &[u8], id: u64) -> Result<()> {
        let mut order = Order::new("send").uri(uri).content(content);
        (order.kind, order.rid) = (Some(kind), Some(id));
        self.carry_out(order)
    }

    /// As [`send`](Self::send), with a text in the auth field `change`.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_with_change(
        &mut self,
        kind: u8,
        uri: &[u8],
        content: &[u8],
        change: &str,
        inner: &Inner,
    ) -> Result<()> {
        let mut order = Order::new("send").uri(uri).content(content).inner(inner);
        (order.kind, order.change) = (Some(kind), Some(change.into()));
        self.carry_out(order)
    }

    /// As [`send`](Self::send), to whoever is subscribed to the uri.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn notify(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        self.spread("notify", kind, uri, content, inner)
    }

    /// As [`send`](Self::send), to every peer of a node, or to every connection of a server.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn broadcast(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        self.spread("broadcast", kind, uri, content, inner)
    }

    /// As [`send`](Self::send), to the group of a node.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn multicast(&mut self, kind: u8, uri: &[u8], content: &[u8], inner: &Inner) -> Result<()> {
        self.spread("multicast", kind, uri, content, inner)
    }

    fn spread(
        &mut self,
        op: &str,
        kind: u8,
        uri: &[u8],
        content: &[u8],
        inner: &Inner,
    ) -> Result<()> {
        let mut order = Order::new(op).uri(uri).content(content).inner(inner);
        order.kind = Some(kind);
        self.carry_out(order)
    }

    /// The next message that no request waited for.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    #[expect(clippy::should_implement_trait, reason = "it waits, and never ends")]
    pub fn next(&mut self) -> Result<Answer> {
        self.obey(Order::new("next"))?.into_answer()
    }

    /// Takes leave in good order, and ends.
    ///
    /// # Errors
    ///
    /// When it does not end by itself.
    pub fn close(mut self) -> Result<()> {
        self.carry_out(Order::new("close"))?;
        self.script.end_well()
    }

    /// Ends with its standard input, whatever that cuts off.
    pub(crate) fn end(self) {
        self.script.close();
    }

    /// Does what needs no answer.
    fn carry_out(&mut self, order: Order) -> Result<()> {
        self.obey(order)?.into_done().map(drop)
    }

    fn obey(&mut self, mut order: Order) -> Result<Said> {
        order.to = self.to;
        order.timeout = self.timeout.as_secs_f64();
        let patience = PATIENCE.saturating_add(self.timeout);
        self.script.ask(&order, patience)
    }
}
