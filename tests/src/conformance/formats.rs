//! Contents in a format, and how handlers fail.

use std::collections::BTreeMap;
use std::io;

use netaio_driver::core::types::*;
use netaio_driver::core::{Message, MessageType};
use netaio_driver::{
    Content, Failure, FormatError, Json, NoReply, Packed, Postcard, Reply, RequestError, Runtime,
    Server, Uri,
};
use serde::{Deserialize, Serialize};

/// How long one waits for what must not come.
const SHORT: std::time::Duration = std::time::Duration::from_millis(50);

use super::support::{assert_message, plain_pair};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Reading {
    sensor: u32,
    celsius: f64,
}

/// Handlers take and return values in JSON, packify and postcard, and clients send and take them.
pub async fn values_cross_in_their_format<R: Runtime>() {
    let hotter = |mut reading: Reading| {
        reading.celsius += 1.0;
        reading
    };
    let server = Server::<R>::builder()
        .on((CREATE_URI, "json"), move |Json(reading)| {
            Json(hotter(reading))
        })
        .on(
            (CREATE_URI, "postcard"),
            move |Postcard(reading)| async move { Postcard(hotter(reading)) },
        )
        .on((CREATE_URI, "packed"), move |Packed(reading)| {
            Packed(hotter(reading))
        })
        // What Python cannot hash is no key.
        .on((CREATE_URI, "no form of packify"), || {
            Packed(BTreeMap::from([(vec![1], 3)]))
        })
        // Keys have to be text.
        .on((CREATE_URI, "no form"), || {
            Json(BTreeMap::from([((1, 2), 3)]))
        });
    let pair = plain_pair(server).await;
    let reading = Reading {
        sensor: 7,
        celsius: 20.5,
    };
    let expected = hotter(reading.clone());
    let request = pair.connection.create("json", "").json(&reading).unwrap();
    let answer = request.await.unwrap();
    assert_eq!(&answer.content[..], br#"{"sensor":7,"celsius":21.5}"#);
    assert_eq!(answer.json::<Reading>(), Ok(expected.clone()));
    let request = pair.connection.create("postcard", "").postcard(&reading);
    let answer = request.unwrap().await.unwrap();
    assert_eq!(answer.postcard::<Reading>(), Ok(expected.clone()));
    let request = pair.connection.create("packed", "").packed(&reading);
    let answer = request.unwrap().await.unwrap();
    assert_eq!(answer.packed::<Reading>(), Ok(expected));

    let whats_wrong = "the content as JSON: missing field `celsius` at line 1 column 12";
    for (uri, content, expected) in [
        ("json", "{\"sensor\":7}", whats_wrong),
        (
            "postcard",
            "\u{7}12345678more",
            "the content as postcard: 4 bytes behind the value",
        ),
        (
            "packed",
            "\0more",
            "the content as packify: 4 bytes behind the value",
        ),
        (
            "packed",
            "C\u{1}x",
            "the content as packify: found str \"x\", expected struct Reading",
        ),
        ("no form", "", "the handler failed"),
        ("no form of packify", "", "the handler failed"),
    ] {
        let answer = pair.connection.create(uri, content).await.unwrap();
        assert_message(&answer, ERROR, uri, expected);
        let refused = answer.json::<Reading>();
        assert!(
            matches!(refused, Err(FormatError::Response(error)) if error.0.content == expected)
        );
    }
    // What is told of a content is short, however long that is.
    let long = format!("\"{}\"", "x".repeat(10_000));
    let answer = pair.connection.create("json", long).await.unwrap();
    assert!(answer.is_error() && answer.content.len() < 300);
}

/// An `Err` is an error, whatever it holds, and what a library's error says stays here.
pub async fn an_err_is_no_success<R: Runtime>() {
    fn fail<E>(error: E) -> Result<&'static str, E> {
        Err(error)
    }
    let not_found = || Reply::not_found("no such");
    let server = Server::<R>::builder()
        .on((REQUEST_URI, "text"), || fail("text"))
        .on((REQUEST_URI, "string"), || fail(String::from("string")))
        .on((REQUEST_URI, "bytes"), || async { fail(&b"bytes"[..]) })
        .on((REQUEST_URI, "unit"), || fail(()))
        .on((REQUEST_URI, "reply"), move || fail(not_found()))
        .on((REQUEST_URI, "fine reply"), || fail(Reply::ok("ok")))
        .on((REQUEST_URI, "fine message"), |uri: Uri| {
            fail(Message::respond_uri(uri.0, "fine"))
        })
        .on((REQUEST_URI, "failure"), |_: Content| async {
            Err::<(), _>(io::Error::other("the password is 1234"))?;
            Ok::<_, Failure>("never")
        })
        .on((REQUEST_URI, "none"), || fail(NoReply));
    let pair = plain_pair(server).await;
    let cases: [(&str, MessageType, &str); 8] = [
        ("text", ERROR, "text"),
        ("string", ERROR, "string"),
        ("bytes", ERROR, "bytes"),
        ("unit", ERROR, ""),
        ("reply", NOT_FOUND, "no such"),
        ("fine reply", ERROR, "ok"),
        ("fine message", ERROR, "fine"),
        ("failure", ERROR, "the handler failed"),
    ];
    for (uri, kind, expected) in cases {
        let answer = pair.connection.request(uri).await.unwrap();
        assert_message(&answer, kind, uri, expected);
        assert!(answer.into_result().is_err());
    }
    let silent = pair.connection.request("none");
    let answer = silent.timeout(SHORT).await;
    assert!(matches!(answer, Err(RequestError::TimedOut(_))));
}
