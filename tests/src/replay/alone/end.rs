//! One end of a connection.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use netaio_core::{
    CloseReason, Dispatched, Event, Inbound, Link, Message, Node, Now, ReplyToken, RequestError,
    RequestId, Role,
};

use super::mind::{Handler, Mind, Outcome, Place, late};
use crate::replay::log::{Log, show, show_answer};
use crate::replay::scenario::Side;
use crate::replay::wire::Wire;

/// A link, and what is under way on it.
pub(super) struct End {
    pub(super) link: Link,
    pub(super) stream: usize,
    pub(super) side: Side,
    pub(super) place: Place,
    /// What the log calls it.
    pub(super) label: String,
    pub(super) asked: Vec<(RequestId, String)>,
    /// Handlers that are not done.
    running: Vec<(ReplyToken, Message)>,
    /// Messages that wait for them.
    waiting: VecDeque<Inbound>,
    pub(super) eof: bool,
    /// What is queued is not to be written.
    pub(super) aborted: bool,
    /// Its last byte is written.
    over: bool,
}

/// What a turn needs besides.
pub(super) struct Surroundings<'a> {
    pub(super) wire: &'a mut Wire,
    pub(super) log: &'a Log,
    pub(super) now: Now,
    /// Uris whose handlers are done.
    pub(super) finished: &'a BTreeSet<Bytes>,
}

/// What many are to be told.
pub(super) type News = (Vec<Place>, Message);

