//! How a client is put together.

use std::marker::PhantomData;
use std::sync::Arc;

use netaio_core::plugin::{AuthPlugin, CipherPlugin};
use netaio_core::{Codec, Key, KeyExtractor, Layer, Limits, MessageTypes, Role};

use super::Client;
use super::messages::Inbox;
use crate::error::BuildError;
use crate::handler::{AnyHandler, Handler};
use crate::runtime::Runtime;
use crate::service::{Service, Unrouted};
use crate::setup::Setup;

/// A client before it connects.
#[must_use = "a client does nothing before `build`"]
pub struct ClientBuilder<R: Runtime> {
    setup: Setup,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> ClientBuilder<R> {
    pub(super) fn new() -> Self {
        Self {
            setup: Setup::new(Role::Client),
            runtime: PhantomData,
        }
    }

    crate::setup::common_options!();

    /// Makes the client, which is connected to nobody yet.
    ///
    /// # Errors
    /// An inner layer does not go with the outer one.
    pub fn build(self) -> Result<Client<R>, BuildError> {
        let (config, states, node) = self.setup.finish()?;
        let inbox = Arc::new(Inbox::new());
        let deliver = {
            let inbox = inbox.clone();
            Unrouted::Deliver(Box::new(move |message, connection| {
                inbox.put(message, connection)
            }))
        };
        Ok(Client::new(
            Service::new(config, states, node, deliver),
            inbox,
        ))
    }
}
