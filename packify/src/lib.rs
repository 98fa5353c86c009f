//! packify 0.4.0, a serialisation of Python's values, byte for byte.
//!
//! [netaio](https://docs.rs/netaio-core) packs the auth fields of its messages and the data of
//! its peers with it. This crate reads and writes the same bytes as the Python package of that
//! name, with `alloc` alone, and is made for bytes of strangers: no input panics, recurses
//! without a bound or allocates before all of it was validated within [`DecodeLimits`].
//!
//! # The format
//!
//! A packed value is a code byte and its payload. The code's two high bits give the
//! [width](#widths) of the length (or the number) behind it, its six low bits the type:
//!
//! | low bits | type | behind the code |
//! | --- | --- | --- |
//! | 0 | none | nothing |
//! | 1, 2, 3, 8 | bytes, bytearray, str, decimal (as text) | length, that many bytes |
//! | 4, 5 | int >= 0, int < 0 | the magnitude; without width: a size byte, then the magnitude |
//! | 6 | bool | one byte, true unless 0 |
//! | 7 | float | 8 bytes, IEEE 754 |
//! | 10, 11, 12, 13 | list, set, tuple, dict | item-width byte, count, a length per item, the items |
//! | 14, 15 | int >= 0, int < 0 | four bytes of size, then the magnitude |
//! | 20 | packable, an application's own type | length of name, length of data, name, data |
//!
//! ## Widths
//!
//! 00 is no length at all, 01 one byte, 10 two, 11 four, big-endian like everything else.
//! Packing takes the smallest that fits; unpacking takes any. Types whose payload has no
//! length (none, bool, float, 14 and 15) are accepted with all four.
//!
//! The items of a dict are tuples of key and value. Dicts and sets are packed in the order
//! of their packed items, so that equal values have equal bytes. Each item is unpacked from
//! its own slice; bytes behind the value in a slice, and behind the outermost value, are
//! ignored.
//!
//! # Which type to use
//!
//! - [`ValueRef`] looks at packed bytes in place and allocates nothing: for what has to be
//!   read before the sender has proved anything.
//! - [`Value`] owns what it holds: to build values, or to keep them.
//! - [`put_none`] and its siblings write packed bytes straight into a buffer.
//!
//! ```
//! use netaio_packify::{DecodeLimits, Dict, Value, ValueRef};
//!
//! let fields = Dict::from_pairs([("ts".into(), 7.into()), ("hmac".into(), b"mac".into())])?;
//! let packed = Value::from(fields).to_vec()?;
//!
//! let (view, consumed) = ValueRef::parse(&packed, &DecodeLimits::DEFAULT)?;
//! assert_eq!(consumed, packed.len());
//! let pairs = view.as_dict().unwrap();
//! assert_eq!(pairs.get("hmac").and_then(|mac| mac.as_bytes()), Some(&b"mac"[..]));
//!
//! // Kept beyond the buffer that it was received in.
//! let owned = view.to_value();
//! assert_eq!(owned.to_vec()?, packed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Values of one's own types
//!
//! With the cargo feature `serde`, which is off and needs no `std` either, `to_vec` packs what
//! serde can serialize, and `from_slice` reads it: a struct is a dict with the names of its
//! fields. [`Value`], [`Set`], [`Dict`], [`Int`] and [`Decimal`] may be inside.
#![no_std]
#![forbid(unsafe_code)]
// Which cargo feature an item needs, on its page.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

extern crate alloc;

mod code;
mod collections;
#[cfg(feature = "serde")]
mod convert;
mod debug;
mod decimal;
mod decode;
mod encode;
mod equality;
mod error;
mod head;
mod int;
mod int_ref;
mod items;
mod lengths;
mod natural;
mod order;
mod pack;
mod short;
mod single;
mod slices;
/// The program of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

#[cfg(test)]
mod tests;
mod unpack;
mod value;
mod view;

#[cfg(feature = "serde")]
pub use convert::{
    SerdeError, SerdeErrorKind, as_bytes, as_set, from_slice, from_value, to_value, to_vec,
};
pub use decimal::{Decimal, InvalidDecimal};
pub use decode::{DecodeLimits, MAX_DEPTH};
pub use encode::{
    prefixed_len, put_bool, put_bytearray, put_bytes, put_bytes_item, put_dict_header, put_float,
    put_i64, put_int, put_none, put_str, put_tuple2_header, put_u64, tuple2_header_len,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, Unhashable};
pub use int::{Int, OutOfRange};
pub use int_ref::IntRef;
pub use items::{PackedItems, PackedPair, PackedPairs};
pub use single::put_single_field;
pub use value::{Dict, Packable, Set, Value};
pub use view::{Items, Pairs, ValueRef, is_packed_str};
