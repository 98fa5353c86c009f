//! The few combinators that the tasks need.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// A future on the heap.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Whichever is ready first; the first one, where both are.
pub(crate) async fn race<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> T {
    race_from(false, first, second).await
}

/// Whichever is ready first. Where both are, `second_goes_first` decides.
pub(crate) async fn race_from<T>(
    second_goes_first: bool,
    first: impl Future<Output = T>,
    second: impl Future<Output = T>,
) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if second_goes_first && let Poll::Ready(value) = second.as_mut().poll(context) {
            return Poll::Ready(value);
        }
        match first.as_mut().poll(context) {
            Poll::Pending if !second_goes_first => second.as_mut().poll(context),
            polled => polled,
        }
    })
    .await
}

/// Lets every other task that is ready go first.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The value, where it is ready at once.
pub(crate) async fn now_or_later<T>(future: &mut BoxFuture<T>) -> Option<T> {
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        })
    })
    .await
}
