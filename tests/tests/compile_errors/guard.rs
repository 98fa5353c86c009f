//! A guard that is held over an await.

use std::sync::Mutex;

use netaio_tokio::handler::debug_async_handler;
use netaio_tokio::{State, Uri};

async fn handle(_: Uri, count: State<Mutex<u32>>) -> &'static str {
    let mut guard = count.lock().unwrap();
    std::future::ready(()).await;
    *guard += 1;
    "counted"
}

fn main() {
    debug_async_handler(handle);
}
