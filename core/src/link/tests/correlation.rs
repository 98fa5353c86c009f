//! Ids of requests, which their answers repeat.

use super::*;
use crate::correlation::Correlation;
use crate::error::{FrameErrorKind, SealError, SendError};
use crate::message::types::*;
use crate::message::{AuthFields, AuthFormat, Codec, MessageType, MessageTypes};
use crate::packify::{DecodeLimits, Value};

/// A client whose requests carry ids, and a server that repeats them.
fn correlated(outer: Layer) -> Pair {
    Pair::new(
        asking(LinkConfig::new(Role::Client).with_outer(outer.clone())),
        LinkConfig::new(Role::Server).with_outer(outer),
    )
}

fn asking(mut config: LinkConfig) -> LinkConfig {
    config.correlation = Correlation::default().with_requests(true);
    config
}

/// As a plain netaio peer does.
fn ignoring(mut config: LinkConfig) -> LinkConfig {
    config.correlation = Correlation::default().with_replies(false);
    config
}

fn id_of(message: &Message) -> u64 {
    let id = message.auth.get("rid").expect("a message with an id");
    id.as_int().unwrap().to_u64().unwrap()
}

/// The ids of what the client has sent; no layer hides them.
fn ids(pair: &Pair) -> Vec<u64> {
    unopened(&pair.client.sent).iter().map(id_of).collect()
}

fn with_id(mut message: Message, id: u64) -> Message {
    message.auth.set_u64("rid", id).unwrap();
    message
}

impl Pair {
    /// The client receives what no link has sent.
    fn intrude(&mut self, message: &Message) {
        self.client.link.receive(self.now, &frame(message));
        self.run();
    }

    /// Requests for one uri that the server has received and not answered.
    fn unanswered(&mut self, count: u8) -> Vec<RequestId> {
        self.server.node.on(REQUEST_URI, nothing, Layer::new());
        let ask = |n: u8| Message::new(REQUEST_URI, "u", [n].to_vec());
        let requests = (0..count).map(|n| self.request(&ask(n))).collect();
        self.run();
        self.server.seen();
        requests
    }

    /// The server answers the nth of the requests that it has not answered.
    fn answer(&mut self, nth: usize, answer: &Message) {
        let token = self.server.unanswered.remove(nth).unwrap();
        self.server.link.reply(self.now, &token, answer).unwrap();
        self.run();
    }

