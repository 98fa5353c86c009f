//! The gateway to NATS.

use std::sync::Arc;

use netaio_driver::resources::LocalBus;
use netaio_gateway::{Gateway, GatewayOptions};

use crate::args::{RuntimeName, Serve};
use crate::error::CliError;

/// Connects to the servers that the options name.
///
/// # Errors
/// They are none, or cannot be used.
pub(super) async fn connect(
    servers: &str,
    options: &Serve,
    local: &Arc<LocalBus>,
) -> Result<Gateway, CliError> {
    if !matches!(options.runtime.runtime, RuntimeName::Tokio) {
        let text = "--nats is there with --runtime tokio alone";
        return Err(CliError::Usage(text.to_owned()));
    }
    let told = &options.nats;
    let mut gateway = GatewayOptions::new(servers)?
        .with_prefix(&told.nats_prefix)?
        .with_replicas(told.nats_replicas)?;
    if let Some(file) = &told.nats_creds {
        gateway = gateway.with_credentials(file);
    }
    if let Some(staleness) = told.nats_cached_reads {
        gateway = gateway.with_cached_reads(staleness)?;
    }
    Ok(Gateway::connect(gateway, local.clone()).await?)
}
