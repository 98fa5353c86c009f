//! Whose turn it is: fairness among links.

use alloc::vec::Vec;

use super::{Hub, Step, Writer};
use crate::hub::output::{HubEvent, Output};
use crate::link::LinkEvent;
use crate::node::Freed;
use crate::place::LinkId;

impl<H: Clone> Hub<H> {
    pub(super) fn step(&mut self) -> Step<H> {
        if !self.node_asked {
            self.node_asked = true;
            self.ask_node();
        }
        if let Some(event) = self.node.poll_event() {
            return Step::Output(Output::Event(HubEvent::Peer(event)));
        }
        loop {
            if self.current.is_none() {
                self.wake_links();
                self.current = self.ready.pop_front();
            }
            let Some(id) = self.current else {
                self.node_asked = false;
                self.round = self.round.wrapping_add(1);
                core::mem::swap(&mut self.ready, &mut self.next_round);
                return Step::Nothing;
            };
            match self.step_link(id) {
                Step::Nothing => {
                    self.current = None;
                    self.end_turn(id);
                }
                step => return step,
            }
            if let Some(event) = self.node.poll_event() {
                return Step::Output(Output::Event(HubEvent::Peer(event)));
            }
        }
    }

    /// Does what is due for the node and for links by now.
    fn ask_node(&mut self) {
        let now = self.now;
        self.node.handle_timeout(now);
        let advertisements = core::iter::from_fn(|| self.node.poll_advertisement());
        let advertisements: Vec<_> = advertisements.collect();
        self.say(now, advertisements);
        while let Some(&(at, id)) = self.deadlines.first()
            && at <= now.monotonic
        {
            self.deadlines.pop_first();
            if let Some(entry) = self.links.get_mut(&id) {
                entry.deadline = None;
            }
            self.make_ready(id);
        }
    }

    /// Lets links look again that are to close, waited for what others held, or have lost
    /// a call.
    fn wake_links(&mut self) {
        while let Some(id) = self.node.poll_link() {
            self.make_ready(id);
        }
        if self.node.take_dropped_calls() {
            let links = self.links.iter();
            let dropped = links.filter(|(_, entry)| entry.link.wants_poll());
            let dropped: Vec<_> = dropped.map(|(id, _)| *id).collect();
            dropped.into_iter().for_each(|id| self.make_ready(id));
        }
        let freed = self.node.take_what_was_freed();
        self.freed.room |= freed.room;
        self.freed.handlers = (self.freed.handlers || freed.handlers) && self.node.may_call();
        if self.freed.room || self.freed.handlers {
            self.wake_waiting();
        }
    }

    /// Lets the link go on that has waited longest for what is there now. It goes before
    /// those that have not waited, and alone: it may take all that was freed.
    fn wake_waiting(&mut self) {
        let links = &self.links;
        let goes_on = |id: &LinkId| {
            let entry = links.get(id);
            // One that waits for a handler's place and for room takes either.
            entry.is_some_and(|entry| !entry.link.waits_for_budget() || entry.link.wants_poll())
        };
        let Some(index) = self.waiting.iter().position(goes_on) else {
            self.freed = Freed::default();
            return;
        };
        if let Some(id) = self.waiting.remove(index)
            && let Some(entry) = self.links.get_mut(&id)
        {
            entry.waits = false;
            if !entry.queued {
                entry.queued = true;
                self.ready.push_front(id);
            }
        }
    }

    /// What a link wants done.
    fn step_link(&mut self, id: LinkId) -> Step<H> {
        let Some(entry) = self.links.get_mut(&id) else {
            return Step::Nothing;
        };
        let had_turn = entry.wrote_in == Some(self.round);
        // One that ends handles nothing.
        let ends = entry.link.close_reason().is_some();
        let may_poll = !had_turn || ends || !entry.link.wants_poll();
        if may_poll && let Some(event) = entry.link.poll(self.now, &mut self.node) {
            if let LinkEvent::Closed(reason) = event {
                self.end(id);
                return Step::Output(Output::Close { link: id, reason });
            }
            return Step::Output(output(id, event));
        }
        if entry.ended || entry.writer != Writer::Free {
            return Step::Nothing;
        }
        if entry.written >= entry.writing.len() {
            entry.written = 0;
            if !entry.link.poll_outbound(&mut entry.writing) {
                return Step::Nothing;
            }
        }
        entry.writer = Writer::Busy;
        entry.wrote_in = Some(self.round);
        Step::Write(id)
    }

