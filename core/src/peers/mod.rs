//! The peers that are known, and how they find one another.

mod discovery;
mod table;

pub use self::discovery::{
    Discovery, GoneReason, IntroductionError, ManagementConfig, ManagementError, PeerEvent,
    PeerMessage,
};
pub use self::table::{Known, PeerChange, PeerRefused, Peers, Silent};
