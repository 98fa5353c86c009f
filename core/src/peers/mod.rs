//! The table of peers, and its automatic management.

mod discovery;
mod table;

pub use self::discovery::{
    Discovery, DiscoveryEvent, IntroductionError, ManagementConfig, ManagementError, PeerMessage,
    RemovalReason,
};
pub use self::table::{Expired, Known, PeerChange, PeerRefused, PeerTable};
