//! What a client does about requests that time out.

use std::future::Future;
use std::sync::{Arc, PoisonError};

use super::{Client, OnTimeout, Shared, Subject};
use crate::connection::Connection;
use crate::logging::limited;
use crate::runtime::Runtime;
use crate::timeouts::{TimedOut, TimeoutObserver, callback};

impl<R: Runtime> Client<R> {
    /// Sets what is called when a request times out, in place of the last; see
    /// [`ClientBuilder::on_timeout`](crate::ClientBuilder::on_timeout). It is
    /// called from within the runtime.
    pub fn on_timeout<F>(
        &self,
        handler: impl Fn(Self, TimedOut<Connection>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.shared.background.enable::<R>();
        let replaced = self.shared.set_on_timeout(callback(handler));
        // What it holds may call back: not under the lock.
        drop(replaced);
    }

    /// Cancels the handlers of timeouts that run, and reconnecting that is under
    /// way, and waits until they are gone. Later timeouts are handled again.
    ///
    /// Cancel-safe: once called, they are cancelled whether or not they are
    /// waited for.
    pub async fn cancel_timeout_handlers(&self) {
        self.shared.background.cancel().await;
    }
}

impl<R: Runtime> Shared<R> {
    /// Whether background tasks may have to be started.
    pub(super) fn wants_background(&self) -> bool {
        self.reconnect.is_some() || self.on_timeout().is_some()
    }

    fn on_timeout(&self) -> Option<OnTimeout<R>> {
        let handler = self.on_timeout.lock();
        handler.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_on_timeout(&self, new: OnTimeout<R>) -> Option<OnTimeout<R>> {
        let handler = self.on_timeout.lock();
        handler.unwrap_or_else(PoisonError::into_inner).replace(new)
    }
}

impl<R: Runtime> TimeoutObserver<Connection> for Shared<R> {
    fn timed_out(self: Arc<Self>, request: TimedOut<Connection>) {
        let Some(server) = request.to.server_id() else {
            return;
        };
        let connection = request.to.clone();
        if let Some(handler) = self.on_timeout() {
            let client = Client::without_guard(self.clone());
            let make = || async move { handler(client, request).await };
            let started = self.background.start(Subject::Timeout(server), make, || ());
            if let Err(reason) = started {
                let logs = &self.service.context.logs;
                limited!(
                    logs,
                    DEBUG,
                    "the handler of timeouts is not called",
                    ?reason
                );
            }
        }
        self.reconnect_after_timeout(&connection);
    }
}
