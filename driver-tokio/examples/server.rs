//! A server that echoes, and keeps notes that only an admin may change.
//!
//!     cargo run -p netaio-tokio --example server [ADDRESS]

// What it serves is the same on every runtime.
#[path = "notes/server.rs"]
mod notes;

use netaio_tokio::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = notes::handlers(Server::builder());
    let server = server.bind(notes::address()).await?;
    println!("listening on {}; Ctrl-C stops", server.local_addr());
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    Ok(())
}
