//! netaio-async-std
