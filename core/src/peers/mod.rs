//! The table of peers, and its automatic management.

mod discovery;
mod table;

pub use self::discovery::{
    Discovery, IntroductionError, ManagementConfig, ManagementError, PeerEvent, PeerMessage,
    RemovalReason,
};
pub use self::table::{Expired, KnownPeer, PeerChange, PeerRefused, PeerTable};
