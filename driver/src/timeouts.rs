//! Requests that are not answered in time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::MessageType;

use crate::futures::BoxFuture;

/// A request that was not answered in time, as handlers of timeouts are told of
/// it: see [`ClientBuilder::on_timeout`](crate::ClientBuilder::on_timeout) and
/// [`UdpNodeBuilder::on_timeout`](crate::UdpNodeBuilder::on_timeout).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TimedOut<T> {
    /// Whom it was sent to: the [`Connection`](crate::Connection) of a client,
    /// which knows its name and its address, and whether it is closed by now; the
    /// address, for a [`UdpNode`](crate::UdpNode).
    pub to: T,
    /// Its uri.
    pub uri: Bytes,
    /// Its type.
    pub message_type: MessageType,
    /// How long it waited: the time that it was given.
    pub timeout: Duration,
}

/// Whoever wants to know of requests that time out.
pub(crate) trait Observer<T>: Send + Sync {
    fn timed_out(self: Arc<Self>, request: TimedOut<T>);
}

/// A function that is called by a node `N` about an event `E`, as a task.
pub(crate) type Callback<N, E> = Arc<dyn Fn(N, E) -> BoxFuture<()> + Send + Sync>;

pub(crate) fn callback<N, E, F>(
    function: impl Fn(N, E) -> F + Send + Sync + 'static,
) -> Callback<N, E>
where
    F: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |node, event| Box::pin(function(node, event)))
}
