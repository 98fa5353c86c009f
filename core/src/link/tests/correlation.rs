//! Ids of requests, which their answers repeat.

use super::*;
use crate::correlation::Correlation;
use crate::message::MessageTypes;
use crate::message::types::*;
use crate::packify::Value;

/// A client whose requests carry ids, and a server that repeats them and handles
/// many of its requests side by side.
pub(super) fn correlated(outer: Layer) -> Pair {
    let server = limited(side_by_side(64)).with_outer(outer.clone());
    Pair::new(asking(LinkConfig::new().with_outer(outer)), server)
}

pub(super) fn asking(mut config: LinkConfig) -> LinkConfig {
    config.correlation = Correlation::default().with_requests(true);
    config
}

/// As a plain netaio peer does.
pub(super) fn ignoring(mut config: LinkConfig) -> LinkConfig {
    config.correlation = Correlation::default()
        .with_requests(false)
        .with_replies(false);
    config
}

pub(super) fn id_of(message: &Message) -> u64 {
    let id = message.auth.get("rid").expect("a message with an id");
    id.as_int().unwrap().to_u64().unwrap()
}

/// The ids of what the client has sent; no layer hides them.
pub(super) fn ids(pair: &Pair) -> Vec<u64> {
    unopened(&pair.client.sent).iter().map(id_of).collect()
}

pub(super) fn with_id(mut message: Message, id: u64) -> Message {
    message.auth.set_u64("rid", id).unwrap();
    message
}

impl Pair {
    /// The client receives what no link has sent.
    pub(super) fn intrude(&mut self, message: &Message) {
        self.client.receive(self.now, &frame(message));
        self.run();
    }

    /// Requests for one uri that the server has received and not answered.
    pub(super) fn unanswered(&mut self, count: u8) -> Vec<RequestId> {
        self.server
            .node
            .on(REQUEST_URI, nothing, Layer::new())
            .unwrap();
        let ask = |n: u8| Message::new(REQUEST_URI, "u", [n].to_vec());
        let requests = (0..count).map(|n| self.request(&ask(n))).collect();
        self.run();
        self.server.seen();
        requests
    }

    /// The server answers the nth of the requests that it has not answered.
    pub(super) fn answer(&mut self, nth: usize, answer: &Message) {
        let call = self.server.unanswered.remove(nth).unwrap();
        self.server.reply(self.now, call, answer.clone()).unwrap();
        self.run();
    }

    /// One exchange, by which the client learns that the server repeats ids.
    pub(super) fn get_acquainted(&mut self) {
        let id = self.unanswered(1)[0];
        self.answer(0, &Message::respond_uri("u", ""));
        assert_eq!(self.client.answer().0, id);
    }
}

fn unawaited(message_type: MessageType) -> [Seen; 1] {
    [Seen::Refused(Refusal::Unawaited { message_type })]
}

#[test]
fn answers_find_their_requests_in_any_order() {
    for outer in [
        Layer::new(),
        hmac("secret"),
        cipher("key"),
        hmac("secret").with_cipher(Sha256StreamCipher::new("key")),
    ] {
        let mut pair = correlated(outer);
        let mut requests = pair.unanswered(7);
        for nth in [3, 0, 4, 0, 1, 1, 0] {
            let content = [nth as u8].to_vec();
            pair.answer(nth, &Message::respond_uri("u", content.clone()));
            let (ended, answer) = pair.client.answer();
            assert_eq!(ended, requests.remove(nth));
            assert_eq!(answer.content, content);
        }
        assert_eq!(pair.client.link.pending_requests(), 0);
    }
}

#[test]
fn a_peer_that_repeats_no_ids_is_answered_for_in_order() {
    let server = ignoring(limited(side_by_side(64)));
    let mut pair = Pair::new(asking(LinkConfig::new()), server);
    let requests = pair.unanswered(4);
    // Nor does it handle them side by side.
    assert_eq!(pair.server.unanswered.len(), 1);
    pair.client.link.cancel(requests[1]);
    let mut seen = Vec::new();
    for _ in 0..4 {
        pair.answer(0, &Message::respond_uri("u", ""));
        seen.extend(pair.client.seen());
    }
    let ended = |seen: &Seen| match seen {
        Seen::Answered(request, _) => *request,
        other => panic!("no answer: {other:?}"),
    };
    let ended: Vec<_> = seen.iter().map(ended).collect();
    assert_eq!(ended, [requests[0], requests[2], requests[3]]);
}

