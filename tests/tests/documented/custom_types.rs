//! The README's custom message types.

use netaio_core::{Message, MessageType, MessageTypes, RegisterError};
use netaio_tests::python::Result;
use netaio_tokio::{Client, Content, Reply, Server};

use super::{assert_message, python, run, serve};

/// The types with both of the README's, and these two.
fn types() -> (MessageTypes, MessageType, MessageType) {
    let mut types = MessageTypes::base();
    let custom = types.register(50, "CUSTOM_ACTION").unwrap();
    let another = types.register(51, "ANOTHER_ACTION").unwrap();
    (types, custom, another)
}

#[test]
fn reserved_values_are_refused_as_in_the_readme() {
    let mut types = MessageTypes::base();
    for reserved in [0, 10, 14, 30] {
        let refused = types.register(reserved, "MINE");
        assert_eq!(refused, Err(RegisterError::Reserved(reserved)));
    }
    assert_eq!(types.iter().count(), MessageType::BASE.len());
}

#[tokio::test]
async fn a_custom_action_asks_python() -> Result<()> {
    let python = python!();
    let server = serve(&python, "custom_types.py", &[]).await?;
    let (types, custom, another) = types();
    let client = Client::builder().types(types).build().unwrap();
    client.connect(server.address).await.unwrap();
    let request = client.request_message(Message::new(custom, "u", "abc"));
    let answer = request.accept(another).await.unwrap();
    assert_message(&answer, another, "u", "cba");
    client.close().await;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_custom_action_is_asked_by_python() -> Result<()> {
    let python = python!();
    let (types, custom, another) = types();
    let reverse = move |content: Content| {
        let reversed: Vec<u8> = content.iter().rev().copied().collect();
        Reply::new(another, reversed)
    };
    let server = Server::builder().types(types).on((custom, "u"), reverse);
    let server = server.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().port().to_string();
    run(&python, "custom_types.py", &[&port]).await?;
    server.stop().await;
    Ok(())
}
