//! Handlers whose keys are patterns of uris.

use std::collections::HashMap;

use netaio_driver::core::types::*;
use netaio_driver::core::{Captures, Key, Layer, PatternError, RouteError};
use netaio_driver::{
    BuildError, FromPath, Path, PathError, Request, Runtime, Server, Text, UdpNode,
};

use super::raw_node::{bind_node, plain_node};
use super::support::{assert_message, listen, plain_pair};

/// A pattern's handler gets the parts of the uri, and uris that are keys go before.
pub async fn a_pattern_captures_parts_of_the_uri<R: Runtime>() {
    struct All(HashMap<String, String>);
    impl FromPath for All {
        fn from_path(captures: &Captures<'_, '_>) -> Result<Self, PathError> {
            let all = captures.iter();
            Ok(Self(
                all.map(|(name, part)| (name.into(), part.into())).collect(),
            ))
        }
    }
    let server = Server::<R>::builder()
        .on(
            (CREATE_URI, "sensors/{id}/readings"),
            |Path(id): Path<u32>, reading: Text| async move { format!("{id}: {}", &*reading) },
        )
        .on((CREATE_URI, "sensors/main/readings"), || "the main one")
        .on(
            (CREATE_URI, "rooms/{room}/{*rest}"),
            |path: Path<(String, String)>| format!("{:?}", path.0),
        )
        .on(
            (REQUEST_URI, "rooms/{room}/{*rest}"),
            |Path(all): Path<All>, request: Request| {
                let pattern = request.pattern().map(|pattern| pattern.as_str().to_owned());
                format!("{} {} {}", all.0["room"], all.0["rest"], pattern.unwrap())
            },
        )
        .on(Key::exact(CREATE_URI, "{id}"), || "braces")
        .on((CREATE_URI, "wrong/{id}"), |_: Path<(u8, u8)>| "never")
        .on((CREATE_URI, "none"), |_: Path<u8>| "never");
    let pair = plain_pair(server).await;
    let not_set_up = "the server is not set up for this request";
    for (uri, kind, expected) in [
        ("sensors/7/readings", OK, "7: 20.5"),
        ("sensors/main/readings", OK, "the main one"),
        ("sensors/x/readings", ERROR, "the uri's {id} does not fit"),
        ("rooms/hall/a/b", OK, r#"("hall", "a/b")"#),
        ("{id}", OK, "braces"),
        ("wrong/7", ERROR, not_set_up),
        ("none", ERROR, not_set_up),
    ] {
        let answer = pair.connection.create(uri, "20.5").await.unwrap();
        assert_message(&answer, kind, uri, expected);
    }
    let answer = pair.connection.request("rooms/hall/a/b").await.unwrap();
    let expected = "hall a/b rooms/{room}/{*rest}";
    assert_message(&answer, RESPOND_URI, "rooms/hall/a/b", expected);
    for uri in ["sensors//readings", "sensors/7", "7"] {
        let answer = pair.connection.create(uri, "").await.unwrap();
        assert_eq!(answer.message_type, NOT_FOUND, "{uri}");
    }
}

/// What is no pattern, or conflicts with another, is an error where it is registered.
pub async fn patterns_that_conflict_are_refused<R: Runtime>() {
    let conflict = RouteError::Pattern(PatternError::Conflict {
        pattern: "a/{name}".into(),
        with: "a/{id}".into(),
    });
    let key = || (REQUEST_URI, "a/{id}");
    let builder = Server::<R>::builder().on(key(), || "id");
    let both = builder.on((REQUEST_URI, "a/{name}"), || "name");
    let error = both.bind("127.0.0.1:0").await.unwrap_err();
    assert!(matches!(error, BuildError::Key(error) if error == conflict));
    let server = listen(Server::<R>::builder().on(key(), || "id")).await;
    let refused = server.on((REQUEST_URI, "a/{name}"), || "name", Layer::new());
    assert_eq!(refused, Err(conflict));
    let refused = server.on((REQUEST_URI, "a/{"), || "open", Layer::new());
    let invalid = RouteError::Pattern(PatternError::Invalid {
        pattern: "a/{".into(),
        reason: "a name stands for a whole segment; `{{` and `}}` are braces",
    });
    assert_eq!(refused, Err(invalid));
    // Its place is free once it is removed.
    assert!(server.remove(key()) && !server.remove(key()));
    let name = |Path(name): Path<String>| name;
    server
        .on((REQUEST_URI, "a/{name}"), name, Layer::new())
        .unwrap();
    server.stop().await;
}

/// A UDP node has patterns too, of all senders or of one, and for one message.
pub async fn a_node_has_patterns<R: Runtime>() {
    let node = UdpNode::<R>::builder()
        .on((REQUEST_URI, "a/{id}"), |Path(id): Path<u8>| {
            format!("all {id}")
        })
        .once((REQUEST_URI, "a/{id}"), |Path(id): Path<u8>| {
            format!("once {id}")
        });
    let node = bind_node(node).await;
    let (one, two) = (plain_node::<R>().await, plain_node::<R>().await);
    let key = (REQUEST_URI, "a/{id}", one.local_addr());
    let of_one = |Path(id): Path<u8>| async move { format!("one {id}") };
    node.on(key, of_one, Layer::new()).unwrap();
    for (asking, expected) in [(&one, "one 7"), (&two, "once 7"), (&two, "all 7")] {
        let answer = asking.request(node.local_addr(), "a/7").await.unwrap();
        assert_message(&answer, RESPOND_URI, "a/7", expected);
    }
}
