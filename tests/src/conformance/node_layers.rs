//! Authentication and encryption between UDP nodes, in one layer and in two.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthErrorReply, FailedCheck, LayerError, Message, RequestOptions, SealError, SendError,
    SendOptions,
};
use netaio_driver::{
    BuildError, Content, RequestError, Runtime, UdpEvent, UdpEvents, UdpNode, Uri,
};

use super::layers::{cipher, hmac, inner_hmac, inner_layers, outer_layers};
use super::raw::frame;
use super::raw_node::{RawNode, bind_node, plain_node};
use super::support::{Counter, assert_hidden, assert_message, none};

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(20);

/// Waits until a node has refused so many messages.
async fn refusals(events: &mut UdpEvents, count: usize) {
    for _ in 0..count {
        while !matches!(events.next().await.unwrap(), UdpEvent::Refused { .. }) {}
    }
}

/// Every outer layer with every inner one carries requests and answers of all
/// sizes.
pub async fn every_pair_of_layers_carries_messages<R: Runtime>() {
    for (outer_name, outer) in outer_layers() {
        let mut node = UdpNode::<R>::builder().outer(outer.clone());
        for (inner_name, inner) in inner_layers() {
            let echo = |content: Content| async move { content };
            node = node.on((REQUEST_URI, inner_name), echo).inner(inner);
        }
        let node = bind_node(node).await;
        let asking = bind_node(UdpNode::<R>::builder().outer(outer)).await;
        for (inner_name, inner) in inner_layers() {
            for size in [0, 1, 31, 32, 33, 1000, 65_000] {
                let content = vec![b'x'; size];
                let request = asking.request(node.local_addr(), inner_name);
                let request = request.content(content.clone()).inner(inner.clone());
                let answer = request.await.unwrap_or_else(|error| {
                    panic!("{outer_name}, {inner_name}, {size} bytes: {error}")
                });
                assert_message(&answer, RESPOND_URI, inner_name, &content);
                assert!(answer.is_verified());
            }
        }
    }
}

/// What is sealed is not on the wire for everybody to read, nor twice the same.
pub async fn sealed_messages_hide_their_content<R: Runtime>() {
    let sealing = UdpNode::<R>::builder()
        .auth(hmac("secret"))
        .cipher(cipher("key"));
    let node = bind_node(sealing).await;
    let raw = RawNode::<R>::new().await;
    let message = Message::notify("a uri", "a content");
    let mut sealed = Vec::new();
    for _ in 0..2 {
        node.send(raw.address(), message.clone()).await.unwrap();
        sealed.push(raw.receive().await);
    }
    assert_hidden(&sealed, "a uri", "a content");
}

/// Who fails the check is told so, with no plugin applied, and the handler never
/// runs. Who has a secret of its own believes no such word.
pub async fn a_wrong_secret_is_told_unsealed<R: Runtime>() {
    let calls = Counter::default();
    let count = {
        let calls = calls.clone();
        move || {
            calls.add();
            "called"
        }
    };
    let node = UdpNode::<R>::builder()
        .auth(hmac("right"))
        .cipher(cipher("key"))
        .default_handler(count);
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    for kind in [REQUEST_URI, NOTIFY_URI, ADVERTISE_PEER] {
        raw.send(&frame(kind, "u", ""), node.local_addr()).await;
        let told = raw.receive().await;
        assert_message(&told, AUTH_ERROR, "ERROR", "HMAC auth failed");
        assert!(told.auth.is_empty());
    }
    let plain = plain_node::<R>().await;
    let answer = plain.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");

    let sealed = |secret| UdpNode::<R>::builder().auth(hmac(secret));
    let wrong = bind_node(sealed("wrong").cipher(cipher("key"))).await;
    let mut events = wrong.events();
    let request = wrong.request(node.local_addr(), "u").timeout(SHORT);
    assert_eq!(request.await.unwrap_err(), RequestError::TimedOut(SHORT));
    refusals(&mut events, 1).await;
    assert_eq!(node.metrics().datagrams.refused, 5);
    assert_eq!(calls.get(), 0);
    let right = bind_node(sealed("right").cipher(cipher("key"))).await;
    let answer = right.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "called");
}

