//! Requests that time out, and the handlers of that.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::MessageType;

use crate::background::BackgroundTasks;
use crate::futures::BoxFuture;
use crate::logging::{Logs, limited};
use crate::sync::{Mutex, lock};

/// A request that timed out, for the handlers of timeouts: see
/// [`ClientBuilder::on_timeout`](crate::ClientBuilder::on_timeout) and
/// [`UdpNodeBuilder::on_timeout`](crate::UdpNodeBuilder::on_timeout).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TimedOut<T> {
    /// Its receiver: the [`Connection`](crate::Connection) of a client, which may be
    /// closed by now; the address, for a [`UdpNode`](crate::UdpNode).
    pub to: T,
    /// Its uri.
    pub uri: Bytes,
    /// Its type.
    pub message_type: MessageType,
    /// Its timeout.
    pub timeout: Duration,
}

/// Is notified of requests that time out.
pub(crate) trait TimeoutObserver<T>: Any + Send + Sync {
    fn timed_out(self: Arc<Self>, request: TimedOut<T>);
}

/// A function that is called with a handle `N` and an event `E`, as a task.
pub(crate) type Callback<N, E> = Arc<dyn Fn(N, E) -> BoxFuture<()> + Send + Sync>;

pub(crate) fn callback<N, E, F>(
    function: impl Fn(N, E) -> F + Send + Sync + 'static,
) -> Callback<N, E>
where
    F: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |handle, event| Box::pin(function(handle, event)))
}

/// The task that handles a timeout; `None` if the client or the node was dropped.
type MakeTask<T> = Arc<dyn Fn(TimedOut<T>) -> Option<BoxFuture<()>> + Send + Sync>;

/// The handler of timeouts of a client or a node, if one is set.
pub(crate) struct TimeoutHandler<T>(Mutex<Option<MakeTask<T>>>);

impl<T> Default for TimeoutHandler<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> TimeoutHandler<T> {
    /// Sets or replaces the handler. It is called with the handle that `handle` makes;
    /// if it makes none, there is nothing to handle.
    pub(crate) fn set<N: Send + 'static>(
        &self,
        handler: Callback<N, TimedOut<T>>,
        handle: impl Fn() -> Option<N> + Send + Sync + 'static,
    ) where
        T: Send + 'static,
    {
        let make: MakeTask<T> = Arc::new(move |request| {
            let (handler, handle) = (handler.clone(), handle()?);
            // The handler is called by the task, and not at all if there is none.
            Some(Box::pin(async move { handler(handle, request).await }))
        });
        let replaced = lock(&self.0).replace(make);
        // Not under the lock: dropping what it captured may call this client or node.
        drop(replaced);
    }

    pub(crate) fn is_set(&self) -> bool {
        lock(&self.0).is_some()
    }

    /// Starts the handler as the task of a subject, unless that has one.
    pub(crate) fn start<K: Ord + Copy + Send + 'static>(
        &self,
        tasks: &Arc<BackgroundTasks<K>>,
        subject: K,
        request: TimedOut<T>,
        logs: &Logs,
    ) {
        let make = lock(&self.0).clone();
        let Some(task) = make.and_then(|make| make(request)) else {
            return;
        };
        if let Err(reason) = tasks.start(subject, || task, || ()) {
            limited!(
                logs,
                DEBUG,
                "the handler of timeouts is not called",
                ?reason
            );
        }
    }
}
