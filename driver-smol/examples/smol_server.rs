//! A server that echoes, and keeps notes that only an admin may change.
//!
//!     cargo run -p netaio-smol --example smol_server [ADDRESS]

use std::collections::HashMap;
use std::sync::Mutex;

use netaio_smol::plugin::HmacAuth;
use netaio_smol::types::{CREATE_URI, DELETE_URI, REQUEST_URI};
use netaio_smol::{Content, Reply, Server, State, Uri};
use smol::channel::Receiver;

/// What the handlers share: the content of each uri.
type Notes = Mutex<HashMap<String, Content>>;

async fn read(uri: Uri, notes: State<Notes>) -> Result<Content, Reply> {
    let notes = notes
        .lock()
        .map_err(|_| Reply::error("the notes are gone"))?;
    let note = notes.get(&uri.to_string()).cloned();
    note.ok_or_else(|| Reply::not_found("not found"))
}

async fn create(uri: Uri, content: Content, notes: State<Notes>) -> Result<&'static str, Reply> {
    let mut notes = notes
        .lock()
        .map_err(|_| Reply::error("the notes are gone"))?;
    notes.insert(uri.to_string(), content);
    Ok("stored")
}

async fn delete(uri: Uri, notes: State<Notes>) -> Result<&'static str, Reply> {
    let mut notes = notes
        .lock()
        .map_err(|_| Reply::error("the notes are gone"))?;
    match notes.remove(&uri.to_string()) {
        Some(_) => Ok("deleted"),
        None => Err(Reply::not_found("not found")),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sender, stop) = smol::channel::bounded(1);
    ctrlc::set_handler(move || {
        // A second Ctrl-C finds it full, and changes nothing.
        let _ = sender.try_send(());
    })?;
    smol::block_on(serve(stop))
}

async fn serve(stop: Receiver<()>) -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let admin = HmacAuth::new("admin secret").with_hmac_field("camh");
    let server = Server::builder()
        .auth(HmacAuth::new("secret"))
        .state(Notes::default())
        .on(
            (REQUEST_URI, "echo"),
            |content: Content| async move { content },
        )
        .on(REQUEST_URI, read)
        .on(CREATE_URI, create)
        .inner_auth(admin.clone())
        .on(DELETE_URI, delete)
        .inner_auth(admin)
        .bind(address.as_deref().unwrap_or("127.0.0.1:8888"))
        .await?;
    println!("listening on {}; Ctrl-C stops", server.local_addr());
    stop.recv().await?;
    server.stop().await;
    Ok(())
}