/// A node may keep silent to who fails a check.
pub async fn a_silent_node_says_nothing_to_strangers<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .auth(hmac("right"))
        .auth_error(AuthErrorReply::Silent)
        .on(REQUEST_URI, || "here");
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    raw.send(&frame(REQUEST_URI, "u", ""), node.local_addr())
        .await;
    let friend = bind_node(UdpNode::<R>::builder().auth(hmac("right"))).await;
    let answer = friend.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    assert_eq!(node.metrics().datagrams.refused, 1);
    // The next is the first that comes.
    let message = Message::notify("u", "later");
    node.send(raw.address(), message).await.unwrap();
    assert_message(&raw.receive().await, NOTIFY_URI, "u", "later");
}

/// A handler of the application's own decides what is answered to who fails a
/// check. It is asked about no error message, whatever its type.
pub async fn an_auth_error_handler_decides<R: Runtime>() {
    let decide = |check: FailedCheck| {
        let text = format!("{}", check.message_type);
        (check.message_type != CREATE_URI).then(|| Message::not_permitted("", text))
    };
    let node = UdpNode::<R>::builder()
        .auth(hmac("right"))
        .auth_error(AuthErrorReply::Handler(Arc::new(decide)));
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    let unanswered = [CREATE_URI, ERROR, AUTH_ERROR, NOT_FOUND, NOT_PERMITTED];
    for kind in unanswered.into_iter().chain([REQUEST_URI]) {
        raw.send(&frame(kind, "u", ""), node.local_addr()).await;
    }
    let told = raw.receive().await;
    assert_message(&told, NOT_PERMITTED, "", "REQUEST_URI");
}

/// Whatever is answered to a failed inner check, the handler never runs; an error
/// tells who asked for something.
pub async fn a_failed_inner_check_never_reaches_the_handler<R: Runtime>() {
    let calls = Counter::default();
    let count = {
        let calls = calls.clone();
        move |uri: Uri| {
            calls.add();
            uri
        }
    };
    let node = UdpNode::<R>::builder()
        .on(CREATE_URI, count.clone())
        .inner_auth(inner_hmac("admin"))
        .on(ERROR, count)
        .inner_auth(inner_hmac("admin"));
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let wrong = none().with_auth(inner_hmac("wrong"));
    for inner in [none(), wrong] {
        let options = SendOptions::new().with_inner(inner.clone());
        let forged = Message::error("u", "forged");
        let sent = asking.send_with(node.local_addr(), forged, options);
        sent.await.unwrap();
        let answer = asking.create(node.local_addr(), "u", "").inner(inner);
        let answer = answer.await.unwrap();
        assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    }
    assert_eq!((calls.get(), node.metrics().datagrams.refused), (0, 4));
    let right = none().with_auth(inner_hmac("admin"));
    let answer = asking.create(node.local_addr(), "u", "").inner(right);
    assert_message(&answer.await.unwrap(), OK, "u", "u");
    assert_eq!(calls.get(), 1);
}

/// An answer that lacks the request's inner layer does not end the request.
pub async fn an_answer_must_pass_the_requests_inner_layer<R: Runtime>() {
    let node = bind_node(UdpNode::<R>::builder().on(REQUEST_URI, || "unsealed")).await;
    let asking = plain_node::<R>().await;
    let inner = none().with_auth(inner_hmac("admin"));
    let mut events = asking.events();
    let request = asking.request(node.local_addr(), "u").inner(inner);
    let request = async { Some(request.await) };
    let refused = async {
        refusals(&mut events, 1).await;
        None
    };
    // The request is waiting still.
    assert_eq!(future::or(request, refused).await, None);
}

/// A forged message leaves a one-time handler where it is.
pub async fn a_one_time_handler_survives_a_forgery<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .once(CREATE_URI, || "taken")
        .inner_auth(inner_hmac("admin"));
    let node = bind_node(node).await;
    let asking = plain_node::<R>().await;
    let create = |secret| {
        let inner = none().with_auth(inner_hmac(secret));
        let request = asking.create(node.local_addr(), "u", "").inner(inner);
        async move { request.await.unwrap() }
    };
    let answer = create("wrong").await;
    assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    let answer = create("admin").await;
    assert_message(&answer, OK, "u", "taken");
    let answer = create("admin").await;
    assert_message(&answer, NOT_FOUND, "ERROR", "not found");
}

