//! An argument that is no extractor.

use netaio_tokio::handler::debug_handler;

fn main() {
    debug_handler(|number: u64| number.to_string());
}
