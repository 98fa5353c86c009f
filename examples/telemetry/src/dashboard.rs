//! A dashboard: prints every reading of a sensor, and says where some may be missing.

use std::path::Path;

use netaio_tokio::Json;

use crate::{Failure, Reading, session};

pub(crate) async fn run(address: &str, folder: &Path, sensor: &str) -> Result<(), Failure> {
    let client = session::client(address, folder).await?;
    let mut readings = client
        .subscribe(format!("sensors/{sensor}/readings"))
        .await?;
    println!("subscribed");
    while let Some(next) = readings.next().await {
        match next {
            Ok(news) => {
                let Json(reading) = Json::<Reading>::from_bytes(&news.message.content)?;
                println!("{sensor} {}: {:.1}", reading.number, reading.celsius);
            }
            Err(missed) => println!("some may be missing: {missed}"),
        }
    }
    Ok(())
}
