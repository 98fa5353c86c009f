//! netaio-driver
