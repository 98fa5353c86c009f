//! Peers of puppets.

use netaio_core::packify::{Dict, Value};
use netaio_core::plugin::{DefaultPeerPlugin, PeerPlugin};

use super::{Order, Puppet, Said, SaidPeer};
use crate::python::{Inner, Result, hex};

/// The data of a peer with this name, as the scripts have it.
///
/// # Panics
///
/// Never: such data can be packed.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "a name in a dict is well within all limits"
)]
pub fn peer_data(name: &str) -> Vec<u8> {
    let pair = (Value::Str("name".into()), Value::Str(name.into()));
    let data = Dict::from_pairs([pair]).expect("one key");
    let packed = DefaultPeerPlugin.encode_data(&Value::Dict(data));
    packed.expect("it can be packed")
}

/// How a puppet is to manage its peers.
#[derive(Clone, Debug)]
pub struct Management {
    /// The app id.
    pub app_id: &'static str,
    /// The inner layer of the messages between peers.
    pub inner: Inner,
    /// Seconds between a node's advertisements.
    pub every: f64,
    /// Seconds after which a node drops a silent peer.
    pub silence: u32,
}

impl Default for Management {
    /// netaio's app id, no inner layer, and a node that tells of itself a few
    /// times a second and drops nobody for a minute.
    fn default() -> Self {
        Self {
            app_id: "netaio",
            inner: Inner::default(),
            every: 0.2,
            silence: 60,
        }
    }
}

impl Puppet {
    /// Manages peers from now on.
    ///
    /// # Errors
    ///
    /// When it cannot, or has died.
    pub fn manage_peers(&mut self, management: &Management) -> Result<()> {
        let order = Order::new("manage").uri(management.app_id.as_bytes());
        self.carry_out(Order {
            every: Some(management.every),
            silence: Some(management.silence),
            ..order.inner(&management.inner)
        })
    }

    /// Manages peers no more.
    ///
    /// # Errors
    ///
    /// When it cannot, or has died.
    pub fn stop_peer_management(&mut self, app_id: &str) -> Result<()> {
        self.carry_out(Order::new("unmanage").uri(app_id.as_bytes()))
    }

    /// Waits until the peers that it knows are those with these ids, and returns
    /// what it knows of them.
    ///
    /// # Errors
    ///
    /// When they are others at the end of its [`timeout`](Self::timeout): it says
    /// which.
    pub fn wait_for_peers(&mut self, ids: &[&str]) -> Result<Said> {
        let mut order = Order::new("peers");
        order.ids = Some(ids.iter().map(|id| hex(id.as_bytes())).collect());
        self.obey(order)?.into_done()
    }
}

impl SaidPeer {
    /// A peer with these, heard from nowhere yet.
    #[must_use]
    pub fn new(id: &str, data: &[u8]) -> Self {
        Self {
            id: hex(id.as_bytes()),
            data: hex(data),
            addresses: Vec::new(),
        }
    }
}
