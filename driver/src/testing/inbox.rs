//! What is on its way to a socket of a network in memory, or waits there.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use event_listener::Event;

use crate::runtime::Received;
use crate::sync::{Mutex, lock};

/// Bytes of memory that datagrams to one socket may keep; more are lost.
const CAPACITY: usize = 4 * 1024 * 1024;

/// What a datagram keeps besides its bytes.
const OVERHEAD: usize = size_of::<Arrival>() + size_of::<Bytes>();

/// When it arrives, its number, its sender, and its bytes.
type Arrival = (Duration, u64, SocketAddr, Bytes);

/// The datagrams to one socket.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    pub(super) changed: Event,
}

#[derive(Default)]
struct State {
    arrivals: BinaryHeap<Reverse<Arrival>>,
    held: usize,
    made: u64,
}

/// What a socket finds.
pub(super) enum Found {
    Datagram(Received),
    /// One that arrives then.
    Later(Duration),
    Nothing,
}

impl Inbox {
    /// Puts a datagram on its way, and returns whether there is room for it.
    pub(super) fn put(&self, at: Duration, from: SocketAddr, bytes: Bytes) -> bool {
        let mut state = lock(&self.state);
        let held = bytes.len().saturating_add(OVERHEAD);
        let held = state.held.saturating_add(held);
        if held > CAPACITY {
            return false;
        }
        state.held = held;
        state.made = state.made.wrapping_add(1);
        let number = state.made;
        state.arrivals.push(Reverse((at, number, from, bytes)));
        drop(state);
        self.changed.notify(usize::MAX);
        true
    }

    pub(super) fn find(&self, now: Duration, buffer: &mut BytesMut) -> Found {
        let mut state = lock(&self.state);
        match state.arrivals.peek() {
            None => return Found::Nothing,
            Some(Reverse((at, ..))) if *at > now => return Found::Later(*at),
            Some(_) => {}
        }
        let Some(Reverse((_, _, from, bytes))) = state.arrivals.pop() else {
            return Found::Nothing;
        };
        let held = bytes.len().saturating_add(OVERHEAD);
        state.held = state.held.saturating_sub(held);
        buffer.extend_from_slice(&bytes);
        Found::Datagram(Received::new(bytes.len(), from))
    }
}
