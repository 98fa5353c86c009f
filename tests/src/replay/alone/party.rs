//! A server, a client or a UDP node: a hub and its loop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use netaio_core::{
    Call, CloseReason, DatagramHub, DatagramHubEvent, DatagramOutput, Hub, HubEvent, LinkId,
    Message, Output, PeerEvent, Place, RequestId,
};

use super::handlers::answer;
use super::{World, fits};
use crate::replay::cast::Act;
use crate::replay::log::{peer_news, show, show_answer};
use crate::replay::scenario::Side;

/// A hub, and what its loop keeps.
pub(super) struct Party {
    pub(super) name: String,
    pub(super) address: Option<SocketAddr>,
    pub(super) side: Side,
    pub(super) hub: AnyHub,
    /// Those that are closed stay.
    pub(super) ends: BTreeMap<LinkId, End>,
    pub(super) asked: BTreeMap<(Option<LinkId>, RequestId), String>,
    pub(super) calls: Vec<(Call, Act, Message)>,
    pub(super) kept: BTreeMap<Bytes, Bytes>,
    pub(super) is_stopping: bool,
    /// Nobody is there who would look at events.
    pub(super) is_dropped: bool,
}

pub(super) enum AnyHub {
    Streams(Box<Hub<Act>>),
    Datagrams(Box<DatagramHub<Act>>),
}

/// One end of a connection.
pub(super) struct End {
    pub(super) stream: usize,
    pub(super) label: String,
    pub(super) closed: Option<CloseReason>,
}

/// Does what both hubs can do.
macro_rules! with_hub {
    ($party:expr, $hub:ident => $does:expr) => {
        match &mut $party.hub {
            AnyHub::Streams($hub) => $does,
            AnyHub::Datagrams($hub) => $does,
        }
    };
}
pub(super) use with_hub;

impl Party {
    pub(super) fn streams(&mut self) -> &mut Hub<Act> {
        match &mut self.hub {
            AnyHub::Streams(hub) => hub,
            AnyHub::Datagrams(_) => panic!("{} has no connections", self.name),
        }
    }

    pub(super) fn datagrams(&mut self) -> &mut DatagramHub<Act> {
        match &mut self.hub {
            AnyHub::Streams(_) => panic!("{} is no node", self.name),
            AnyHub::Datagrams(hub) => hub,
        }
    }

    pub(super) fn deadline(&mut self) -> Option<Duration> {
        with_hub!(self, hub => hub.deadline())
    }

    /// Does all that there is to do until only a deadline is left.
    pub(super) fn run(&mut self, world: &mut World) {
        loop {
            match &self.hub {
                AnyHub::Streams(_) => self.poll_streams(world),
                AnyHub::Datagrams(_) => self.poll_datagrams(world),
            }
            let due = self.deadline().is_some_and(|at| at <= world.elapsed);
            if !self.answer_calls(world) && !due {
                return;
            }
        }
    }

    fn poll_streams(&mut self, world: &mut World) {
        let (now, way) = (world.now(), self.side.writes());
        while let Some(output) = self.streams().poll(now) {
            match output {
                Output::Call {
                    call,
                    handler,
                    message,
                } => {
                    let link = call.link().expect("it came by a link");
                    let (who, shown) = (&self.ends[&link].label, show(&message));
                    let line = format!("{handler:?} {shown}");
                    world.log.write(format!("{who} calls"), line);
                    self.calls.push((call, handler, message));
                }
                Output::Message { link, message } => {
                    let subject = format!("{} messages", self.ends[&link].label);
                    world.log.write(subject, show(&message));
                }
                Output::Answered {
                    link,
                    request,
                    answer,
                } => {
                    let shown = show_answer(&answer.message, answer.verified);
                    self.ended(world, (Some(link), request), shown);
                }
                Output::Failed {
                    link,
                    request,
                    error,
                } => self.ended(world, (Some(link), request), format!("failed: {error}")),
                Output::Write { link, bytes } => {
                    let bytes = bytes.to_vec();
                    world.wire.write(self.ends[&link].stream, way, &bytes);
                    self.streams().written(now, link, bytes.len());
                }
                Output::Shutdown { link } => world.wire.end(self.ends[&link].stream, way),
                Output::Close { link, reason } => {
                    let end = self.ends.get_mut(&link).expect("it is there");
                    world.wire.end(end.stream, way);
                    let subject = format!("{} closed", end.label);
                    world.log.write(subject, reason.to_string());
                    end.closed = Some(reason);
                }
                Output::Event(HubEvent::Peer(event)) => self.log_peer(world, &event),
                // The drivers show these to nobody but those who listen.
                Output::Event(
                    HubEvent::Refused { .. }
                    | HubEvent::Unrouted { .. }
                    | HubEvent::Unwritten { .. },
                ) => {}
                other => panic!("{other:?} is not in the scenario"),
            }
        }
        if self.is_stopping && self.streams().is_empty() {
            self.is_stopping = false;
            world.log.write(&self.name, "stopped");
        }
    }

