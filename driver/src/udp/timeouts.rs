//! What a UDP node does about requests that time out.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use super::{Shared, UdpNode};
use crate::background::BackgroundTasks;
use crate::logging::limited;
use crate::publisher::Publisher;
use crate::runtime::Runtime;
use crate::timeouts::{Callback, TimedOut, TimeoutObserver, callback};
use crate::udp_handle::{self, UdpHandle};

/// Whom a node tells of requests that time out.
pub(super) struct Timeouts<R: Runtime> {
    handler: Mutex<Option<OnTimeout<R>>>,
    /// One at a time for each address.
    background: Arc<BackgroundTasks<SocketAddr>>,
    /// The node's handle, which holds this.
    handle: OnceLock<Weak<udp_handle::Shared>>,
    shared: Arc<Shared>,
}

pub(super) type OnTimeout<R> = Callback<UdpNode<R>, TimedOut<SocketAddr>>;

impl<R: Runtime> Timeouts<R> {
    /// At most [`Limits::handlers`](netaio_core::Limits::handlers) run at once.
    pub(super) fn new(handler: Option<OnTimeout<R>>, shared: Arc<Shared>) -> Arc<Self> {
        let background = BackgroundTasks::new(shared.service.context.limits().handlers());
        if handler.is_some() {
            background.enable::<R>();
        }
        Arc::new(Self {
            handler: Mutex::new(handler),
            background,
            handle: OnceLock::new(),
            shared,
        })
    }

    pub(super) fn set_handle(&self, handle: &UdpHandle) {
        let _ = self.handle.set(Arc::downgrade(&handle.0));
    }

    /// Cancels the handlers that run; there will be no more.
    pub(super) fn end(&self) {
        self.background.shut_down();
    }

    fn set(&self, handler: OnTimeout<R>) -> Option<OnTimeout<R>> {
        let place = self.handler.lock();
        place
            .unwrap_or_else(PoisonError::into_inner)
            .replace(handler)
    }
}

impl<R: Runtime> TimeoutObserver<SocketAddr> for Timeouts<R> {
    fn timed_out(self: Arc<Self>, request: TimedOut<SocketAddr>) {
        let handler = {
            let handler = self.handler.lock();
            handler.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let handle = self.handle.get().and_then(Weak::upgrade);
        let (Some(handler), Some(handle)) = (handler, handle) else {
            return;
        };
        let (background, subject) = (self.background.clone(), request.to);
        let shared = self.shared.clone();
        let logs = shared.service.context.logs.clone();
        let Some(publisher) = Publisher::of(&shared.service.context.states) else {
            return;
        };
        let node = UdpNode::without_guard(UdpHandle(handle), shared, publisher, self);
        let make = || async move { handler(node, request).await };
        if let Err(reason) = background.start(subject, make, || ()) {
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
        self.timeouts.background.enable::<R>();
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
        self.timeouts.background.cancel().await;
    }
}
