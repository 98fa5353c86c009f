//! A device: sends a reading whenever it has one, whatever becomes of the collector meanwhile.

use std::path::Path;
use std::time::Duration;

use netaio_tokio::plugin::Layer;

use crate::{Failure, Reading, session};

/// How long the collector may be away.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time between two readings.
const PERIOD: Duration = Duration::from_millis(100);

pub(crate) async fn run(address: &str, folder: &Path, sensor: &str) -> Result<(), Failure> {
    let client = session::client(address, folder).await?;
    let uri = format!("sensors/{sensor}/readings");
    let mut clock = tokio::time::interval(PERIOD);
    for number in 0_u32.. {
        clock.tick().await;
        let reading = Reading {
            number: number.into(),
            celsius: 20.0 + f64::from(number % 10) / 10.0,
        };
        // A reading may come twice: what matters is that it comes, if the collector is back
        // within the minute.
        let sent = client.create(uri.clone(), "").json(&reading)?;
        sent.idempotent().timeout(PATIENCE).await?.into_result()?;
    }
    Ok(())
}

/// Has the collector forget a sensor, which admins alone may.
pub(crate) async fn forget(address: &str, folder: &Path, sensor: &str) -> Result<(), Failure> {
    let client = session::client(address, folder).await?;
    let admin = Layer::new().with_auth(session::admins()?);
    let uri = format!("sensors/{sensor}");
    client.delete(uri).inner(admin).await?.into_result()?;
    println!("forgotten");
    client.close().await;
    Ok(())
}
