//! Without the function that says why.

use netaio_tokio::Server;
use netaio_tokio::types::REQUEST_URI;

fn main() {
    let _ = Server::builder().on(REQUEST_URI, |number: u64| number.to_string());
}
