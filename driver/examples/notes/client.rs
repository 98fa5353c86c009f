//! What the client examples of all runtimes ask: an echo, then a note that is
//! written, read and deleted.

use netaio_driver::core::Layer;
use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::{ClientBuilder, Runtime};

/// Connects to the address that is the first argument, or to that of the server
/// examples.
pub(crate) async fn ask<R: Runtime>(
    client: ClientBuilder<R>,
) -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:8888");
    let client = client.auth(HmacAuth::new("secret")).build()?;
    let server = client.connect(address).await?;
    let admin = Layer::new().with_auth(HmacAuth::new("admin secret").with_hmac_field("camh"));

    let echo = server
        .request("echo")
        .content("hello")
        .await?
        .into_result()?;
    println!("echo: {}", String::from_utf8_lossy(&echo.content));

    let stored = server
        .create("note", "buy milk")
        .inner(admin.clone())
        .await?
        .into_result()?;
    println!("create: {}", String::from_utf8_lossy(&stored.content));

    let note = server.request("note").await?.into_result()?;
    println!("note: {}", String::from_utf8_lossy(&note.content));
    // An error message is an answer too; `ok` makes an error of it.
    let missing = server.request("no such note").await?.into_result();
    println!(
        "no such note: {:?}",
        missing.map_err(|error| error.to_string())
    );

    server.delete("note").inner(admin).await?.into_result()?;
    client.close().await;
    Ok(())
}
