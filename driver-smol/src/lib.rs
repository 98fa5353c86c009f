//! netaio-smol
