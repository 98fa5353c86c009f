//! Waiting for errors of a socket, of which tokio tells readers nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{Interest, Ready};
use tokio::net::UdpSocket;

/// Waits for the next one.
type Waiting = Pin<Box<dyn Future<Output = io::Result<Ready>> + Send>>;

/// The errors of a socket.
pub(crate) struct SocketErrors {
    socket: Arc<UdpSocket>,
    /// Made once an error: it waits on between polls.
    waiting: Mutex<Waiting>,
}

impl SocketErrors {
    pub(crate) fn of(socket: Arc<UdpSocket>) -> Self {
        Self {
            waiting: Mutex::new(wait(socket.clone())),
            socket,
        }
    }

    /// The next error. The task that polled last is woken when there is one.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<io::Error> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ready = ready!(waiting.as_mut().poll(context));
        *waiting = wait(self.socket.clone());
        if let Err(error) = is_ready {
            return Poll::Ready(error);
        }
        // It is looked for from now on, so that none is missed that comes meanwhile.
        let forget = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = self.socket.try_io(Interest::ERROR, forget);
        // A send may have reported it already.
        let of_earlier = || io::ErrorKind::ConnectionRefused.into();
        Poll::Ready(match self.socket.take_error() {
            Ok(error) => error.unwrap_or_else(of_earlier),
            Err(error) => error,
        })
    }
}

fn wait(socket: Arc<UdpSocket>) -> Waiting {
    Box::pin(async move { socket.ready(Interest::ERROR).await })
}

impl fmt::Debug for SocketErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketErrors").finish_non_exhaustive()
    }
}
