#![no_std]
//! netaio-core
extern crate alloc;
pub mod packify;