    /// Notes when a link is to be polled again.
    fn end_turn(&mut self, id: LinkId) {
        let Some(entry) = self.links.get_mut(&id) else {
            return;
        };
        entry.queued = false;
        if entry.ended && entry.link.calls_in_flight() == 0 {
            self.remove(id);
            return;
        }
        let more = entry.link.wants_poll();
        let waits = entry.link.waits_for_budget();
        let deadline = entry.link.deadline().map(|deadline| deadline.at);
        let deadline = deadline.filter(|_| !more);
        if entry.deadline != deadline {
            if let Some(at) = entry.deadline.take() {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = deadline {
                self.deadlines.insert((at, id));
            }
            entry.deadline = deadline;
        }
        if more {
            entry.queued = true;
            self.next_round.push_back(id);
        } else if waits && !entry.waits {
            entry.waits = true;
            self.waiting.push_back(id);
        }
    }

    pub(super) fn make_ready(&mut self, id: LinkId) {
        if let Some(entry) = self.links.get_mut(&id)
            && !entry.queued
        {
            entry.queued = true;
            self.ready.push_back(id);
        }
    }

    /// A link is closed. While handlers run for it, it stays, though nobody is shown it.
    fn end(&mut self, id: LinkId) {
        let Some(entry) = self.links.get_mut(&id) else {
            return;
        };
        entry.ended = true;
        (entry.writing, entry.written) = (Vec::new(), 0);
        self.ended = self.ended.saturating_add(1);
        if entry.link.calls_in_flight() == 0 {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: LinkId) {
        let Some(mut entry) = self.links.remove(&id) else {
            return;
        };
        entry.link.let_go(&mut self.node);
        if entry.ended {
            self.ended = self.ended.saturating_sub(1);
        }
        if let Some(at) = entry.deadline {
            self.deadlines.remove(&(at, id));
        }
        // Left among those that wait, it would be woken in the place of one that is there.
        if entry.waits {
            self.waiting.retain(|other| *other != id);
        }
    }
}

/// What a link's event is of its hub.
fn output<H>(link: LinkId, event: LinkEvent<H>) -> Output<'static, H> {
    match event {
        LinkEvent::Call {
            call,
            handler,
            message,
        } => Output::Call {
            call,
            handler,
            message,
        },
        LinkEvent::Message(message) => Output::Message { link, message },
        LinkEvent::Answered { request, answer } => Output::Answered {
            link,
            request,
            answer,
        },
        LinkEvent::Failed { request, error } => Output::Failed {
            link,
            request,
            error,
        },
        LinkEvent::Cancelled { call, reason } => Output::Cancelled { link, call, reason },
        LinkEvent::HalfClosed(reason) => Output::Event(HubEvent::HalfClosed { link, reason }),
        LinkEvent::Refused(refusal) => Output::Event(HubEvent::Refused { link, refusal }),
        LinkEvent::Dropped(dropped) => Output::Event(HubEvent::Dropped { link, dropped }),
        LinkEvent::Unrouted { message_type, uri } => Output::Event(HubEvent::Unrouted {
            link,
            message_type,
            uri,
        }),
        LinkEvent::Unanswered { request, uri } => {
            Output::Event(HubEvent::Unanswered { link, request, uri })
        }
        LinkEvent::Unwritten { bytes } => Output::Event(HubEvent::Unwritten { link, bytes }),
        LinkEvent::Shutdown => Output::Shutdown { link },
        LinkEvent::Closed(reason) => Output::Close { link, reason },
    }
}
