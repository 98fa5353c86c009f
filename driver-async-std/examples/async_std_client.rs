//! Talks to the server example: echoes, writes a note, reads it, deletes it.
//!
//!     cargo run -p netaio-async-std --example async_std_client [ADDRESS]

use async_std::task;
use netaio_async_std::plugin::HmacAuth;
use netaio_async_std::{Client, Layer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    task::block_on(ask())
}

async fn ask() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:8888");
    let client = Client::builder().auth(HmacAuth::new("secret")).build()?;
    let server = client.connect(address).await?;
    let admin = Layer::new().with_auth(HmacAuth::new("admin secret").with_hmac_field("camh"));

    let echo = server.request("echo").content("hello").await?.ok()?;
    println!("echo: {}", String::from_utf8_lossy(&echo.content));

    let stored = server
        .create("note", "buy milk")
        .inner(admin.clone())
        .await?
        .ok()?;
    println!("create: {}", String::from_utf8_lossy(&stored.content));

    // Many requests may wait at the same time; each gets its own answer.
    let first = task::spawn(server.request("note").into_future());
    let second = task::spawn(server.request("no such note").into_future());
    let (first, second) = (first.await, second.await);
    println!("note: {}", String::from_utf8_lossy(&first?.ok()?.content));
    println!(
        "no such note: {:?}",
        second?.ok().map_err(|error| error.to_string())
    );

    server.delete("note").inner(admin).await?.ok()?;
    client.close().await;
    Ok(())
}
