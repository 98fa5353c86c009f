//! Authentication and encryption, in one layer and in two.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netaio_driver::core::plugin::{
    Aead, HmacAuth, PeerContext, ReplayWindow, SealContext, Sha256StreamCipher,
};
use netaio_driver::core::types::*;
use netaio_driver::core::{
    AuthErrorReply, AuthFailure, Layer, LayerError, Message, Now, RequestOptions, SealError,
    Sealer, SendError, SendOptions, Wire,
};
use netaio_driver::{BuildError, Client, Content, RequestError, Runtime, Server, UdpNode, Uri};

use super::raw::{dial, frame};
use super::support::{Counter, assert_hidden, assert_message, connect, listen, none, pair};
use crate::script::{Draw, Script};

/// Longer than any test runs.
const NEVER: Duration = Duration::from_secs(3600);

/// How long a request waits that is not going to be answered.
const SHORT: Duration = Duration::from_millis(20);

pub(super) fn hmac(secret: &str) -> HmacAuth {
    HmacAuth::new(secret)
}

pub(super) fn inner_hmac(secret: &str) -> HmacAuth {
    HmacAuth::new(secret).with_hmac_field("camh")
}

pub(super) fn cipher(key: &str) -> Sha256StreamCipher {
    Sha256StreamCipher::new(key)
}

fn inner_cipher(key: &str) -> Sha256StreamCipher {
    Sha256StreamCipher::new(key)
        .with_iv_field("vi")
        .with_plain_uri()
}

