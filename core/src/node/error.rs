//! Why a node refuses what it is asked for.

use crate::error::LayerError;
use crate::peers::ManagementError;

/// Why peers are not managed. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerManagementError {
    /// The local peer cannot be introduced, or the management makes no sense.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// The inner layer does not go with the outer one, or hides the uri.
    #[error("the layer of peer management does not fit: {0}")]
    Layer(#[from] LayerError),
}
