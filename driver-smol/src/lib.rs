//! netaio on smol: not written yet. Use `netaio-tokio` until then.
#![forbid(unsafe_code)]
