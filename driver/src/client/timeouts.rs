//! Handlers of timeouts of a client.

use std::future::Future;
use std::sync::Arc;

use super::Client;
use crate::connection::Connection;
use crate::runtime::Runtime;
use crate::timeouts::{Callback, TimedOut, callback};

pub(super) type OnTimeout<R> = Callback<Client<R>, TimedOut<Connection>>;

impl<R: Runtime> Client<R> {
    /// Replaces what is called when a request times out; see
    /// [`ClientBuilder::on_timeout`](crate::ClientBuilder::on_timeout). It is
    /// called from within the runtime.
    pub fn on_timeout<F>(
        &self,
        handler: impl Fn(Self, TimedOut<Connection>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.shared.background.enable::<R>();
        self.set_on_timeout(callback(handler));
    }

    pub(super) fn set_on_timeout(&self, handler: OnTimeout<R>) {
        let (shared, dialer) = (Arc::downgrade(&self.shared), self.dialer.clone());
        let handle = move || Some(Self::without_guard(shared.upgrade()?, dialer.clone()));
        self.shared.on_timeout.set(handler, handle);
    }

    /// Cancels the handlers of timeouts that run and the reconnecting that is in
    /// progress, and waits until they have ended. Later timeouts are handled again.
    ///
    /// Cancel-safe: once called, they are cancelled whether or not they are
    /// waited for.
    pub async fn cancel_timeout_handlers(&self) {
        self.shared.background.cancel().await;
    }
}
