//! A plain peer takes no content that is longer than a frame, and goes on as if nothing had been asked.

use netaio_core::Message;
use netaio_core::parts::PartsError;
use netaio_core::plugin::HmacAuth;
use netaio_core::types::{CREATE_URI, NOT_FOUND};
use netaio_driver::LongRequestError;
use netaio_tests::python::{Outer, PythonServer, Result, ServerOptions};
use netaio_tokio::{Client, LongRequest};
use tokio::task::spawn_blocking;

use super::python;

#[tokio::test]
async fn python_takes_no_long_content_and_goes_on() -> Result<()> {
    let python = python!();
    let outer = Outer {
        secret: Some("shared".to_owned()),
        ..Outer::default()
    };
    let options = ServerOptions {
        outer,
        ..ServerOptions::default()
    };
    let server = {
        let python = python.clone();
        spawn_blocking(move || PythonServer::start(&python, &options))
    };
    let server = server.await.unwrap()?;
    let client = Client::builder()
        .auth(HmacAuth::new("shared"))
        .build()
        .unwrap();
    let connection = client.connect(server.addr).await.unwrap();
    let long = Message::new(CREATE_URI, "long", vec![b'x'; 70_000]);
    let refused = LongRequest::new(long).send(&connection).await;
    let too_large = PartsError::TooLarge {
        len: 70_000,
        max: None,
    };
    assert_eq!(refused, Err(LongRequestError::Parts(too_large)));
    // Nothing of it was stored.
    let answer = connection.request("long").await.unwrap();
    assert_eq!(answer.message_type, NOT_FOUND);
    client.close().await;
    spawn_blocking(move || server.stop()).await.unwrap();
    Ok(())
}
