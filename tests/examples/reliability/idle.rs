//! Connections that wait.

use netaio_tokio::Client;

use crate::Error;
use crate::server::Process;

/// The server's memory for so many connections, each of which has asked once.
pub(crate) async fn measure(count: usize) -> Result<(), Error> {
    let server = Process::start()?;
    // The first one pays for what all share.
    let client = Client::builder().build()?;
    let first = client.connect(server.address).await?;
    first.request("echo").await?.into_result()?;
    let before = server.resident()?;
    for _ in 1..count {
        let connection = client.connect(server.address).await?;
        connection
            .request("echo")
            .content("hi")
            .await?
            .into_result()?;
    }
    let after = server.resident()?;
    // They are still there.
    for (_, connection) in client.connections() {
        connection
            .request("echo")
            .content("hi")
            .await?
            .into_result()?;
    }
    let each = after.saturating_sub(before) as f64 / count.saturating_sub(1).max(1) as f64;
    println!("idle: {count} connections, {each:.2} KiB of server RSS each (goal: at most 4)");
    Ok(())
}