    fn poll_datagrams(&mut self, world: &mut World) {
        let (now, own) = (world.now(), self.address.expect("a node has one"));
        while let Some(output) = self.datagrams().poll(now) {
            match output {
                DatagramOutput::Call {
                    call,
                    handler,
                    message,
                } => {
                    let from = call.remote().expect("datagrams have senders");
                    let line = format!("{handler:?} for {from} {}", show(&message));
                    world.log.write(format!("{} calls", self.name), line);
                    self.calls.push((call, handler, message));
                }
                DatagramOutput::Answered {
                    request, answer, ..
                } => {
                    let shown = show_answer(&answer.message, answer.verified);
                    self.ended(world, (None, request), shown);
                }
                DatagramOutput::Failed { request, error } => {
                    self.ended(world, (None, request), format!("failed: {error}"));
                }
                DatagramOutput::Transmit { to, bytes, .. } => world.wire.send(own, to, bytes),
                DatagramOutput::Closed => {
                    world.wire.unbind(own);
                    let counters = self.datagrams().link().counters();
                    let line = format!("stopped, {counters:?}");
                    world.log.write(&self.name, line);
                }
                DatagramOutput::Event(DatagramHubEvent::Peer(event)) => {
                    self.log_peer(world, &event);
                }
                // The drivers show these to nobody but those who listen.
                DatagramOutput::Event(_) => {}
                other => panic!("{other:?} is not in the scenario"),
            }
        }
    }

    /// Answers the calls that are to be answered by now, and says whether there were any.
    fn answer_calls(&mut self, world: &World) -> bool {
        let is_done = |(_, act, message): &mut (_, Act, Message)| {
            !matches!(act, Act::Later) || world.finished.contains(&message.uri)
        };
        let (now, before) = (world.now(), self.calls.len());
        let done: Vec<_> = self.calls.extract_if(.., is_done).collect();
        for called in done {
            with_hub!(self, hub => {
                let answer = answer(hub.node_mut(), &mut self.kept, &called);
                let (call, act, Message { uri, content, .. }) = called;
                fits(hub.reply(now, call, answer));
                if let Act::Publish = act {
                    fits(hub.publish(now, uri, content));
                }
            });
        }
        self.calls.len() < before
    }

    fn ended(&mut self, world: &World, request: (Option<LinkId>, RequestId), how: String) {
        let subject = self.asked.remove(&request).expect("it was asked");
        world.log.write(subject, how);
    }

    fn log_peer(&self, world: &World, event: &PeerEvent<Place>) {
        let shown = |place: &Place| place.address().expect("all of them have addresses");
        match peer_news!(event, PeerEvent, known, shown) {
            _ if self.is_dropped => {}
            Ok((known, what)) => {
                let addresses = known.addresses.iter().map(shown).collect();
                let (peer, heard) = (&known.peer, known.last_heard);
                let log = &world.log;
                log.write_peer(&self.name, &what, peer, addresses, heard);
            }
            Err(what) => world.log.write(format!("{} refuses", self.name), what),
        }
    }
}
