//! The field that carries ids.

use super::correlation::{asking, correlated, id_of, ids, ignoring, with_id};
use super::*;
use crate::correlation::Correlation;
use crate::error::{FrameErrorKind, SealError};
use crate::message::types::*;
use crate::message::{AuthFields, AuthFormat, Codec};
use crate::packify::{DecodeLimits, Value};

#[test]
fn requests_carry_ids_only_where_that_is_wanted() {
    let ask = Message::request("u");
    let plain = RequestOptions::new();
    let unless_told = Pair::new(LinkConfig::new(), LinkConfig::new());
    for (mut pair, default) in [
        (Pair::plain(), false),
        (unless_told, true),
        (correlated(Layer::new()), true),
    ] {
        pair.request_with(&ask, &plain);
        pair.request_with(&ask, &plain.clone().with_correlation(true));
        pair.request_with(&ask, &plain.clone().with_correlation(false));
        let notify = Message::notify("u", "");
        let options = SendOptions::new();
        pair.client.send(NOON, &notify, &options).unwrap();
        let sent = unopened(&pair.client.outbound());
        let carry: Vec<_> = sent.iter().map(|sent| !sent.auth.is_empty()).collect();
        assert_eq!(carry, [default, true, false, false]);
    }
}

#[test]
fn every_combination_of_layers_carries_ids() {
    let outer = [Layer::new(), hmac("secret"), cipher("key")];
    let inner = [
        inner_hmac("admin"),
        inner_hmac("admin").with_cipher(inner_cipher("inner")),
    ];
    let all = outer
        .iter()
        .flat_map(|outer| inner.iter().map(move |inner| (outer, inner)));
    for (outer, inner) in all {
        let mut pair = correlated(outer.clone());
        pair.server
            .node
            .on(REQUEST_URI, nothing, inner.clone())
            .unwrap();
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

/// Its uri is hidden from whoever looks for a request by it.
#[test]
fn an_answer_whose_uri_is_hidden_is_known_by_its_id() {
    let hiding = Sha256StreamCipher::new("inner").with_iv_field("vi");
    let inner = Layer::new().with_cipher(hiding);
    let server = ignoring(LinkConfig::new());
    let mut pair = Pair::new(asking(LinkConfig::new()), server);
    let options = RequestOptions::new().with_inner(inner.clone());
    let requests = ["u", "u", "v"].map(|uri| {
        let request = Message::request(uri);
        pair.request_with(&request, &options)
    });
    pair.run();
    let options = SendOptions::new().with_inner(inner);
    let ids = ids(&pair);
    for (uri, nth) in [("v", 2), ("u", 1), ("u", 0)] {
        let answer = with_id(Message::respond_uri(uri, "content"), ids[nth]);
        pair.server.send(NOON, &answer, &options).unwrap();
        pair.run();
        let (ended, answer) = pair.client.answer();
        assert_eq!((ended, &answer.uri[..]), (requests[nth], uri.as_bytes()));
        assert_eq!(answer.content, "content");
    }
}

#[test]
fn any_short_value_is_repeated_as_it_came() {
    let mut server = End::server(LinkConfig::new(), 2);
    server.node.on(REQUEST_URI, echo, Layer::new()).unwrap();
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
        server.receive(NOON, &frame(&request));
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
    pair.server
        .node
        .on(REQUEST_URI, handler, Layer::new())
        .unwrap();
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
    let mut pair = Pair::new(ignoring(LinkConfig::new()), ignoring(LinkConfig::new()));
    pair.tell(&stale(Message::notify("u", "")));
    pair.run();
    assert_eq!(id_of(&unopened(&pair.server.sent)[0]), 99);
}

#[test]
fn requests_without_ids_are_handled_one_by_one() {
    for carries in [false, true] {
        let mut pair = Pair::new(LinkConfig::new(), limited(side_by_side(2)));
        let node = &mut pair.server.node;
        node.on(REQUEST_URI, nothing, Layer::new()).unwrap();
        let options = RequestOptions::new().with_correlation(carries);
        for _ in 0..3 {
            pair.request_with(&Message::request("u"), &options);
        }
        pair.run();
        let handled = if carries { 2 } else { 1 };
        assert_eq!(pair.server.link.calls_in_flight(), handled);
    }
}

#[test]
fn another_field_may_carry_ids() {
    let correlation = Correlation::default().with_field("req");
    let config = |requests| {
        let mut config = limited(side_by_side(2));
        config.correlation = correlation.clone().with_requests(requests);
        config
    };
    let mut pair = Pair::new(config(true), config(false));
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
        let config = LinkConfig::new().with_outer(outer);
        let mut pair = Pair::new(asking(config.clone()), config);
        let options = RequestOptions::new().with_inner(inner.clone());
        let refused = pair.client.request(NOON, &ask, &options);
        assert_eq!(refused, Err(clash.clone()));
        assert_eq!(pair.client.link.pending_requests(), 0);
        // Without an id it is a request like any other, and its nonce no id. It goes without
        // where nobody said that it is to have one.
        let unless_told = LinkConfig::new().with_outer(pair.client.node.config().outer.clone());
        pair.client = End::client(unless_told, 1);
        pair.server.node.on(REQUEST_URI, nothing, inner).unwrap();
        let id = pair.request_with(&ask, &options);
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
    let pair = |narrow| {
        let config = LinkConfig::new().with_wire(Wire {
            codec: Codec::netaio().with_auth(Arc::new(Apart { narrow })),
            limits: side_by_side(2),
            ..Wire::default()
        });
        Pair::new(asking(config.clone()), config)
    };
    let mut wide = pair(false);
    let requests = wide.unanswered(2);
    wide.answer(1, &Message::respond_uri("u", ""));
    assert_eq!(wide.client.answer().0, requests[1]);

    let mut narrow = pair(true);
    let (ask, options) = (Message::request("u"), RequestOptions::new());
    let unless_told = LinkConfig::new().with_wire((*narrow.client.node.config().wire).clone());
    let refused = narrow.client.request(NOON, &ask, &options);
    let expected = SealError::Plugin("this format has no room for an id");
    assert_eq!(refused, Err(SendError::Seal(expected)));
    assert_eq!(
        (
            narrow.client.link.queued(),
            narrow.client.link.pending_requests()
        ),
        (0, 0)
    );
    // Unless it is told to, a request carries none where that cannot be.
    let mut unless_told = Pair::new(unless_told.clone(), unless_told);
    let request = unless_told.unanswered(1)[0];
    unless_told.answer(0, &Message::respond_uri("u", ""));
    assert_eq!(unless_told.client.answer().0, request);
}