/// The outer layers that there are, by name.
pub(super) fn outer_layers() -> [(&'static str, Layer); 6] {
    let plain_uri = cipher("key").with_plain_uri();
    [
        ("plain", none()),
        ("hmac", none().with_auth(hmac("secret"))),
        ("cipher", none().with_cipher(cipher("key"))),
        ("plain uri", none().with_cipher(plain_uri)),
        ("aead", none().with_cipher(Aead::new("secret"))),
        (
            "both",
            none().with_auth(hmac("secret")).with_cipher(cipher("key")),
        ),
    ]
}

/// The inner layers that there are.
pub(super) fn inner_layers() -> [(&'static str, Layer); 5] {
    let (auth, cipher) = (inner_hmac("inner"), inner_cipher("inner key"));
    let aead = Aead::new("inner").with_field("inner").with_plain_uri();
    [
        ("plain", none()),
        ("hmac", none().with_auth(auth.clone())),
        ("cipher", none().with_cipher(cipher.clone())),
        ("both", none().with_auth(auth).with_cipher(cipher)),
        ("aead", none().with_cipher(aead)),
    ]
}

/// Every outer layer with every inner one carries requests and answers of all
/// sizes.
pub async fn every_pair_of_layers_carries_messages<R: Runtime>() {
    for (outer_name, outer) in outer_layers() {
        let mut server = Server::<R>::builder().outer(outer.clone());
        for (inner_name, inner) in inner_layers() {
            let echo = |content: Content| async move { content };
            server = server.on((REQUEST_URI, inner_name), echo).inner(inner);
        }
        let pair = pair(server, Client::builder().outer(outer)).await;
        for (inner_name, inner) in inner_layers() {
            for size in [0, 1, 31, 32, 33, 1000, 65_000] {
                let content = vec![b'x'; size];
                let request = pair.connection.request(inner_name).content(content.clone());
                let answer = request.inner(inner.clone()).timeout(NEVER).await;
                let answer = answer.unwrap_or_else(|error| {
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
    let listener = super::raw::RawListener::<R>::new().await;
    let client = Client::<R>::builder()
        .auth(hmac("secret"))
        .cipher(cipher("key"));
    let client = client.build().unwrap();
    let connection = client.connect(listener.address()).await.unwrap();
    let mut server = listener.accept().await;
    let message = Message::notify("a uri", "a content");
    let mut sealed = Vec::new();
    for _ in 0..2 {
        connection.send(message.clone()).await.unwrap();
        sealed.push(server.receive().await.unwrap());
    }
    assert_hidden(&sealed, "a uri", "a content");
}

/// A wrong secret is answered with an AUTH_ERROR that proves nothing, to every
/// kind of request; the connection lives.
pub async fn a_wrong_secret_is_an_auth_error<R: Runtime>() {
    let calls = Counter::default();
    let count = {
        let calls = calls.clone();
        move || {
            calls.add();
            "called"
        }
    };
    let server = Server::<R>::builder()
        .auth(hmac("right"))
        .default_handler(count);
    let server = listen(server).await;
    let wrong = Client::builder().auth(hmac("wrong"));
    for client in [wrong, Client::builder()] {
        let (_client, connection) = connect(client, &server).await;
        for request in [connection.request("u"), connection.create("u", "x")] {
            let answer = request.await.unwrap();
            assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
        }
        assert_eq!(connection.close_reason(), None);
    }
    let (_client, connection) = connect(Client::builder().auth(hmac("wrong")), &server).await;
    let answer = connection.request("u").await.unwrap();
    assert!(!answer.is_verified());
    assert_eq!(calls.get(), 0);

    let (_client, connection) = connect(Client::builder().auth(hmac("right")), &server).await;
    let answer = connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "called");
    assert!(answer.is_verified());
}

/// A server may keep silent to who fails a check.
pub async fn a_silent_server_says_nothing_to_strangers<R: Runtime>() {
    let server = Server::<R>::builder()
        .auth(hmac("right"))
        .auth_error(AuthErrorReply::Silent)
        .on(REQUEST_URI, || "here");
    let pair = pair(server, Client::builder().auth(hmac("wrong"))).await;
    let error = pair
        .connection
        .request("u")
        .timeout(SHORT)
        .await
        .unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    assert_eq!(pair.connection.close_reason(), None);
}

/// The frame of a request, sealed now by whoever knows the secret.
fn recorded(secret: &str, message: &Message) -> Vec<u8> {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut context = SealContext {
        now: Now::new(Duration::ZERO, unix.expect("a clock").as_secs()),
        rng: &mut Script::new([Draw::Bytes(vec![7; HmacAuth::NONCE_LEN])]),
        peers: PeerContext::default(),
    };
    let (wire, outer) = (Wire::default(), none().with_auth(hmac(secret)));
    let mut frame = Vec::new();
    Sealer::new()
        .seal(&wire, &outer, &none(), message, &mut context, &mut frame)
        .expect("the message can be sealed");
    frame
}

/// With a replay window a frame passes once, whichever connection it comes over.
pub async fn a_recorded_frame_passes_once<R: Runtime>() {
    let window = ReplayWindow::new(NEVER, 1000);
    let server = Server::<R>::builder()
        .auth(hmac("secret").with_replay_window(window))
        .on(CREATE_URI, || "done");
    let client = Client::builder().auth(hmac("secret"));
    let pair = pair(server, client).await;
    let frame = recorded("secret", &Message::create("u", ""));
    let (mut first, mut second) = (dial(&pair.server).await, dial(&pair.server).await);
    let answers = [(&mut first, OK), (&mut second, AUTH_ERROR)];
    for (raw, expected) in answers {
        raw.write(&frame).await.unwrap();
        let answer = raw.receive().await.unwrap();
        assert_eq!(answer.message_type, expected);
    }
    // What is sealed anew passes, however often it is asked.
    for _ in 0..3 {
        let answer = pair.connection.create("u", "").await.unwrap();
        assert_message(&answer, OK, "u", "done");
    }
}

/// A handler of the application's own decides what is answered to who fails a
/// check.
pub async fn an_auth_error_handler_decides<R: Runtime>() {
    let decide = |check: netaio_driver::core::FailedCheck| {
        let text = format!("{} {:?}", check.message_type, check.failure);
        (check.message_type != CREATE_URI).then(|| Message::not_permitted("", text))
    };
    let server = Server::<R>::builder()
        .auth(hmac("right"))
        .auth_error(AuthErrorReply::Handler(Arc::new(decide)))
        .on(REQUEST_URI, || "here");
    let pair = pair(server, Client::builder().auth(hmac("wrong"))).await;
    let answer = pair.connection.request("u").await.unwrap();
    let text = format!("REQUEST_URI {:?}", AuthFailure::Mismatch);
    assert_message(&answer, NOT_PERMITTED, "", text);
    assert!(!answer.is_verified());
    let error = pair.connection.create("u", "").timeout(SHORT).await;
    assert_eq!(error.unwrap_err(), RequestError::TimedOut(SHORT));
}

/// Whatever is answered to a failed inner check, the handler never runs.
pub async fn a_failed_inner_check_never_reaches_the_handler<R: Runtime>() {
    let calls = Counter::default();
    let replies = [
        AuthErrorReply::Plugin,
        AuthErrorReply::Silent,
        AuthErrorReply::Handler(Arc::new(|_| None)),
        AuthErrorReply::Handler(Arc::new(|_| Some(Message::auth_error("", "no")))),
    ];
    for reply in replies {
        let (told, heard) = async_channel::unbounded();
        let tell = move |content: Content| {
            let _ = told.try_send(content);
        };
        let count = {
            let calls = calls.clone();
            move || {
                calls.add();
            }
        };
        let server = Server::<R>::builder()
            .auth(hmac("outer"))
            .auth_error(reply)
            .on(CREATE_URI, count.clone())
            .inner_auth(inner_hmac("admin"))
            // netaio's own way in: the failed message's type names an error.
            .on(ERROR, count)
            .inner_auth(inner_hmac("admin"))
            .on(PUBLISH_URI, tell);
        let pair = pair(server, Client::builder().auth(hmac("outer"))).await;
        let wrong = none().with_auth(inner_hmac("wrong"));
        for inner in [none(), wrong] {
            let options = SendOptions::new().with_inner(inner);
            for kind in [CREATE_URI, ERROR] {
                let message = Message::new(kind, "u", "forged");
                let sent = pair.connection.send_with(message, options.clone());
                sent.await.unwrap();
            }
        }
        pair.connection
            .send(Message::publish("u", "alive"))
            .await
            .unwrap();
        assert_eq!(heard.recv().await.unwrap().to_string(), "alive");
        assert_eq!(calls.get(), 0);
    }
}

/// The answer to a failed inner check tells the requester.
pub async fn a_failed_inner_check_is_an_auth_error<R: Runtime>() {
    let server = Server::<R>::builder()
        .auth(hmac("outer"))
        .cipher(cipher("key"))
        .on(CREATE_URI, |uri: Uri| format!("{uri} created"))
        .inner_auth(inner_hmac("admin"));
    let client = Client::builder().auth(hmac("outer")).cipher(cipher("key"));
    let pair = pair(server, client).await;
    let wrong = none().with_auth(inner_hmac("wrong"));
    for inner in [none(), wrong] {
        let answer = pair.connection.create("u", "").inner(inner).await.unwrap();
        assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
        assert!(!answer.is_verified());
    }
    let right = none().with_auth(inner_hmac("admin"));
    let answer = pair.connection.create("u", "").inner(right).await.unwrap();
    assert_message(&answer, OK, "u", "u created");
}

/// An answer that lacks the request's inner layer does not end the request.
pub async fn an_answer_must_pass_the_requests_inner_layer<R: Runtime>() {
    let server = Server::<R>::builder().on(REQUEST_URI, || "unsealed");
    let pair = pair(server, Client::builder()).await;
    let inner = none().with_auth(inner_hmac("admin"));
    let request = pair.connection.request("u").inner(inner).timeout(SHORT);
    assert_eq!(request.await.unwrap_err(), RequestError::TimedOut(SHORT));
}

/// A forged message leaves a one-time handler where it is.
pub async fn a_one_time_handler_survives_a_forgery<R: Runtime>() {
    let server = Server::<R>::builder()
        .once(CREATE_URI, || "taken")
        .inner_auth(inner_hmac("admin"));
    let pair = pair(server, Client::builder()).await;
    let wrong = none().with_auth(inner_hmac("wrong"));
    for inner in [none(), wrong] {
        let answer = pair.connection.create("u", "").inner(inner).await.unwrap();
        assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    }
    let right = || none().with_auth(inner_hmac("admin"));
    let answer = pair
        .connection
        .create("u", "")
        .inner(right())
        .await
        .unwrap();
    assert_message(&answer, OK, "u", "taken");
    let answer = pair
        .connection
        .create("u", "")
        .inner(right())
        .await
        .unwrap();
    assert_message(&answer, NOT_FOUND, "", "not found");
}

/// A message that cannot be decrypted is dropped without a word.
pub async fn what_cannot_be_decrypted_is_dropped<R: Runtime>() {
    let server = Server::<R>::builder()
        .cipher(cipher("key"))
        .on(REQUEST_URI, || "here");
    let pair = pair(server, Client::builder()).await;
    let error = pair
        .connection
        .request("u")
        .timeout(SHORT)
        .await
        .unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    assert_eq!(pair.connection.close_reason(), None);
}

/// A message may leave the outer plugins out, and its receiver notices.
pub async fn options_leave_plugins_out<R: Runtime>() {
    let server = Server::<R>::builder()
        .auth(hmac("secret"))
        .cipher(cipher("key").with_plain_uri())
        .on(REQUEST_URI, |content: Content| content);
    let client = Client::builder()
        .auth(hmac("secret"))
        .cipher(cipher("key").with_plain_uri());
    let pair = pair(server, client).await;
    let with = |send: SendOptions| RequestOptions::new().with_send_options(send);
    let unsigned = pair
        .connection
        .request("u")
        .options(with(SendOptions::new().without_auth()));
    let answer = unsigned.await.unwrap();
    assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    // Signed but in the clear: it passes the check, and decrypts to nothing.
    let clear = with(SendOptions::new().without_cipher()).with_timeout(SHORT);
    let error = pair
        .connection
        .request("u")
        .options(clear)
        .await
        .unwrap_err();
    assert_eq!(error, RequestError::TimedOut(SHORT));
    let answer = pair.connection.request("u").content("x").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "x");

    // Towards a plain server both can be left out.
    let (told, heard) = async_channel::unbounded();
    let tell = move |content: Content| {
        let _ = told.try_send(content);
    };
    let plain = listen(Server::<R>::builder().on(PUBLISH_URI, tell)).await;
    let to = pair.client.connect(plain.local_addr()).await.unwrap();
    let neither = SendOptions::new().without_auth().without_cipher();
    let message = Message::publish("u", "clear");
    to.send_with(message, neither).await.unwrap();
    assert_eq!(heard.recv().await.unwrap().to_string(), "clear");
}

/// A secret that is empty is one that was forgotten: nothing starts with it.
pub async fn an_empty_secret_is_refused_at_the_start<R: Runtime>() {
    let empty = LayerError::EmptySecret;
    let outer = [
        none().with_auth(hmac("")),
        none().with_cipher(cipher("")),
        none().with_auth(hmac("secret")).with_cipher(cipher("")),
    ];
    for layer in outer {
        let server = Server::<R>::builder().outer(layer.clone());
        let error = server.bind("127.0.0.1:0").await.unwrap_err();
        assert!(matches!(error, BuildError::Outer(source) if source == empty));
        let client = Client::<R>::builder().outer(layer.clone()).build();
        assert!(matches!(client, Err(BuildError::Outer(_))));
        let node = UdpNode::<R>::builder().outer(layer).bind("127.0.0.1:0");
        assert!(matches!(node.await, Err(BuildError::Outer(_))));
    }
    let server = Server::<R>::builder()
        .on(CREATE_URI, || "never")
        .inner_auth(hmac(""));
    let error = server.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(error, BuildError::Layer { source, .. } if source == empty));

    let pair = pair(Server::<R>::builder(), Client::builder()).await;
    let request = pair
        .connection
        .request("u")
        .inner(none().with_auth(hmac("")));
    let refused = SendError::Seal(SealError::EmptySecret);
    assert_eq!(request.await.unwrap_err(), RequestError::Send(refused));
}

/// Layers that would write the same auth field are refused where they are
/// given: at the start, at run time, and with a request.
pub async fn layers_that_clash_are_refused<R: Runtime>() {
    let clash = || none().with_auth(hmac("inner"));
    let expected = LayerError::FieldClash("hmac".into());

    let server = Server::<R>::builder()
        .auth(hmac("outer"))
        .on((CREATE_URI, "u"), || "never")
        .inner(clash());
    let error = server.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(&error, BuildError::Layer { source, .. } if *source == expected));
    let client = Client::<R>::builder()
        .auth(hmac("outer"))
        .on(NOTIFY_URI, || ())
        .inner_auth(hmac("inner"));
    assert!(matches!(client.build(), Err(BuildError::Layer { .. })));
    let server = Server::<R>::builder()
        .inner_auth(hmac("inner"))
        .on(CREATE_URI, || "never");
    let error = server.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(error, BuildError::InnerBeforeHandler));

    let server = Server::<R>::builder()
        .auth(hmac("outer"))
        .on(REQUEST_URI, || "fine");
    let pair = pair(server, Client::builder().auth(hmac("outer"))).await;
    let (server, client) = (&pair.server, &pair.client);
    assert_eq!(
        server.on(CREATE_URI, || "never", clash()),
        Err(expected.clone().into())
    );
    assert_eq!(
        server.once(CREATE_URI, || "never", clash()),
        Err(expected.clone().into())
    );
    assert_eq!(
        client.on(NOTIFY_URI, || (), clash()),
        Err(expected.clone().into())
    );
    let error = pair
        .connection
        .request("u")
        .inner(clash())
        .await
        .unwrap_err();
    let clash = SealError::FieldClash("hmac".into());
    assert_eq!(error, RequestError::Send(SendError::Seal(clash)));
    let answer = pair.connection.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "fine");
}

/// Too many failed checks close the connection, as its limit says.
pub async fn too_many_failed_checks_close_the_connection<R: Runtime>() {
    const FAILURES: usize = 3;
    let limits = netaio_driver::core::Limits::default()
        .with_failures(FAILURES)
        .unwrap();
    let server = Server::<R>::builder().auth(hmac("secret")).limits(limits);
    let server = listen(server).await;
    let mut raw = dial(&server).await;
    raw.write(&frame(REQUEST_URI, "u", "").repeat(FAILURES + 5))
        .await
        .unwrap();
    let answers = raw.receive_all().await;
    assert!(
        (FAILURES..=FAILURES + 1).contains(&answers.len()),
        "{answers:?}"
    );
    for answer in answers {
        assert_message(&answer, AUTH_ERROR, "ERROR", "HMAC auth failed");
    }
}
