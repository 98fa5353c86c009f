//! What the server examples of all runtimes serve: echoes, and notes that only
//! an admin may change. On a runtime's own `ServerBuilder` one writes the same.

use std::collections::HashMap;
use std::sync::Mutex;

use netaio_driver::core::plugin::HmacAuth;
use netaio_driver::core::types::{CREATE_URI, DELETE_URI, REQUEST_URI};
use netaio_driver::{Content, Reply, Runtime, ServerBuilder, State, Uri};

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
    // As a slice it would keep the buffer alive that it was received in.
    notes.insert(uri.to_string(), content.into_owned());
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

/// Every message is authenticated, and those that change something once more.
pub(crate) fn handlers<R: Runtime>(server: ServerBuilder<R>) -> ServerBuilder<R> {
    let admin = HmacAuth::new("admin secret").with_hmac_field("camh");
    server
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
}

/// Where to listen: the first argument, if there is one.
pub(crate) fn address() -> String {
    let given = std::env::args().nth(1);
    given.unwrap_or_else(|| "127.0.0.1:8888".into())
}
