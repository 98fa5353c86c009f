//! Talks to the server example: echoes, writes a note, reads it, deletes it.
//!
//!     cargo run -p netaio-smol --example smol_client [ADDRESS]

// What it asks is the same on every runtime.
#[path = "notes/client.rs"]
mod notes;

use netaio_smol::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(notes::ask(Client::builder()))
}
