//! The scenario with the core alone: a loop around hubs and time.

mod handlers;
mod party;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::Now;

use self::party::Party;
use super::log::Log;
use super::now_at;
use super::scenario::{Side, Step};
use super::wire::{Delivery, Wire};

/// Plays the steps, and returns what happened.
pub(super) fn play(steps: &[Step]) -> Log {
    let log = Log::default();
    let mut player = Player {
        world: World {
            wire: Wire::new(log.clone()),
            log: log.clone(),
            elapsed: Duration::ZERO,
            finished: BTreeSet::new(),
        },
        parties: BTreeMap::new(),
    };
    for (number, step) in steps.iter().enumerate() {
        log.begin(number);
        let now = player.world.now();
        match step {
            step if player.world.wire.obey(step, number, now) => {}
            Step::Advance { ms } => player.advance(Duration::from_millis(*ms)),
            step => player.step(step),
        }
        player.settle();
        player.world.wire.log();
    }
    log
}

struct Player {
    world: World,
    parties: BTreeMap<String, Party>,
}

/// What is around the parties.
struct World {
    log: Log,
    wire: Wire,
    elapsed: Duration,
    /// Uris whose handlers are done.
    finished: BTreeSet<Bytes>,
}

impl World {
    fn now(&self) -> Now {
        now_at(self.elapsed)
    }
}

/// What the scenario does is possible, and there is room for it.
fn fits<T, E: Debug>(result: Result<T, E>) -> T {
    result.expect("the scenario's steps are possible")
}

impl Player {
    /// Lets everything happen that happens without time.
    fn settle(&mut self) {
        loop {
            for party in self.parties.values_mut() {
                party.run(&mut self.world);
            }
            match self.world.wire.next_delivery() {
                None => return,
                Some(Delivery::Bytes(stream, way, bytes)) => {
                    self.receive(stream, Side::reads(way), &bytes);
                }
                Some(Delivery::End(stream, way)) => self.receive(stream, Side::reads(way), &[]),
                Some(Delivery::Datagram { from, to, bytes }) => {
                    let mut parties = self.parties.values_mut();
                    let node = parties.find(|party| party.address == Some(to));
                    let hub = node.expect("it is bound").datagrams();
                    // What it sent to the group itself comes back.
                    if from != to && hub.wants_read() {
                        fits(hub.receive(self.world.now(), from, &bytes));
                    }
                }
            }
        }
    }

    /// Gives an end what has arrived: nothing where that is the end of the stream.
    fn receive(&mut self, stream: usize, side: Side, bytes: &[u8]) {
        let (now, name) = (self.world.now(), self.world.wire.name(stream).to_owned());
        let (party, link) = self.end(&name, side);
        fits(party.streams().receive(now, link, bytes));
        if bytes.is_empty() {
            party.streams().handle_eof(now, link);
        }
    }

    /// Lets time pass, from deadline to deadline.
    fn advance(&mut self, by: Duration) {
        let until = self.world.elapsed + by;
        loop {
            self.settle();
            let deadlines = self.parties.values_mut().filter_map(Party::deadline);
            match deadlines.min().filter(|at| *at <= until) {
                Some(at) => self.world.elapsed = at,
                None => break,
            }
        }
        self.world.elapsed = until;
    }
}
