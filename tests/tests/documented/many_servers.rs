//! One client, several servers.

use netaio_core::Message;
use netaio_core::types::{NOT_FOUND, OK, REQUEST_URI, RESPOND_URI};
use netaio_core::{Layer, plugin::HmacAuth};
use netaio_tests::python::Result;
use netaio_tokio::{Client, Connection, Server};

use super::{assert_message, python, run, serve};

#[tokio::test]
async fn a_python_client_has_two_of_our_servers() -> Result<()> {
    let python = python!();
    let mut servers = Vec::new();
    for name in ["0", "1"] {
        let server = Server::builder().on((REQUEST_URI, "who"), move |to: Connection| async move {
            to.send(Message::notify("who", name)).await.unwrap();
            name
        });
        servers.push(server.bind("127.0.0.1:0").await.unwrap());
    }
    let ports: Vec<_> = servers
        .iter()
        .map(|server| server.local_addr().port().to_string())
        .collect();
    let ports: Vec<_> = ports.iter().map(String::as_str).collect();
    run(&python, "many_servers.py", &ports).await?;
    for server in servers {
        server.stop().await;
    }
    Ok(())
}

#[tokio::test]
async fn our_client_has_two_python_servers() -> Result<()> {
    let python = python!();
    let one = serve(&python, "store_server.py", &[]).await?;
    let two = serve(&python, "store_server.py", &[]).await?;
    let client = Client::builder()
        .auth(HmacAuth::new("test"))
        .build()
        .unwrap();
    let to_one = client.connect(one.address).await.unwrap();
    let to_two = client.connect(two.address).await.unwrap();
    let admin = Layer::new().with_auth(HmacAuth::new("adminpassword").with_hmac_field("camh"));
    let answer = to_two.create("u", "two's").inner(admin).await.unwrap();
    assert_message(&answer, OK, "u", "stored");
    let (first, second) = tokio::join!(
        to_one.request("u").into_future(),
        to_two.request("u").into_future()
    );
    assert_message(&first.unwrap(), NOT_FOUND, "u", "not found");
    assert_message(&second.unwrap(), RESPOND_URI, "u", "two's");

    let names: Vec<_> = client
        .connections()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, [one.address.to_string(), two.address.to_string()]);
    // Without the first, the client's own requests go to the second.
    to_one.close().await;
    let answer = client.request("u").await.unwrap();
    assert_message(&answer, RESPOND_URI, "u", "two's");
    client.close().await;
    one.stop().await;
    two.stop().await;
    Ok(())
}
