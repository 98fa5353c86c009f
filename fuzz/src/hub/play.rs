//! One play of a script.

use std::time::Duration;

use bytes::Buf;
use netaio_core::{Now, TooManyLinks, Unrouted};

use super::config::GRACE;
use super::end::End;
use super::pipe::{Pipe, Way};
use crate::input::Input;
use crate::traffic::Handler;

/// The server and the clients.
const HUBS: usize = 3;
/// Connections of one script.
const PIPES: usize = 4;
/// Messages of tens of kilobytes in one script.
const LARGE: usize = 8;

pub(super) struct Play<'a> {
    pub(super) script: Input<'a>,
    pub(super) now: Now,
    pub(super) ends: [End; HUBS],
    pub(super) pipes: Vec<Pipe>,
    capacity: usize,
    pub(super) serial: u32,
    pub(super) large: usize,
}

impl<'a> Play<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        let mut script = Input::new(data);
        let (mode, limits) = (script.byte(), script.byte());
        let capacity = [65_536, 30, 1000, 8192][usize::from(mode >> 6)];
        Self {
            ends: std::array::from_fn(|id| End::new(id, mode, limits)),
            script,
            now: Now::new(Duration::from_secs(1000), 1_700_000_000),
            pipes: Vec::new(),
            capacity,
            serial: 0,
            large: LARGE,
        }
    }

    /// A client connects, and the server accepts or does not.
    pub(super) fn connect(&mut self, client: usize) {
        if self.pipes.len() == PIPES {
            return;
        }
        let way = || Way {
            capacity: self.capacity,
            ..Way::default()
        };
        let mut ways = [way(), way()];
        let limits = self.ends[client].hub.node().config().limits().clone();
        if self.ends[client].hub.len() >= limits.connections() {
            return;
        }
        let link = self.ends[client].hub.connect(self.now, None);
        let max = self.ends[0].hub.node().config().limits().connections();
        let ends = match self.ends[0].hub.accept(self.now, None) {
            Ok(accepted) => {
                if self.ends[0].hub.len() > max {
                    // One that was silent closes, whatever was on its way to it.
                    self.disturb();
                }
                [(client, link), (0, accepted)]
            }
            Err(error) => {
                assert_eq!(error, TooManyLinks::InAll { max });
                assert!(max <= self.ends[0].hub.len());
                ways.iter_mut().for_each(|way| way.ended = true);
                [(client, link); 2]
            }
        };
        self.pipes.push(Pipe { ends, ways });
    }

    /// After every operation: does all that can be done without a transfer, and looks
    /// at all that has to hold.
    pub(super) fn settle(&mut self) {
        (0..HUBS).for_each(|at| self.settle_hub(at));
    }

    fn settle_hub(&mut self, at: usize) {
        let mut rounds = 0;
        loop {
            let (end, pipes) = (&mut self.ends[at], &mut self.pipes);
            while end.poll(self.now, |link| {
                let mut pipes = pipes.iter_mut();
                let pipe = pipes.find_map(|pipe| pipe.side(at, link).map(|side| (pipe, side)));
                pipe.expect("each link has a pipe")
            }) {}
            let (orderly, deadline) = (end.orderly, end.hub.deadline());
            if !orderly {
                self.disturb();
            }
            if deadline.is_none_or(|due| due > self.now.monotonic) {
                break;
            }
            rounds += 1;
            assert!(rounds < 10_000, "it never comes to rest");
        }
        self.ends[at].check(self.now);
    }

    /// Some request may have no answer, or another's.
    pub(super) fn disturb(&mut self) {
        self.ends.iter_mut().for_each(|end| end.orderly = false);
    }

    /// Moves up to so many bytes along a way, in reads of at most `chunk`, settles both
    /// ends, and says whether anything happened.
    pub(super) fn transfer(
        &mut self,
        pipe: usize,
        from: usize,
        count: usize,
        chunk: usize,
    ) -> bool {
        let Some(pipe) = self.pipes.get_mut(pipe) else {
            return false;
        };
        let (way, (at, link)) = (&mut pipe.ways[from], pipe.ends[1 - from]);
        let (writer, written_by) = pipe.ends[from];
        let (hub, mut left) = (&mut self.ends[at].hub, count.min(way.bytes.len()));
        let mut happened = false;
        while left > 0 && hub.wants_read(link) {
            let room = hub.link(link).map_or(0, |link| link.read_room());
            let count = chunk.min(left).min(room);
            hub.receive(self.now, link, &way.bytes[..count])
                .expect("it wants to read");
            way.bytes.advance(count);
            left -= count;
            happened = true;
        }
        if way.ended && way.bytes.is_empty() && !way.eof {
            way.eof = true;
            hub.handle_eof(self.now, link);
            happened = true;
        }
        if way.has_room() && self.ends[writer].hub.wants_write(written_by) {
            self.ends[writer].hub.writable(self.now, written_by);
            happened = true;
        }
        if happened {
            self.settle_hub(at);
            self.settle_hub(writer);
        }
        happened
    }

    /// Lets everything go where it goes.
    pub(super) fn run(&mut self, chunk: usize) {
        for _ in 0..64 {
            let mut any = false;
            for pipe in 0..self.pipes.len() {
                for from in [0, 1] {
                    any |= self.transfer(pipe, from, usize::MAX, chunk);
                }
            }
            if !any {
                break;
            }
        }
    }

    /// Ends everything: with all bytes delivered and all deferred answers given, no
    /// request of an orderly play waits; and all links end in time.
    pub(super) fn finish(mut self) -> [u32; HUBS] {
        let stalled = |way: &Way| way.stalled;
        let flows = !self.pipes.iter().any(|pipe| pipe.ways.iter().any(stalled));
        let ways = self.pipes.iter_mut().flat_map(|pipe| &mut pipe.ways);
        ways.for_each(|way| way.capacity = 1 << 20);
        for end in &mut self.ends {
            end.resume_all(self.now);
        }
        self.settle();
        // With one handler at a time there is one answer a round.
        for _ in 0..self.serial + 2 {
            self.run(4096);
            let waits = self.ends.iter().any(|end| !end.deferred.is_empty());
            if !waits {
                break;
            }
            for end in &mut self.ends {
                while let Some((call, answer)) = end.deferred.pop_front() {
                    end.reply(self.now, call, Some(answer));
                }
                let handler = Unrouted::Handler(Handler::Answer);
                end.hub.node_mut().set_unrouted(handler);
            }
            self.settle();
        }
        if flows && self.ends.iter().all(|end| end.orderly) {
            for end in &self.ends {
                assert!(end.waiting.is_empty(), "an answer has got lost");
                let node = end.hub.node();
                assert_eq!((node.inbound_bytes(), node.outbound_bytes()), (0, 0));
            }
        }
        for at in 0..HUBS {
            self.ends[at].hub.drain(self.now, GRACE);
            self.settle();
        }
        self.run(4096);
        for _ in 0..16 {
            let deadlines = self.ends.iter().filter_map(|end| end.hub.deadline());
            let Some(at) = deadlines.min() else {
                break;
            };
            self.now = Now::new(at, self.now.unix);
            self.settle();
            self.run(4096);
        }
        self.ends.each_mut().map(|end| {
            assert!(end.hub.is_empty() && end.waiting.is_empty());
            let node = end.hub.node();
            assert_eq!(node.outbound_bytes(), 0);
            assert_eq!(node.links().len(), 0);
            assert_eq!(end.hub.deadline(), None);
            for uri in crate::traffic::URIS {
                assert_eq!(node.subscribers(uri.as_bytes()).count(), 0);
            }
            while let Some((call, answer)) = end.deferred.pop_front() {
                end.reply(self.now, call, Some(answer));
            }
            assert!(end.hub.poll(self.now).is_none());
            // Handlers outlive their links, and what they were called with is held for them.
            assert_eq!(end.hub.node().inbound_bytes(), 0);
            std::mem::take(&mut end.digest).finalize()
        })
    }
}