#[test]
fn requests_with_and_without_ids_do_not_take_each_others_answers() {
    let mut pair = correlated(Layer::new());
    pair.get_acquainted();
    pair.client.sent.clear();
    let without = RequestOptions::new().with_correlation(false);
    let ask = Message::request("u");
    let requests = [
        pair.request(&ask),
        pair.request_with(&ask, &without),
        pair.request(&ask),
        pair.request_with(&ask, &without),
    ];
    pair.run();
    let fields = |nth: usize| unopened(&pair.client.sent)[nth].auth.clone();
    let [first, second, third, fourth] = [0, 1, 2, 3].map(fields);
    // As a server may answer that calls its handlers in any order.
    for (auth, request) in [(fourth, 1), (third, 2), (second, 3), (first, 0)] {
        let mut answer = Message::respond_uri("u", "");
        answer.auth = auth;
        pair.intrude(&answer);
        assert_eq!(pair.client.answer().0, requests[request]);
    }
}

#[test]
fn a_late_answer_ends_nothing_and_is_reported() {
    let mut pair = correlated(hmac("secret"));
    // More of them than failures are tolerated.
    pair.unanswered(20);
    pair.pass(RequestOptions::DEFAULT_TIMEOUT);
    let failed = pair.client.seen();
    assert!(failed.iter().all(|seen| matches!(seen, Seen::Failed(..))));
    assert_eq!(failed.len(), 20);
    let second = pair.unanswered(1)[0];
    pair.answer(0, &Message::respond_uri("u", "late"));
    assert_eq!(pair.client.seen(), unawaited(RESPOND_URI));
    for _ in 1..20 {
        pair.answer(0, &Message::not_found("", "late"));
        assert_eq!(pair.client.seen(), unawaited(NOT_FOUND));
    }
    pair.answer(0, &Message::respond_uri("u", "in time"));
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, &answer.content[..]), (second, &b"in time"[..]));
}

#[test]
fn a_cancelled_request_is_forgotten_once_ids_are_known_to_be_repeated() {
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let config = asking(limited(limits));
    let mut pair = Pair::new(config, limited(side_by_side(64)));
    // Before that its place among those for the uri is kept, and none among those that wait.
    let cancelled = pair.unanswered(1)[0];
    pair.client.link.cancel(cancelled);
    let request = pair.unanswered(1)[0];
    pair.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.seen(), unawaited(RESPOND_URI));
    pair.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, request);

    let cancelled = pair.unanswered(1)[0];
    pair.client.link.cancel(cancelled);
    assert_eq!(pair.client.link.deadline(), None);
    let request = pair.unanswered(1)[0];
    pair.answer(0, &Message::respond_uri("u", "of the cancelled one"));
    assert_eq!(pair.client.seen(), unawaited(RESPOND_URI));
    pair.client.link.cancel(cancelled);
    pair.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, request);
}

#[test]
fn an_error_without_a_uri_ends_the_request_that_it_names() {
    let mut pair = correlated(hmac("secret"));
    pair.server.answers_by_default();
    let requests = ["a", "b", "c"].map(|uri| pair.request(&Message::request(uri)));
    pair.run();
    let not_found = Message::not_found("", "not found");
    let seen = pair.client.seen();
    assert_eq!(seen.len(), requests.len());
    for (seen, request) in seen.iter().zip(requests) {
        let Seen::Answered(ended, answer) = seen else {
            panic!("no answer: {seen:?}");
        };
        assert_eq!((*ended, answer.verified), (request, true));
        assert_eq!(answer.message.content, not_found.content);
    }
}

#[test]
fn an_error_for_a_failed_check_ends_the_request_that_it_names() {
    let ask = |uri| Message::request(uri);
    // The outer layer, which the error does not pass either.
    let mut pair = Pair::new(
        asking(LinkConfig::new().with_outer(hmac("mine"))),
        LinkConfig::new().with_outer(hmac("yours")),
    );
    let requests = ["a", "b"].map(|uri| pair.request(&ask(uri)));
    pair.run();
    // A handler's layer, which is all that there is to vouch for anything.
    let mut inner = correlated(Layer::new());
    inner
        .server
        .node
        .on((REQUEST_URI, "b"), echo, inner_hmac("admin"))
        .unwrap();
    inner
        .server
        .node
        .on((REQUEST_URI, "a"), nothing, Layer::new())
        .unwrap();
    let options = RequestOptions::new().with_inner(inner_hmac("wrong"));
    inner.request(&ask("a"));
    let refused = inner.request_with(&ask("b"), &options);
    inner.run();
    for (mut pair, requests) in [(pair, &requests[..]), (inner, &[refused][..])] {
        let seen = pair.client.seen();
        assert_eq!(seen.len(), requests.len());
        for (seen, request) in seen.iter().zip(requests) {
            assert!(
                matches!(seen, Seen::Answered(ended, answer) if ended == request
                    && !answer.verified
                    && answer.message.message_type == AUTH_ERROR),
                "{seen:?}"
            );
        }
    }
}