impl End {
    pub(super) fn new(
        mind: &Mind,
        now: Now,
        stream: usize,
        side: Side,
        (number, remote): (u64, SocketAddr),
        label: String,
    ) -> Self {
        let config = mind.config.clone();
        Self {
            link: Link::new(now, config, Some(remote), mind.generator(number)),
            stream,
            side,
            place: (number, remote),
            label,
            asked: Vec::new(),
            running: Vec::new(),
            waiting: VecDeque::new(),
            eof: false,
            aborted: false,
            over: false,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Drains the outputs until only a deadline is left, and returns what many are
    /// to be told.
    pub(super) fn turn(
        &mut self,
        mind: &mut Mind,
        around: &mut Surroundings<'_>,
        stopping: bool,
    ) -> Vec<News> {
        let mut news = Vec::new();
        loop {
            self.answer_late(around);
            if self.may_handle_waiting(mind)
                && let Some(inbound) = self.waiting.pop_front()
            {
                news.extend(self.handle(mind, around, inbound));
                continue;
            }
            let is_open = self.link.is_closed().is_none();
            if is_open && !self.may_receive(mind) {
                break;
            }
            let idle = self.running.is_empty() && self.waiting.is_empty();
            match self.link.poll_event() {
                None if is_open && self.eof && idle => self.link.handle_eof(around.now),
                None if is_open && stopping && idle => self.link.close(CloseReason::Local),
                None => break,
                Some(Event::Message(inbound))
                    if self.waiting.is_empty() && self.may_handle(mind, &inbound) =>
                {
                    news.extend(self.handle(mind, around, inbound));
                }
                Some(Event::Message(inbound)) => self.waiting.push_back(inbound),
                Some(event) => self.settle(event, around.log),
            }
        }
        self.link
            .set_reading(around.now, !stopping && self.may_receive(mind));
        self.write(mind, around.wire);
        news
    }

    fn settle(&mut self, event: Event, log: &Log) {
        match event {
            Event::Answered { request, answer } => {
                log.write(
                    self.name_of(request),
                    show_answer(&answer.message, answer.verified),
                );
            }
            Event::Failed { request, error } => {
                log.write(self.name_of(request), show_failure(&error));
            }
            Event::Closed(reason) => {
                self.running.clear();
                self.waiting.clear();
                log.write(format!("{} closed", self.label), reason.to_string());
            }
            // The drivers show these to nobody but their log.
            Event::Refused(_) => {}
            other => panic!("{other:?} is not in the scenario"),
        }
    }

    fn name_of(&mut self, request: RequestId) -> String {
        let found = self.asked.iter().position(|(id, _)| *id == request);
        let (_, name) = self.asked.remove(found.expect("every request has a name"));
        name
    }

    /// Writes what is queued, and the end where there is one.
    fn write(&mut self, mind: &mut Mind, wire: &mut Wire) {
        let way = self.side.writes();
        let mut writing = Vec::new();
        while !self.aborted && self.link.poll_outbound(&mut writing) {
            wire.write(self.stream, way, &writing);
        }
        if self.link.is_closed().is_some() && !self.over {
            self.over = true;
            wire.end(self.stream, way);
            mind.discovery.gone(self.place);
            mind.subscriptions.remove(self.place);
        }
    }

    fn answer_late(&mut self, around: &Surroundings<'_>) {
        let is_done = |(_, message): &mut (_, Message)| around.finished.contains(&message.uri);
        let done: Vec<_> = self.running.extract_if(.., is_done).collect();
        for (token, request) in done {
            let sent = self.link.reply(around.now, &token, &late(&request));
            sent.expect("the scenario's answers fit");
        }
    }

    fn max_running(mind: &Mind) -> usize {
        mind.limits().handlers_per_connection()
    }

    /// Whether another handler may run. One whose message has no id runs alone.
    fn has_room(&self, mind: &Mind) -> bool {
        let beside_others = self.running.iter().all(|(token, _)| token.is_correlated());
        self.running.is_empty() || (beside_others && self.running.len() < Self::max_running(mind))
    }

    fn may_handle(&self, mind: &Mind, inbound: &Inbound) -> bool {
        let in_turn = self.running.is_empty() || self.link.is_correlated(inbound);
        in_turn && self.has_room(mind)
    }

    fn may_handle_waiting(&self, mind: &Mind) -> bool {
        let first = self.waiting.front();
        first.is_some_and(|inbound| self.may_handle(mind, inbound))
    }

    fn may_receive(&self, mind: &Mind) -> bool {
        let wanted = self.waiting.is_empty() && self.has_room(mind);
        wanted || self.link.pending_requests() > 0
    }

    fn handle(
        &mut self,
        mind: &mut Mind,
        around: &Surroundings<'_>,
        inbound: Inbound,
    ) -> Option<News> {
        let now = around.now;
        match self.link.dispatch(now, inbound, &mut mind.router) {
            Dispatched::Refused => None,
            Dispatched::Unrouted { message, .. } if self.link.config().role == Role::Client => {
                let subject = format!("{} messages", self.label);
                around.log.write(subject, show(&message));
                None
            }
            Dispatched::Unrouted { message, reply } => {
                self.reply(
                    now,
                    &reply,
                    Node::<Handler>::default_answer(message.message_type),
                );
                None
            }
            Dispatched::Call {
                handler,
                message,
                reply,
            } => {
                if let Handler::Act(act) = handler {
                    let subject = format!("{} calls", self.label);
                    around
                        .log
                        .write(subject, format!("{act:?} {}", show(&message)));
                }
                match mind.act(handler, now, self.place, &message) {
                    Outcome::Answer(answer) => self.reply(now, &reply, answer),
                    Outcome::Later => self.running.push((reply, message)),
                    Outcome::Publish(answer, to, news) => {
                        self.reply(now, &reply, Some(answer));
                        return Some((to, news));
                    }
                }
                None
            }
        }
    }

    fn reply(&mut self, now: Now, token: &ReplyToken, answer: Option<Message>) {
        if let Some(answer) = answer {
            let sent = self.link.reply(now, token, &answer);
            sent.expect("the scenario's answers fit");
        }
    }
}

/// How a request failed, in the drivers' words.
pub(super) fn show_failure(error: &RequestError) -> String {
    match error {
        RequestError::TimedOut(after) => format!("failed: no answer within {after:?}"),
        RequestError::Closed(reason) => {
            format!("failed: the connection ended before the answer: {reason}")
        }
        other => panic!("{other} is new"),
    }
}
