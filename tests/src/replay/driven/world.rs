//! The world that the drivers live in: its time, its wire, and who is busy.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use netaio_core::Now;
use netaio_driver::Clock;

use super::gate::Gate;
use crate::replay::log::Log;
use crate::replay::now_at;
use crate::replay::scenario::Way;
use crate::replay::wire::{Delivery, Wire};

/// A world of its own, so that several can be played at once. What runs in it
/// finds it by the thread that it is polled on.
pub(super) struct World {
    pub(super) log: Log,
    origin: Instant,
    state: Mutex<State>,
    /// Handlers that take their time, by their uris.
    pub(super) gates: Mutex<BTreeMap<Vec<u8>, Gate>>,
}

/// All that changes.
pub(super) struct State {
    pub(super) wire: Wire,
    pub(super) elapsed: Duration,
    /// Tasks that are being polled, or will be without anybody's doing.
    busy: usize,
    quiet: Option<Waker>,
    timers: BTreeMap<(Duration, u64), Waker>,
    timers_made: u64,
    /// What the next connection is called.
    pub(super) next_name: String,
    pub(super) listeners: BTreeMap<SocketAddr, Backlog>,
    inboxes: BTreeMap<(usize, Way), Inbox>,
    pub(super) sockets: BTreeMap<SocketAddr, Datagrams>,
}

/// Connections that nobody has accepted yet.
#[derive(Default)]
pub(super) struct Backlog {
    pub(super) streams: VecDeque<usize>,
    pub(super) waker: Option<Waker>,
}

/// What has arrived at one end of a connection.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) bytes: VecDeque<u8>,
    pub(super) end: bool,
    pub(super) reset: bool,
    pub(super) waker: Option<Waker>,
}

/// What has arrived at a node.
#[derive(Default)]
pub(super) struct Datagrams {
    pub(super) queue: VecDeque<(Vec<u8>, SocketAddr)>,
    pub(super) waker: Option<Waker>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
}

/// The world of whoever calls.
pub(super) fn current() -> Arc<World> {
    let world = CURRENT.with_borrow(Clone::clone);
    world.expect("nothing runs outside of the world")
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        let log = Log::default();
        let state = State {
            wire: Wire::new(log.clone()),
            elapsed: Duration::ZERO,
            busy: 0,
            quiet: None,
            timers: BTreeMap::new(),
            timers_made: 0,
            next_name: String::new(),
            listeners: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            sockets: BTreeMap::new(),
        };
        Arc::new(Self {
            log,
            origin: Instant::now(),
            state: Mutex::new(state),
            gates: Mutex::default(),
        })
    }

    /// Calls a function from within the world.
    pub(super) fn enter<T>(self: &Arc<Self>, function: impl FnOnce() -> T) -> T {
        struct Leave(Option<Arc<World>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _leave = Leave(CURRENT.replace(Some(self.clone())));
        function()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Now {
        now_at(self.state().elapsed)
    }

    /// How far into the run an instant lies.
    pub(super) fn since_start(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.origin)
    }

    /// One more, or one less, is busy.
    pub(super) fn busy(&self, more: bool) {
        let mut state = self.state();
        match more {
            true => state.busy += 1,
            false => state.busy -= 1,
        }
        if state.busy == 0 {
            state.quiet.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Is ready when nothing will happen any more unless the player does it.
    pub(super) async fn quiet(&self) {
        poll_fn(|context| {
            let mut state = self.state();
            if state.busy == 0 {
                return Poll::Ready(());
            }
            state.quiet = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Lets the next of what is on its way arrive, and says whether anything was.
    pub(super) fn deliver(&self) -> bool {
        let mut state = self.state();
        let Some(delivery) = state.wire.next_delivery() else {
            return false;
        };
        let waker = match delivery {
            Delivery::Bytes(stream, way, bytes) => {
                let inbox = state.inbox(stream, way);
                inbox.bytes.extend(bytes);
                inbox.waker.take()
            }
            Delivery::End(stream, way) => {
                let inbox = state.inbox(stream, way);
                inbox.end = true;
                inbox.waker.take()
            }
            Delivery::Datagram { from, to, bytes } => {
                let socket = state.sockets.get_mut(&to).expect("it is bound");
                socket.queue.push_back((bytes, from));
                socket.waker.take()
            }
        };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        true
    }

    /// Connects to a server, and returns the number of the connection.
    pub(super) fn connect(&self, to: SocketAddr, name: &str, intruder: bool) -> usize {
        let mut state = self.state();
        let stream = state.wire.open(name, intruder);
        let backlog = state.listeners.get_mut(&to).expect("the server listens");
        backlog.streams.push_back(stream);
        let waker = backlog.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        stream
    }

    /// Resets a connection.
    pub(super) fn reset(&self, name: &str) {
        let mut state = self.state();
        let stream = state.wire.reset(name);
        let wakers = [Way::Up, Way::Down].map(|way| {
            let inbox = state.inbox(stream, way);
            inbox.reset = true;
            inbox.waker.take()
        });
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// When the next timer rings.
    pub(super) fn next_timer(&self) -> Option<Duration> {
        let state = self.state();
        let ((at, _), _) = state.timers.first_key_value()?;
        Some(*at)
    }

    /// Sets the time, and lets the timers ring that are due.
    pub(super) fn set_time(&self, elapsed: Duration) {
        let mut state = self.state();
        state.elapsed = elapsed;
        let later = state.timers.split_off(&(elapsed, u64::MAX));
        let due = std::mem::replace(&mut state.timers, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn inbox(&mut self, stream: usize, way: Way) -> &mut Inbox {
        self.inboxes.entry((stream, way)).or_default()
    }

    /// Sets a timer, and returns its number.
    pub(super) fn set_timer(&mut self, at: Duration, waker: Waker) -> u64 {
        self.timers_made += 1;
        self.timers.insert((at, self.timers_made), waker);
        self.timers_made
    }

    /// Takes a timer back. Its waker is for the caller to drop, unlocked.
    pub(super) fn forget_timer(&mut self, at: Duration, number: u64) -> Option<Waker> {
        self.timers.remove(&(at, number))
    }
}

/// The clock of a world. It stands still until the scenario moves it.
pub(super) struct WorldClock(pub(super) Arc<World>);

impl Clock for WorldClock {
    fn now(&self) -> Now {
        self.0.now()
    }

    fn instant(&self, monotonic: Duration) -> Instant {
        self.0.origin + monotonic
    }
}
