//! Talks to the server example: echoes, writes a note, reads it, deletes it.
//!
//!     cargo run -p netaio-async-std --example async_std_client [ADDRESS]

// What it asks is the same on every runtime.
#[path = "notes/client.rs"]
mod notes;

use netaio_async_std::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    async_std::task::block_on(notes::ask(Client::builder()))
}
