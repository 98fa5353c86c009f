//! A server that echoes, and keeps notes that only an admin may change.
//!
//!     cargo run -p netaio-smol --example smol_server [ADDRESS]

// What it serves is the same on every runtime.
#[path = "notes/server.rs"]
mod notes;

use netaio_smol::Server;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (interrupted, stop) = smol::channel::bounded(1);
    ctrlc::set_handler(move || {
        // A second Ctrl-C finds it full, and changes nothing.
        let _ = interrupted.try_send(());
    })?;
    smol::block_on(async {
        let server = notes::handlers(Server::builder());
        let server = server.bind(notes::address()).await?;
        println!("listening on {}; Ctrl-C stops", server.local_addr());
        stop.recv().await?;
        server.stop().await;
        Ok(())
    })
}
