//! How long a message waits that is sent while no server is there, in paused time.

use std::io;
use std::time::Duration;

use netaio_tokio::config::TokioClock;
use netaio_tokio::{AutoReconnect, Client, Message};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_message_waits_ten_seconds_for_a_server() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder()
        .clock(TokioClock::new())
        .connector(|_| async { Err(io::ErrorKind::ConnectionRefused.into()) })
        .auto_reconnect(AutoReconnect::persistent())
        .build()?;
    let connecting = client.clone();
    let connecting = tokio::spawn(async move { connecting.connect_persistent("away").await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    let late = client.send(Message::publish("u", "held")).await;
    let late = late.expect_err("there is no server");
    assert_eq!(
        late.to_string(),
        "not connected: no `connect` has succeeded, or the server is being reconnected"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    client.close().await;
    assert!(connecting.await?.is_err());
    Ok(())
}
