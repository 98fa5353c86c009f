//! What a UDP node does about requests that time out.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::UdpNode;
use super::handle::{Handle, Shared};
use crate::errands::Errands;
use crate::logging::limited;
use crate::runtime::Runtime;
use crate::timeouts::{Callback, Observer, TimedOut, callback};

/// Whom a node tells of requests that time out.
pub(super) struct Timeouts<R: Runtime> {
    handler: Mutex<Option<OnTimeout<R>>>,
    /// One at a time for each address.
    errands: Arc<Errands<SocketAddr>>,
    /// The node, which holds this.
    node: OnceLock<Weak<Shared>>,
}

pub(super) type OnTimeout<R> = Callback<UdpNode<R>, TimedOut<SocketAddr>>;

impl<R: Runtime> Timeouts<R> {
    /// At most `max` handlers run at once.
    pub(super) fn new(handler: Option<OnTimeout<R>>, max: usize) -> Arc<Self> {
        let errands = Errands::new(max);
        if handler.is_some() {
            errands.prepare::<R>();
        }
        Arc::new(Self {
            handler: Mutex::new(handler),
            errands,
            node: OnceLock::new(),
        })
    }

    pub(super) fn set_node(&self, node: &Handle) {
        let _ = self.node.set(Arc::downgrade(&node.0));
    }

    /// Cancels the handlers that run; there will be no more.
    pub(super) fn end(&self) {
        self.errands.end();
    }

    fn set(&self, handler: OnTimeout<R>) -> Option<OnTimeout<R>> {
        let place = self.handler.lock();
        place
            .unwrap_or_else(PoisonError::into_inner)
            .replace(handler)
    }
}

impl<R: Runtime> Observer<SocketAddr> for Timeouts<R> {
    fn timed_out(self: Arc<Self>, request: TimedOut<SocketAddr>) {
        let handler = {
            let handler = self.handler.lock();
            handler.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let node = self.node.get().and_then(Weak::upgrade);
        let (Some(handler), Some(node)) = (handler, node) else {
            return;
        };
        let (errands, subject) = (self.errands.clone(), request.to);
        let logs = node.service.logs.clone();
        let node = UdpNode::lend(Handle(node), self);
        let errand = || async move { handler(node, request).await };
        if let Err(reason) = errands.start(subject, errand, || ()) {
            limited!(
                logs,
                DEBUG,
                "the handler of timeouts is not called",
                ?reason
            );
        }
    }
}

impl<R: Runtime> UdpNode<R> {
    /// Sets what is called when a request times out, in place of the last; see
    /// [`UdpNodeBuilder::on_timeout`](crate::UdpNodeBuilder::on_timeout). It is
    /// called from within the runtime.
    pub fn on_timeout<F>(
        &self,
        handler: impl Fn(Self, TimedOut<SocketAddr>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.timeouts.errands.prepare::<R>();
        let replaced = self.timeouts.set(callback(handler));
        // What it holds may call back: not under the lock.
        drop(replaced);
    }

    /// Cancels the handlers of timeouts that run, and waits until they are gone.
    /// Later timeouts are handled again.
    ///
    /// Cancel-safe: once called, they are cancelled whether or not they are
    /// waited for.
    pub async fn cancel_timeout_handlers(&self) {
        self.timeouts.errands.cancel().await;
    }
}
