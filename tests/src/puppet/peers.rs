//! Peers of puppets.

use super::{Order, Puppet, Said};
use crate::python::{Inner, Result, hex};

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

    /// Waits until a node of ours has joined its groups anew.
    ///
    /// # Errors
    ///
    /// When it has not at the end of its [`timeout`](Self::timeout), or has died.
    pub fn wait_for_group(&mut self) -> Result<()> {
        self.carry_out(Order::new("group"))
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
