//! netaio-tokio