#[test]
fn an_unsealed_error_that_names_no_request_is_refused() {
    let mut pair = correlated(hmac("secret"));
    pair.unanswered(1);
    let [id] = ids(&pair)[..] else { panic!() };
    for other in [id + 1, 7] {
        pair.intrude(&with_id(Message::error_message("no"), other));
        assert!(matches!(
            pair.client.seen()[..],
            [Seen::Refused(Refusal::Open { .. })]
        ));
    }
    assert_eq!(pair.client.link.pending_requests(), 1);
}

#[test]
fn what_is_no_answer_ends_nothing_whatever_its_id() {
    let mut pair = correlated(Layer::new());
    let request = pair.unanswered(1)[0];
    let [id] = ids(&pair)[..] else { panic!() };
    for message in [
        with_id(Message::notify("u", ""), id),
        with_id(Message::request("u"), id),
        with_id(Message::request("u"), 1),
    ] {
        pair.intrude(&message);
        assert_eq!(pair.client.seen(), [Seen::Unrouted(message)]);
    }
    for message in [
        with_id(Message::respond_uri("v", ""), id),
        with_id(Message::error("v", ""), id),
        with_id(Message::respond_uri("u", ""), id + 1),
        with_id(Message::respond_uri("u", ""), 0),
    ] {
        pair.intrude(&message);
        assert_eq!(pair.client.seen(), unawaited(message.message_type));
    }
    let mut strange = Message::respond_uri("u", "");
    for value in [Value::None, Value::Str("1".into()), Value::from(-1)] {
        strange.auth.set("rid", &value).unwrap();
        pair.intrude(&strange);
        assert_eq!(pair.client.seen(), unawaited(RESPOND_URI));
    }
    pair.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, request);
}

#[test]
fn an_answer_without_an_id_ends_only_what_must_be_meant() {
    let mut pair = correlated(Layer::new());
    let plain = Message::respond_uri("u", "");
    // Who knows whether this peer repeats ids?
    let first = pair.unanswered(2)[0];
    pair.intrude(&plain);
    assert_eq!(pair.client.answer().0, first);
    pair.answer(1, &plain);
    pair.client.answer();
    // It does.
    let requests = pair.unanswered(2);
    pair.intrude(&plain);
    assert_eq!(pair.client.seen(), [Seen::Unrouted(plain.clone())]);
    pair.answer(2, &plain);
    assert_eq!(pair.client.answer().0, requests[1]);
    pair.intrude(&plain);
    assert_eq!(pair.client.answer().0, requests[0]);
}

#[test]
fn both_ends_may_ask_at_once() {
    let mut types = MessageTypes::base();
    let custom = types.register(40, "CUSTOM").unwrap();
    let config = asking(LinkConfig::new().with_wire(Wire {
        types,
        ..Wire::default()
    }));
    let mut pair = Pair::new(config.clone(), config);
    let options = RequestOptions::new().also_accepting(custom);
    let ask = Message::new(custom, "u", "");
    for end in [&mut pair.client, &mut pair.server] {
        end.node.on(custom, nothing, Layer::new()).unwrap();
    }
    let asked = pair.request_with(&ask, &options);
    let asked_back = pair.server.request(NOON, &ask, &options).unwrap();
    pair.run();
    // Each was taken for a request, although each would do for an answer.
    let called = |seen: Vec<Seen>| matches!(seen[..], [Seen::Called(_)]);
    assert!(called(pair.client.seen()) && called(pair.server.seen()));
    for end in [&mut pair.client, &mut pair.server] {
        let call = end.unanswered.pop_front().unwrap();
        end.reply(NOON, call, ask.clone()).unwrap();
    }
    pair.run();
    let answers = (pair.client.answer().0, pair.server.answer().0);
    assert_eq!(answers, (asked, asked_back));
    // A late one is not taken for a request.
    let request = pair.request_with(&ask, &options);
    pair.run();
    pair.client.link.cancel(request);
    pair.answer(0, &ask);
    assert_eq!(pair.client.seen(), unawaited(custom));
}

#[test]
fn an_answer_must_pass_the_inner_layer_of_the_request_that_it_names() {
    let mut pair = correlated(Layer::new());
    pair.server
        .node
        .on(REQUEST_URI, nothing, Layer::new())
        .unwrap();
    let options = RequestOptions::new().with_inner(inner_hmac("inner"));
    let request = pair.request_with(&Message::request("u"), &options);
    pair.run();
    pair.answer(0, &Message::respond_uri("u", ""));
    let seen = pair.client.seen();
    assert!(matches!(
        seen[..],
        [Seen::Refused(Refusal::Answer { request: refused, .. })] if refused == request
    ));
    assert_eq!(pair.client.link.pending_requests(), 1);
}
