//! Tasks of which the world knows whether they are busy.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::world::World;

/// A future that is polled from within the world.
pub(super) struct Task<F> {
    future: Option<Pin<Box<F>>>,
    token: Arc<Token>,
}

/// Wakes a task, and counts it as busy from then on.
struct Token {
    world: Arc<World>,
    state: Mutex<State>,
}

struct State {
    doing: Doing,
    /// The runtime's waker.
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It waits to be woken. In all other states but the last it is busy.
    Nothing,
    /// It waits to be polled.
    Scheduled,
    Polled,
    /// It is polled, and was woken meanwhile.
    PolledAndWoken,
    Done,
}

impl<F: Future<Output = ()>> Task<F> {
    /// A task that is about to be polled for the first time.
    pub(super) fn new(world: Arc<World>, future: F) -> Self {
        world.busy(true);
        let state = State {
            doing: Doing::Scheduled,
            waker: None,
        };
        Self {
            future: Some(Box::pin(future)),
            token: Arc::new(Token {
                world,
                state: Mutex::new(state),
            }),
        }
    }
}

impl Token {
    /// Goes from one state to the next, and returns the runtime's waker where the
    /// task is to be polled. Whoever becomes busy is counted before anybody else
    /// becomes idle, so that the world is never quiet too early.
    fn go(&self, next: impl FnOnce(Doing) -> Doing, waker: Option<&Waker>) -> Option<Waker> {
        let is_busy = |doing| !matches!(doing, Doing::Nothing | Doing::Done);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (was, is) = (state.doing, next(state.doing));
        state.doing = is;
        if let Some(waker) = waker {
            state.waker = Some(waker.clone());
        }
        let waker = state.waker.clone();
        if is_busy(was) != is_busy(is) {
            self.world.busy(is_busy(is));
        }
        waker.filter(|_| is != was)
    }
}

impl Wake for Token {
    fn wake(self: Arc<Self>) {
        let next = |doing| match doing {
            Doing::Nothing => Doing::Scheduled,
            Doing::Polled => Doing::PolledAndWoken,
            other => other,
        };
        let waker = self.go(next, None);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let token = self.token.clone();
        token.go(|_| Doing::Polled, Some(context.waker()));
        let waker = Waker::from(token.clone());
        let polled = token.world.enter(|| {
            let future = self.future.as_mut().expect("it is not done yet");
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                self.future = None;
            }
            polled
        });
        token.go(
            |doing| match (&polled, doing) {
                (Poll::Ready(()), _) => Doing::Done,
                (Poll::Pending, Doing::PolledAndWoken) => Doing::Scheduled,
                (Poll::Pending, _) => Doing::Nothing,
            },
            None,
        );
        polled
    }
}

/// A task that is never finished, or panics, is busy no more.
impl<F> Drop for Task<F> {
    fn drop(&mut self) {
        let token = self.token.clone();
        token.world.enter(|| self.future = None);
        token.go(|_| Doing::Done, None);
    }
}
