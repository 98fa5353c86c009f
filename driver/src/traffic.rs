//! What goes in and out, counted by the tasks without waiting for one another.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slab::Slab;

use crate::sync::{Mutex, lock};

/// The flows of one server, client or node.
#[derive(Default)]
pub(crate) struct Traffic(Mutex<Flows>);

#[derive(Default)]
struct Flows {
    open: Slab<Arc<Flow>>,
    /// What those have carried that have ended.
    ended: Carried,
}

/// What flows carry.
#[derive(Clone, Copy, Default)]
pub(crate) struct Carried {
    pub(crate) received_messages: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_messages: u64,
    pub(crate) sent_bytes: u64,
    /// Requests that wait for an answer at the moment.
    pub(crate) pending_requests: u64,
    /// Handlers that run at the moment.
    pub(crate) running_handlers: u64,
}

/// What one task carries.
pub(crate) struct Flow {
    pub(crate) received_messages: Cell,
    pub(crate) received_bytes: Cell,
    pub(crate) sent_messages: Cell,
    /// Those of them that were sealed for many.
    pub(crate) forwarded_messages: Cell,
    pub(crate) sent_bytes: Cell,
    pub(crate) pending_requests: Cell,
    pub(crate) running_handlers: Cell,
    /// Where it is open, under this key.
    traffic: Arc<Traffic>,
    key: usize,
}

/// A number that one task writes, and others read: no more than a plain one costs.
#[derive(Default)]
pub(crate) struct Cell(AtomicU64);

impl Cell {
    pub(crate) fn add(&self, more: usize) {
        self.add_all(more as u64);
    }

    pub(crate) fn add_all(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Carried {
    fn add(&mut self, flow: &Flow) {
        for (sum, cell) in [
            (&mut self.received_messages, &flow.received_messages),
            (&mut self.received_bytes, &flow.received_bytes),
            (&mut self.sent_messages, &flow.sent_messages),
            (&mut self.sent_bytes, &flow.sent_bytes),
            (&mut self.pending_requests, &flow.pending_requests),
            (&mut self.running_handlers, &flow.running_handlers),
        ] {
            *sum = sum.wrapping_add(cell.get());
        }
    }
}

impl Traffic {
    /// A flow, until it is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> OpenFlow {
        let mut flows = lock(&self.0);
        let entry = flows.open.vacant_entry();
        let flow = Arc::new(Flow {
            received_messages: Cell::default(),
            received_bytes: Cell::default(),
            sent_messages: Cell::default(),
            forwarded_messages: Cell::default(),
            sent_bytes: Cell::default(),
            pending_requests: Cell::default(),
            running_handlers: Cell::default(),
            traffic: self.clone(),
            key: entry.key(),
        });
        entry.insert(flow.clone());
        OpenFlow(flow)
    }

    /// What all flows have carried, and what is pending.
    pub(crate) fn carried(&self) -> Carried {
        let flows = lock(&self.0);
        let mut carried = flows.ended;
        flows.open.iter().for_each(|(_, flow)| carried.add(flow));
        carried
    }
}

/// A flow that counts as open.
pub(crate) struct OpenFlow(Arc<Flow>);

impl Deref for OpenFlow {
    type Target = Flow;

    fn deref(&self) -> &Flow {
        &self.0
    }
}

impl Drop for OpenFlow {
    fn drop(&mut self) {
        self.pending_requests.set(0);
        self.running_handlers.set(0);
        let mut flows = lock(&self.traffic.0);
        flows.ended.add(self);
        flows.open.remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_flow_carried_stays_when_it_ends() {
        let traffic = Arc::<Traffic>::default();
        let (one, other) = (traffic.open(), traffic.open());
        one.received_bytes.add(3);
        other.received_bytes.add(4);
        one.pending_requests.set(2);
        let carried = traffic.carried();
        assert_eq!((carried.received_bytes, carried.pending_requests), (7, 2));
        drop(one);
        other.received_bytes.add(1);
        let carried = traffic.carried();
        assert_eq!((carried.received_bytes, carried.pending_requests), (8, 0));
    }
}
