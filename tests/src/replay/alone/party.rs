//! A server or a client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use netaio_core::{
    CloseReason, Layer, ManagementConfig, Message, Now, PeerMessage, Role, SendOptions,
};

use super::end::{End, Surroundings};
use super::mind::{Mind, Place};
use crate::replay::cast::{self, Plugins};
use crate::replay::scenario::{Side, label};

/// Its ends of connections, and what they share.
pub(super) struct Party {
    pub(super) mind: Mind,
    pub(super) address: Option<SocketAddr>,
    side: Side,
    /// By their numbers. Those that are over stay.
    pub(super) ends: BTreeMap<u64, End>,
    /// It stops; when those that are not done are cut off.
    stopping: Option<Duration>,
    stopped: bool,
    /// Nobody is there to be told anything.
    dropped: bool,
}

impl Party {
    pub(super) fn new(party: &cast::Party, role: Role) -> Self {
        Self {
            mind: Mind::new(party, role),
            address: party.at,
            side: match role {
                Role::Client => Side::Client,
                _ => Side::Server,
            },
            ends: BTreeMap::new(),
            stopping: None,
            stopped: false,
            dropped: false,
        }
    }

    /// Takes its end of a connection.
    pub(super) fn enter(&mut self, now: Now, stream: usize, name: &str, remote: SocketAddr) -> u64 {
        let number = self.ends.len() as u64;
        let label = label(name, self.side);
        let place = (number, remote);
        let mut end = End::new(&self.mind, now, stream, self.side, place, label);
        if self.side == Side::Client {
            for advertisement in self.mind.discovery.advertisements() {
                tell(&mut end, now, &advertisement);
            }
        }
        self.ends.insert(number, end);
        number
    }

    fn open(&mut self) -> impl Iterator<Item = &mut End> {
        let all = self.ends.values_mut();
        all.filter(|end| end.link.is_closed().is_none())
    }

    /// Drains all ends.
    pub(super) fn turn(&mut self, around: &mut Surroundings<'_>) {
        let stopping = self.stopping.is_some();
        loop {
            let mut news = Vec::new();
            for end in self.ends.values_mut() {
                news.extend(end.turn(&mut self.mind, around, stopping));
            }
            if news.is_empty() {
                break;
            }
            for (to, message) in news {
                self.publish(around.now, &to, &Layer::new(), &message);
            }
        }
        if !self.dropped {
            self.mind.take_peer_events(around.log);
        }
        if stopping && !self.stopped && self.ends.values().all(End::is_over) {
            self.stopped = true;
            around.log.write(&self.mind.name, "stopped");
        }
    }

    /// Sends a message to some, sealed once.
    pub(super) fn publish(
        &mut self,
        now: Now,
        to: &[Place],
        inner: &Layer,
        message: &Message,
    ) -> usize {
        let frame = self.mind.seal(now, inner, message);
        let mut sent = 0;
        for (number, _) in to {
            let end = self.ends.get_mut(number).expect("it was there");
            if end.link.forward(now, &frame).is_ok() {
                sent += 1;
            }
        }
        sent
    }

    /// Whoever is connected.
    pub(super) fn everybody(&mut self) -> Vec<Place> {
        self.open().map(|end| end.place).collect()
    }

    pub(super) fn manage(&mut self, now: Now, app: &str, inner: Option<&Plugins>) {
        let config = ManagementConfig::for_streams();
        self.mind.manage(now, config, app, inner);
        while let Some(advertisement) = self.mind.discovery.poll_advertisement() {
            self.tell_all(now, &advertisement);
        }
    }

    pub(super) fn unmanage(&mut self, now: Now, app: &str) {
        let farewell = self.mind.unmanage(app);
        self.tell_all(now, &farewell);
    }

    /// Tells whoever is connected something about peers.
    fn tell_all(&mut self, now: Now, message: &PeerMessage) {
        match self.side {
            Side::Server => {
                let everybody = self.everybody();
                self.publish(now, &everybody, &message.inner, &message.message);
            }
            Side::Client => self.open().for_each(|end| tell(end, now, message)),
        }
    }

    /// Closes a connection.
    pub(super) fn close(&mut self, now: Now, number: u64) {
        let end = self.ends.get_mut(&number).expect("it is there");
        for farewell in self.mind.discovery.farewells() {
            tell(end, now, &farewell);
        }
        end.link.close(CloseReason::Local);
    }

    /// Begins to stop.
    pub(super) fn stop(&mut self, now: Now) {
        self.stopping = Some(now.deadline(self.mind.limits().shutdown_grace()));
        for farewell in self.mind.discovery.stop_all() {
            self.tell_all(now, &farewell);
        }
    }

    /// Closes all connections, and leaves unwritten what is queued.
    pub(super) fn cut(&mut self) {
        for end in self.open() {
            end.aborted = true;
            end.link.close(CloseReason::Local);
        }
    }

    /// Cuts all connections off, since nobody wants them any more.
    pub(super) fn drop(&mut self) {
        self.dropped = true;
        self.cut();
    }

    /// When time matters next.
    pub(super) fn deadline(&mut self) -> Option<Duration> {
        let stop = self.stopping.filter(|_| !self.stopped);
        let links = self.ends.values_mut();
        let links = links.filter_map(|end| end.link.poll_deadline());
        links.map(|deadline| deadline.at).chain(stop).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Now) {
        if self.stopping.is_some_and(|at| at <= now.monotonic) {
            self.cut();
        }
        for end in self.ends.values_mut() {
            end.link.handle_timeout(now);
        }
    }
}

/// Tells a server something about peers.
fn tell(end: &mut End, now: Now, PeerMessage { message, inner }: &PeerMessage) {
    let options = SendOptions::new().with_inner(inner.clone());
    // One that is closed is not told.
    let _ = end.link.send(now, message, &options);
}
