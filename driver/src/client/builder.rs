//! How a client is put together.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use netaio_core::plugin::{AuthPlugin, CipherPlugin, PeerPlugin};
use netaio_core::{
    Codec, Key, KeyExtractor, Layer, Limits, ManagementConfig, MessageTypes, Peer, Role,
};

use super::Client;
use super::messages::Inbox;
use crate::error::BuildError;
use crate::handler::{AnyHandler, Handler};
use crate::peers::Identity;
use crate::runtime::Runtime;
use crate::service::{Service, Unrouted};
use crate::setup::Setup;

/// A client before it connects.
#[must_use = "a client does nothing before `build`"]
pub struct ClientBuilder<R: Runtime> {
    setup: Setup,
    connect_timeout: Duration,
    identity: Identity,
    management: Vec<ManagementConfig>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> ClientBuilder<R> {
    pub(super) fn new() -> Self {
        Self {
            setup: Setup::new(Role::Client),
            connect_timeout: Duration::from_secs(10),
            identity: Identity::default(),
            management: Vec::new(),
            runtime: PhantomData,
        }
    }

    crate::setup::common_options!();
    crate::setup::connection_options!();
    crate::setup::peer_options!();

    /// The time to resolve a name and to connect; 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Makes the client, which is connected to nobody yet.
    ///
    /// # Errors
    /// An inner layer does not go with the outer one, or peers cannot be managed
    /// as asked.
    pub fn build(self) -> Result<Client<R>, BuildError> {
        let (config, states, node) = self.setup.finish()?;
        let inbox = Arc::new(Inbox::new());
        let deliver = {
            let inbox = inbox.clone();
            Unrouted::Deliver(Box::new(move |message, remote| {
                // A client has connections only.
                if let Some(connection) = remote.connection() {
                    inbox.put(message, connection.clone());
                }
            }))
        };
        let service = Service::new(config, states, node, deliver, self.identity);
        let client = Client::new(service, inbox, self.connect_timeout);
        for config in self.management {
            client.manage_peers(config)?;
        }
        Ok(client)
    }
}
