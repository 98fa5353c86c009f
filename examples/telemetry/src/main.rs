//! A whole service over TLS: devices send readings to a collector, which keeps the last one of
//! each sensor, and a dashboard is told of all of them. Devices and dashboards survive restarts of
//! the collector.
//!
//! ```sh
//! cargo run -p netaio-telemetry -- collector 127.0.0.1:8888 /var/lib/telemetry
//! cargo run -p netaio-telemetry -- device localhost:8888 /var/lib/telemetry kitchen
//! cargo run -p netaio-telemetry -- dashboard localhost:8888 /var/lib/telemetry kitchen
//! cargo run -p netaio-telemetry -- forget localhost:8888 /var/lib/telemetry kitchen
//! ```
//!
//! The folder has the collector's certificate, which the others believe. The secrets are in
//! the environment: `TELEMETRY_SECRET`, and `TELEMETRY_ADMIN_SECRET` for `forget`.
#![forbid(unsafe_code)]

mod collector;
mod dashboard;
mod device;
mod session;

use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a sensor has measured.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Reading {
    /// Counts the readings of a device since its start.
    number: u64,
    celsius: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("telemetry: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["collector", address, folder] => collector::run(address, Path::new(folder)).await,
        ["device", address, folder, sensor] => {
            device::run(address, Path::new(folder), sensor).await
        }
        ["dashboard", address, folder, sensor] => {
            dashboard::run(address, Path::new(folder), sensor).await
        }
        ["forget", address, folder, sensor] => {
            device::forget(address, Path::new(folder), sensor).await
        }
        _ => Err(
            "collector ADDRESS FOLDER, or device, dashboard or forget ADDRESS FOLDER SENSOR".into(),
        ),
    }
}
