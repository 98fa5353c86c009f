//! A runtime that numbers the turns of its tasks, so that a test can say what is
//! done in one.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use netaio_driver::{DatagramOptions, Runtime};

/// Another runtime, but for its spawning.
pub(super) struct Watched<R>(PhantomData<fn() -> R>);

thread_local! {
    static TURN: Cell<u64> = const { Cell::new(0) };
}

/// The number of the turn in which the caller runs, or of the last one on its
/// thread.
pub(super) fn turn() -> u64 {
    TURN.get()
}

/// Each time that it is polled is a turn.
async fn numbered(future: impl Future<Output = ()>) {
    static TURNS: AtomicU64 = AtomicU64::new(1);
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        TURN.set(TURNS.fetch_add(1, Ordering::Relaxed));
        future.as_mut().poll(context)
    })
    .await;
}

impl<R: Runtime> Runtime for Watched<R> {
    super::wrapped::as_wrapped!();

    type Datagrams = R::Datagrams;

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        R::spawn(numbered(future));
    }

    async fn bind_datagrams(options: &DatagramOptions) -> io::Result<Self::Datagrams> {
        R::bind_datagrams(options).await
    }
}
