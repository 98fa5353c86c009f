//! The collector: keeps the last reading of each sensor, and tells its subscribers.

use std::collections::HashMap;
use std::path::Path as FilePath;
use std::sync::Mutex;
use std::time::Duration;

use netaio_tokio::events::prometheus;
use netaio_tokio::middleware::{RateLimit, Trace};
use netaio_tokio::tls::TlsListener;
use netaio_tokio::types::{CREATE_URI, DELETE_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI};
use netaio_tokio::{Json, Message, Path, Publisher, Remote, Reply, Server, State, Uri};

use crate::{Failure, Reading, session};

/// Sensors that are known at most.
const MOST_SENSORS: usize = 10_000;

type Sensors = Mutex<HashMap<String, Reading>>;

/// A handler that panicked leaves a table that is whole.
fn lock(sensors: &Sensors) -> std::sync::MutexGuard<'_, HashMap<String, Reading>> {
    sensors
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(crate) async fn run(address: &str, folder: &FilePath) -> Result<(), Failure> {
    let server = Server::builder()
        .auth(session::members()?)
        .state(Sensors::default())
        // Messages and the times of their handlers are counted, and a line is logged of each.
        .measure_times()
        .wrap(Trace::new())
        .wrap(RateLimit::new(1_000, Duration::from_secs(1)))
        .on((CREATE_URI, "sensors/{id}/readings"), create)
        .on((REQUEST_URI, "sensors/{id}/readings"), latest)
        .on((DELETE_URI, "sensors/{id}"), forget)
        .inner_auth(session::admins()?)
        .on(SUBSCRIBE_URI, |uri: Uri, who: Remote, news: Publisher| {
            let subscribed = news.subscribe(uri.0, who);
            subscribed.map(|_| "").map_err(|error| error.to_string())
        })
        .on(UNSUBSCRIBE_URI, |uri: Uri, who: Remote, news: Publisher| {
            news.unsubscribe(&uri, who);
        })
        .build()?;
    let listener = TlsListener::bind(address, session::server_config(folder)?)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    println!("listening on {}", listener.local_addr()?);
    server.serve(listener)?;
    tokio::signal::ctrl_c().await?;
    // Requests that have come are answered first.
    server.stop().await;
    eprint!("{}", prometheus([("collector", &server.metrics())]));
    Ok(())
}

async fn create(
    Path(id): Path<String>,
    Json(reading): Json<Reading>,
    request: Message,
    sensors: State<Sensors>,
    news: Publisher,
) -> Result<(), String> {
    {
        let mut sensors = lock(&sensors);
        if sensors.len() >= MOST_SENSORS && !sensors.contains_key(&id) {
            return Err("there are too many sensors".into());
        }
        sensors.insert(id, reading);
    }
    // Waits for subscribers that are slow, and cuts those that take nothing.
    let notice = Message::notify(request.uri.clone(), request.content);
    let told = news.publish(&request.uri, &notice).await;
    told.map(drop).map_err(|error| error.to_string())
}

fn latest(Path(id): Path<String>, sensors: State<Sensors>) -> Result<Json<Reading>, Reply> {
    let found = lock(&sensors).get(&id).copied();
    found
        .map(Json)
        .ok_or_else(|| Reply::not_found("this sensor has sent nothing"))
}

fn forget(Path(id): Path<String>, sensors: State<Sensors>) -> Result<(), Reply> {
    let known = lock(&sensors).remove(&id);
    known
        .map(drop)
        .ok_or_else(|| Reply::not_found("there is no such sensor"))
}
