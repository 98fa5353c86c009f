//! A server of ours that stops, and a client of the package.

use netaio_driver::core::Limits;
use netaio_driver::core::types::*;
use netaio_driver::{Runtime, Server};

use super::exchanges::assert_answer;
use super::{PATIENCE, blocking};
use crate::puppet::Answer;
use crate::python::{Outer, Python, PythonClient};

/// What it asks during the stop is answered with an `ERROR` like any other, while the answer of
/// the handler that runs comes as ever.
pub async fn python_is_refused_by_a_server_that_stops<R: Runtime>(python: &Python) {
    let (door, opened) = async_channel::bounded::<()>(1);
    let (begun, has_begun) = async_channel::unbounded();
    let slow = move || {
        let (begun, opened) = (begun.clone(), opened.clone());
        async move {
            begun.send(()).await.unwrap();
            let _ = opened.recv().await;
            "slow"
        }
    };
    // What comes before the server knows that it stops is answered beside the one that runs.
    let limits = Limits::default().with_handlers_per_connection(2).unwrap();
    let server = Server::<R>::builder()
        .limits(limits)
        .on((REQUEST_URI, "slow"), slow)
        .on((REQUEST_URI, "fast"), || "fast");
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let (python, address) = (python.clone(), server.local_addr());
    let (kind, ask) = (REQUEST_URI.value(), b"");
    let client = blocking(move || {
        let mut client = PythonClient::connect(&python, address, &Outer::default()).unwrap();
        client.timeout = PATIENCE;
        client.send_with_id(kind, b"slow", ask, 0).unwrap();
        client
    });
    let mut client = client.await;
    has_begun.recv().await.unwrap();
    let stopping = {
        let (server, (done, stopped)) = (server.clone(), async_channel::bounded(1));
        R::spawn(async move {
            server.stop_within(2 * PATIENCE).await;
            let _ = done.send(()).await;
        });
        stopped
    };
    let asked = blocking(move || {
        for id in 1.. {
            client.send_with_id(kind, b"fast", ask, id).unwrap();
            let answer = client.next().unwrap();
            let Answer::Message { rid, .. } = &answer else {
                panic!("{answer:?}");
            };
            assert_eq!(*rid, Some(id));
            if answer.message().unwrap().0 == "ERROR" {
                let text = b"not handled: this side is stopping";
                assert_answer(&answer, "ERROR", b"fast", text);
                break;
            }
            assert_answer(&answer, "RESPOND_URI", b"fast", b"fast");
        }
        door.close();
        let answer = client.next().unwrap();
        assert_answer(&answer, "RESPOND_URI", b"slow", b"slow");
    });
    asked.await;
    stopping.recv().await.unwrap();
}
