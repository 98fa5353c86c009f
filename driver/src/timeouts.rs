//! Requests that time out, and callbacks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::MessageType;

use crate::futures::BoxFuture;

/// A request that timed out, as the handlers of timeouts get it: see [`ClientBuilder::on_timeout`](crate::ClientBuilder::on_timeout) and
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

/// What handles requests that time out.
pub(crate) trait TimeoutObserver<T>: Send + Sync {
    fn timed_out(self: Arc<Self>, request: TimedOut<T>);
}

/// A function that a node `N` calls with an event `E`, as a task.
pub(crate) type Callback<N, E> = Arc<dyn Fn(N, E) -> BoxFuture<()> + Send + Sync>;

pub(crate) fn callback<N, E, F>(
    function: impl Fn(N, E) -> F + Send + Sync + 'static,
) -> Callback<N, E>
where
    F: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |node, event| Box::pin(function(node, event)))
}
