//! Handlers of timeouts of a UDP node.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use super::UdpNode;
use crate::publisher::Publisher;
use crate::runtime::Runtime;
use crate::timeouts::{Callback, TimedOut, callback};
use crate::udp_handle::UdpHandle;

pub(super) type OnTimeout<R> = Callback<UdpNode<R>, TimedOut<SocketAddr>>;

impl<R: Runtime> UdpNode<R> {
    /// Replaces what is called when a request times out; see
    /// [`UdpNodeBuilder::on_timeout`](crate::UdpNodeBuilder::on_timeout). It is
    /// called from within the runtime.
    pub fn on_timeout<F>(
        &self,
        handler: impl Fn(Self, TimedOut<SocketAddr>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.set_on_timeout(callback(handler));
    }

    pub(super) fn set_on_timeout(&self, handler: OnTimeout<R>) {
        self.shared.background.enable::<R>();
        let handle = Arc::downgrade(&self.handle.0);
        let shared = Arc::downgrade(&self.shared);
        self.shared.on_timeout.set(handler, move || {
            let (handle, shared) = (UdpHandle(handle.upgrade()?), shared.upgrade()?);
            let publisher = Publisher::of(&shared.service.context.states)?;
            Some(Self::without_guard(handle, shared, publisher))
        });
    }

    /// Cancels the handlers of timeouts that run, and waits until they have ended.
    /// Later timeouts are handled again.
    ///
    /// Cancel-safe: once called, they are cancelled whether or not they are
    /// waited for.
    pub async fn cancel_timeout_handlers(&self) {
        self.shared.background.cancel().await;
    }
}