/// A message that cannot be decrypted is dropped without a word.
pub async fn what_cannot_be_decrypted_is_dropped<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .cipher(cipher("key"))
        .on(REQUEST_URI, || "here");
    let node = bind_node(node).await;
    let raw = RawNode::<R>::new().await;
    raw.send(&frame(REQUEST_URI, "u", ""), node.local_addr())
        .await;
    let friend = bind_node(UdpNode::<R>::builder().cipher(cipher("key"))).await;
    let answer = friend.request(node.local_addr(), "u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "here");
    assert_eq!(node.metrics().datagrams.refused, 1);
    let options = SendOptions::new().without_cipher();
    let message = Message::notify("u", "later");
    let sent = node.send_with(raw.address(), message, options);
    sent.await.unwrap();
    assert_message(&raw.receive().await, NOTIFY_URI, "u", "later");
}

/// A message may leave the outer plugins out, and its receiver notices.
pub async fn options_leave_plugins_out<R: Runtime>() {
    let sealing = || {
        UdpNode::<R>::builder()
            .auth(hmac("secret"))
            .cipher(cipher("key").with_plain_uri())
    };
    let node = bind_node(sealing().on(REQUEST_URI, |content: Content| content)).await;
    let asking = bind_node(sealing()).await;
    let plain = RawNode::<R>::new().await;
    let both = SendOptions::new();
    let neither = both.clone().without_auth().without_cipher();
    let (no_auth, no_cipher) = (both.clone().without_auth(), both.clone().without_cipher());
    for (options, auth, sealed) in [
        (both, true, true),
        (no_auth.clone(), false, true),
        (no_cipher.clone(), true, false),
        (neither, false, false),
    ] {
        let message = Message::notify("u", "content");
        let sent = asking.send_with(plain.address(), message, options);
        sent.await.unwrap();
        let seen = plain.receive().await;
        assert_eq!(seen.auth.get_bytes("hmac").is_some(), auth);
        assert_eq!(seen.auth.get_bytes("iv").is_some(), sealed);
        assert_eq!(seen.content == "content", !sealed);
    }
    let mut events = node.events();
    for options in [no_auth, no_cipher] {
        let options = RequestOptions::new().with_send_options(options);
        let request = asking.request(node.local_addr(), "u");
        let request = request.options(options.with_timeout(SHORT));
        assert_eq!(request.await.unwrap_err(), RequestError::TimedOut(SHORT));
    }
    refusals(&mut events, 2).await;
    let request = asking.request(node.local_addr(), "u").content("x");
    assert_message(&request.await.unwrap(), RESPOND_URI, "u", "x");
}

/// Layers that would write the same auth field are refused where they are given:
/// at the start, at run time, and with what is sent.
pub async fn layers_that_clash_are_refused<R: Runtime>() {
    let clash = || none().with_auth(hmac("inner"));
    let expected = LayerError::FieldClash("hmac".into());
    let sealing = || UdpNode::<R>::builder().auth(hmac("outer"));
    let error = sealing().on((CREATE_URI, "u"), || "never").inner(clash());
    let error = error.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(&error, BuildError::Layer { source, .. } if *source == expected));

    let node = bind_node(sealing().on(REQUEST_URI, || "fine")).await;
    let refused = Err(expected.into());
    let expected = SealError::FieldClash("hmac".into());
    assert_eq!(node.on(CREATE_URI, || "never", clash()), refused);
    assert_eq!(node.once(CREATE_URI, || "never", clash()), refused);
    let to = node.local_addr();
    let options = || SendOptions::new().with_inner(clash());
    let message = Message::notify("u", "");
    let error = node.send_with(to, message.clone(), options()).await;
    assert_eq!(error, Err(SendError::Seal(expected.clone())));
    let error = node.request(to, "u").inner(clash()).await.unwrap_err();
    assert_eq!(error, RequestError::Send(SendError::Seal(expected.clone())));
    let publisher = node.publisher();
    let error = publisher.notify_with("u", &message, options()).unwrap_err();
    assert_eq!(error, expected);
    let error = publisher.broadcast_with(&message, options()).unwrap_err();
    assert_eq!(error, expected);
}
