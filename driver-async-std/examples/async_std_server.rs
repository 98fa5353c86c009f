//! A server that echoes, and keeps notes that only an admin may change.
//!
//!     cargo run -p netaio-async-std --example async_std_server [ADDRESS]

// What it serves is the same on every runtime.
#[path = "notes/server.rs"]
mod notes;

use netaio_async_std::Server;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (interrupted, stop) = async_std::channel::bounded(1);
    ctrlc::set_handler(move || {
        // A second Ctrl-C finds it full, and changes nothing.
        let _ = interrupted.try_send(());
    })?;
    async_std::task::block_on(async {
        let server = notes::handlers(Server::builder());
        let server = server.bind(notes::address()).await?;
        println!("listening on {}; Ctrl-C stops", server.local_addr());
        stop.recv().await?;
        server.stop().await;
        Ok(())
    })
}
