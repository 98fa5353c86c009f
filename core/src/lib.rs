//! The netaio protocol, without I/O.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod error;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod link;
mod message;
mod node;
mod now;
pub mod packify;
pub mod plugin;
mod seal;
mod wire;

pub use error::*;
pub use frame::{Deframer, Frame, SealedMessage};
pub use limits::{Limits, LimitsError};
pub use link::{
    Answer, AuthErrorHandler, AuthErrorReply, Deadline, DeadlineReason, Dispatched, Event,
    FailedCheck, Inbound, Link, LinkConfig, Refusal, ReplyToken, RequestId, RequestOptions, Role,
    Router, SendOptions,
};
pub use message::*;
pub use node::{Key, KeyExtractor, Node, Route, RouteId};
pub use now::Now;
pub use plugin::Layer;
pub use seal::Sealer;
pub use wire::Wire;