    /// One exchange, by which the client learns that the server repeats ids.
    fn get_acquainted(&mut self) {
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
    let config = LinkConfig::new(Role::Client);
    let mut pair = Pair::new(asking(config), ignoring(LinkConfig::new(Role::Server)));
    let requests = pair.unanswered(4);
    assert!(pair.server.unanswered.iter().all(|to| !to.is_correlated()));
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
fn requests_carry_ids_only_where_that_is_wanted() {
    let ask = Message::request("u");
    let plain = RequestOptions::new();
    for (mut pair, default) in [(Pair::plain(), false), (correlated(Layer::new()), true)] {
        pair.request_with(&ask, &plain);
        pair.request_with(&ask, &plain.clone().with_correlation(true));
        pair.request_with(&ask, &plain.clone().with_correlation(false));
        let notify = Message::notify("u", "");
        let options = SendOptions::new();
        pair.client.link.send(NOON, &notify, &options).unwrap();
        let sent = unopened(&pair.client.outbound());
        let carry: Vec<_> = sent.iter().map(|sent| !sent.auth.is_empty()).collect();
        assert_eq!(carry, [default, true, false, false]);
    }
}

#[test]
fn requests_with_and_without_ids_do_not_take_each_others_answers() {
    let mut pair = correlated(Layer::new());
    pair.get_acquainted();
    let without = RequestOptions::new().with_correlation(false);
    let ask = Message::request("u");
    let requests = [
        pair.request(&ask),
        pair.request_with(&ask, &without),
        pair.request(&ask),
        pair.request_with(&ask, &without),
    ];
    pair.run();
    for (nth, request) in [(3, 1), (2, 2), (1, 3), (0, 0)] {
        pair.answer(nth, &Message::respond_uri("u", ""));
        assert_eq!(pair.client.answer().0, requests[request], "{nth}");
    }
}

#[test]
fn a_late_answer_ends_nothing_and_is_reported() {
    let mut pair = correlated(hmac("secret"));
    pair.unanswered(1);
    pair.pass(RequestOptions::DEFAULT_TIMEOUT);
    assert!(matches!(pair.client.seen()[..], [Seen::Failed(..)]));
    let second = pair.unanswered(1)[0];
    // More of them than failures are tolerated.
    let late = pair.server.unanswered.front().cloned().unwrap();
    pair.answer(0, &Message::respond_uri("u", "late"));
    assert_eq!(pair.client.seen(), unawaited(RESPOND_URI));
    for _ in 0..20 {
        let again = Message::not_found("", "late");
        pair.server.link.reply(pair.now, &late, &again).unwrap();
        pair.run();
        assert_eq!(pair.client.seen(), unawaited(NOT_FOUND));
    }
    pair.answer(0, &Message::respond_uri("u", "in time"));
    let (ended, answer) = pair.client.answer();
    assert_eq!((ended, &answer.content[..]), (second, &b"in time"[..]));
}

#[test]
fn a_cancelled_request_is_forgotten_once_ids_are_known_to_be_repeated() {
    let limits = Limits::default().with_pending_requests(1).unwrap();
    let config = asking(limited(Role::Client, limits));
    let mut pair = Pair::new(config, LinkConfig::new(Role::Server));
    // Before that it waits for its answer.
    let cancelled = pair.unanswered(1)[0];
    pair.client.link.cancel(cancelled);
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    let refused = pair.client.link.request(NOON, &ask, &options);
    assert_eq!(refused, Err(SendError::TooManyRequests { max: 1 }));
    pair.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.seen(), []);

    let cancelled = pair.unanswered(1)[0];
    pair.client.link.cancel(cancelled);
    assert_eq!(pair.client.link.poll_deadline(), None);
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
    pair.server.default_answers = true;
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
        asking(LinkConfig::new(Role::Client).with_outer(hmac("mine"))),
        LinkConfig::new(Role::Server).with_outer(hmac("yours")),
    );
    let requests = ["a", "b"].map(|uri| pair.request(&ask(uri)));
    pair.run();
    // A handler's layer.
    let mut inner = correlated(Layer::new());
    inner
        .server
        .node
        .on((REQUEST_URI, "b"), echo, inner_hmac("admin"));
    inner
        .server
        .node
        .on((REQUEST_URI, "a"), nothing, Layer::new());
    let options = RequestOptions::new().with_inner(inner_hmac("wrong"));
    inner.request(&ask("a"));
    let refused = inner.request_with(&ask("b"), &options);
    inner.run();
    for (mut pair, requests, verified) in
        [(pair, &requests[..], false), (inner, &[refused][..], true)]
    {
        let seen = pair.client.seen();
        assert_eq!(seen.len(), requests.len());
        for (seen, request) in seen.iter().zip(requests) {
            assert!(
                matches!(seen, Seen::Answered(ended, answer) if ended == request
                    && answer.verified == verified
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
    let config = |role| {
        asking(LinkConfig::new(role).with_wire(Wire {
            types: types.clone(),
            ..Wire::default()
        }))
    };
    let mut pair = Pair::new(config(Role::Client), config(Role::Server));
    let options = RequestOptions::new().also_accepting(custom);
    let ask = Message::new(custom, "u", "");
    for end in [&mut pair.client, &mut pair.server] {
        end.node.on(custom, nothing, Layer::new());
    }
    let asked = pair.request_with(&ask, &options);
    let asked_back = pair.server.link.request(NOON, &ask, &options).unwrap();
    pair.run();
    // Each was taken for a request, although each would do for an answer.
    let called = |seen: Vec<Seen>| matches!(seen[..], [Seen::Called(_)]);
    assert!(called(pair.client.seen()) && called(pair.server.seen()));
    for end in [&mut pair.client, &mut pair.server] {
        let token = end.unanswered.pop_front().unwrap();
        end.link.reply(NOON, &token, &ask).unwrap();
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
fn every_combination_of_layers_carries_ids() {
    let hiding = Sha256StreamCipher::new("inner").with_iv_field("vi");
    let outer = [Layer::new(), hmac("secret"), cipher("key")];
    let inner = [
        inner_hmac("admin"),
        inner_hmac("admin").with_cipher(inner_cipher("inner")),
        // Its uri is hidden from whoever looks for a request by it.
        Layer::new().with_cipher(hiding),
    ];
    let all = outer
        .iter()
        .flat_map(|outer| inner.iter().map(move |inner| (outer, inner)));
    for (outer, inner) in all {
        let mut pair = correlated(outer.clone());
        pair.server.node.on(REQUEST_URI, nothing, inner.clone());
        let options = RequestOptions::new().with_inner(inner.clone());
        let requests = ["u", "u", "v"].map(|uri| {
            let request = Message::request(uri);
            pair.request_with(&request, &options)
        });
        pair.run();
        for (nth, uri, request) in [(2, "v", 2), (1, "u", 1), (0, "u", 0)] {
            pair.answer(nth, &Message::respond_uri(uri, "content"));
            let (ended, answer) = pair.client.answer();
            assert_eq!(
                (ended, &answer.uri[..]),
                (requests[request], uri.as_bytes())
            );
            assert_eq!(answer.content, "content");
        }
    }
}

#[test]
fn an_answer_must_pass_the_inner_layer_of_the_request_that_it_names() {
    let mut pair = correlated(Layer::new());
    pair.server.node.on(REQUEST_URI, nothing, Layer::new());
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

#[test]
fn any_short_value_is_repeated_as_it_came() {
    let mut server = End::new(LinkConfig::new(Role::Server), 2);
    server.node.on(REQUEST_URI, echo, Layer::new());
    let values = [
        (Value::from(7), true),
        (Value::from(-7), true),
        (Value::Str("an id".into()), true),
        (Value::Bytes([1; 62].to_vec()), true),
        (Value::Bytes([1; 63].to_vec()), false),
        (Value::None, true),
        (Value::List([Value::from(1)].to_vec()), true),
    ];
    for (value, repeated) in values {
        let mut request = Message::request("u");
        request.auth.set("rid", &value).unwrap();
        server.link.receive(NOON, &frame(&request));
        server.drain(NOON);
        let answer = unopened(&server.outbound()).remove(0);
        assert_eq!(answer.auth == request.auth, repeated, "{value:?}");
        assert_eq!(answer.auth.is_empty(), !repeated, "{value:?}");
    }
}

#[test]
fn the_field_is_the_links_own() {
    let mut pair = correlated(Layer::new());
    let stale = |message| with_id(message, 99);
    let handler: Handler = |_| Some(with_id(Message::respond_uri("u", ""), 99));
    pair.server.node.on(REQUEST_URI, handler, Layer::new());
    let without = RequestOptions::new().with_correlation(false);
    pair.request_with(&stale(Message::request("u")), &without);
    pair.tell(&stale(Message::notify("u", "")));
    pair.run();
    let sent = [&pair.client.sent, &pair.server.sent].map(|sent| unopened(sent));
    assert_eq!(sent[0].len() + sent[1].len(), 3);
    assert!(sent.iter().flatten().all(|sent| sent.auth.is_empty()));
    let request = pair.request(&stale(Message::request("u")));
    pair.client.seen();
    pair.run();
    assert_eq!(pair.client.answer().0, request);

    // It is not where nobody uses it.
    let mut pair = Pair::new(
        ignoring(LinkConfig::new(Role::Client)),
        ignoring(LinkConfig::new(Role::Server)),
    );
    pair.tell(&stale(Message::notify("u", "")));
    pair.run();
    assert_eq!(id_of(&unopened(&pair.server.sent)[0]), 99);
}

#[test]
fn one_can_see_whether_a_reply_would_repeat_an_id() {
    for carries in [false, true] {
        let mut pair = Pair::new(LinkConfig::new(Role::Client), LinkConfig::new(Role::Server));
        let options = RequestOptions::new().with_correlation(carries);
        pair.request_with(&Message::request("u"), &options);
        let bytes = pair.client.outbound();
        let mut server = pair.server.link;
        server.receive(NOON, &bytes);
        match server.poll_event() {
            Some(Event::Message(inbound)) => assert_eq!(server.is_correlated(&inbound), carries),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn another_field_may_carry_ids() {
    let correlation = Correlation::default().with_field("req");
    let config = |role, requests| {
        let mut config = LinkConfig::new(role);
        config.correlation = correlation.clone().with_requests(requests);
        config
    };
    let mut pair = Pair::new(config(Role::Client, true), config(Role::Server, false));
    let requests = pair.unanswered(2);
    pair.answer(1, &Message::respond_uri("u", ""));
    assert_eq!(pair.client.answer().0, requests[1]);
    assert!(unopened(&pair.client.sent)[0].auth.get("rid").is_none());
}

#[test]
fn a_plugin_that_writes_the_field_is_the_callers_error() {
    let writes = |name| Layer::new().with_auth(HmacAuth::new("s").with_nonce_field(name));
    let clash = SendError::Seal(SealError::FieldClash("rid".into()));
    let ask = Message::request("u");
    for (outer, inner) in [(writes("rid"), Layer::new()), (Layer::new(), writes("rid"))] {
        let mut pair = correlated(outer);
        let options = RequestOptions::new().with_inner(inner.clone());
        let refused = pair.client.link.request(NOON, &ask, &options);
        assert_eq!(refused, Err(clash.clone()));
        assert_eq!(pair.client.link.pending_requests(), 0);
        // Without an id it is a request like any other, and its nonce no id.
        pair.server.node.on(REQUEST_URI, nothing, inner);
        let id = pair.request_with(&ask, &options.with_correlation(false));
        pair.run();
        pair.answer(0, &Message::respond_uri("u", ""));
        assert_eq!(pair.client.answer().0, id);
        let [asked, answered] =
            [&pair.client.sent, &pair.server.sent].map(|sent| unopened(sent).remove(0));
        assert_ne!(asked.auth.get_bytes("rid"), answered.auth.get_bytes("rid"));
    }
}

/// netaio's fields, behind one byte; it knows no ids if `narrow`.
struct Apart {
    narrow: bool,
}

impl AuthFormat for Apart {
    fn decode(&self, section: &[u8], limits: &DecodeLimits) -> Result<AuthFields, FrameErrorKind> {
        let fields = section.get(1..).unwrap_or_default().to_vec();
        AuthFields::decode(fields.into(), limits)
    }

    fn encode(&self, fields: &AuthFields, out: &mut Vec<u8>) -> Result<(), SealError> {
        if self.narrow && fields.get("rid").is_some() {
            return Err(SealError::Plugin("this format has no room for an id"));
        }
        out.push(b'!');
        fields.encode(out)
    }
}

#[test]
fn a_format_of_ones_own_carries_ids_or_says_that_it_cannot() {
    let config = |role, narrow| {
        LinkConfig::new(role).with_wire(Wire {
            codec: Codec::netaio().with_auth(Arc::new(Apart { narrow })),
            ..Wire::default()
        })
    };
    let pair = |narrow| {
        let client = asking(config(Role::Client, narrow));
        Pair::new(client, config(Role::Server, narrow))
    };
    let mut wide = pair(false);
    let requests = wide.unanswered(2);
    wide.answer(1, &Message::respond_uri("u", ""));
    assert_eq!(wide.client.answer().0, requests[1]);

    let mut narrow = pair(true);
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    let refused = narrow.client.link.request(NOON, &ask, &options);
    let expected = SealError::Plugin("this format has no room for an id");
    assert_eq!(refused, Err(SendError::Seal(expected)));
    assert_eq!(
        (
            narrow.client.link.queued(),
            narrow.client.link.pending_requests()
        ),
        (0, 0)
    );
}
