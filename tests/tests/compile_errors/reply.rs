//! A value that is no reply.

use netaio_tokio::Uri;
use netaio_tokio::handler::debug_handler;

fn main() {
    debug_handler(|_: Uri| 7_u32);
}
