//! Talks to the server example: echoes, writes a note, reads it, deletes it.
//!
//!     cargo run -p netaio-tokio --example client [ADDRESS]

// What it asks is the same on every runtime.
#[path = "notes/client.rs"]
mod notes;

use netaio_tokio::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    notes::ask(Client::builder()).await
}
