//! An argument that is borrowed.

use netaio_tokio::Uri;
use netaio_tokio::handler::debug_handler;

fn main() {
    debug_handler(|uri: &Uri| uri.to_string());
}
