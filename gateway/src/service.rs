//! Requests that other processes answer.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, Message as NatsMessage, RequestErrorKind, Subject};
use bytes::Bytes;
use netaio_driver::core::{Message, MessageType, types};
use netaio_driver::{Remote, Reply};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::error::NatsError;
use crate::headers;
use crate::inbox::{Inbox, Received};
use crate::nats::Nats;
use crate::subject;

/// Those that answer the same uri share its requests: each goes to one of them.
const GROUP: &str = "netaio";

/// The most requests of one service that run at once in one process. Others wait in its queue.
const RUNNING: usize = 256;

/// A request that came over NATS: of a client of any gateway, or of a program that asks NATS.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceRequest {
    /// Its type: `REQUEST_URI` where the sender says nothing else, as programs of NATS do.
    pub message_type: MessageType,
    /// The uri that it is about.
    pub uri: Bytes,
    /// Its content.
    pub content: Bytes,
    /// The address of the client that asked its gateway.
    pub from: Option<String>,
    /// The id of the peer that the client is, in hexadecimal digits.
    pub peer: Option<String>,
    /// Whether the outer layer of its gateway has vouched for it.
    pub is_vouched: bool,
    /// How long whoever asks will wait; the handler is dropped then.
    pub timeout: Option<Duration>,
}

/// A uri that this process answers, until this is dropped: then it takes no more requests, and
/// answers those that it has.
#[derive(Debug)]
#[must_use = "a service ends when it is dropped"]
pub struct Service {
    stop: Option<oneshot::Sender<()>>,
    ended: Option<tokio::task::JoinHandle<()>>,
}

impl Service {
    /// Takes no more requests, and waits for the answers to those that it has.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(ended) = self.ended.take() {
            // It does not panic, and nobody aborts it.
            let _ = ended.await;
        }
    }
}

/// Serves what comes for a uri or a pattern.
pub(crate) async fn serve<F, Fut>(
    nats: Nats,
    tokens: String,
    handler: F,
) -> Result<Service, NatsError>
where
    F: Fn(ServiceRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let deadline = nats.deadline();
    nats.connected(deadline).await?;
    let subject = nats.subject("service", &tokens);
    let subscribed = nats.client.queue_subscribe(subject, GROUP.to_owned()).await;
    let requests = subscribed.map_err(NatsError::refused)?;
    // It is there for whoever is told of it.
    nats.round_trip(deadline).await?;
    let (stop, stopped) = oneshot::channel();
    let requests = Inbox::new(nats.clone(), requests);
    let running = run(nats, requests, stopped, Arc::new(handler));
    Ok(Service {
        stop: Some(stop),
        ended: Some(tokio::spawn(running)),
    })
}

async fn run<F, Fut>(
    nats: Nats,
    mut requests: Inbox,
    mut stopped: oneshot::Receiver<()>,
    handler: Arc<F>,
) where
    F: Fn(ServiceRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(RUNNING));
    let prefix = nats.subject("service", "");
    let mut is_stopping = false;
    loop {
        let place = room.clone().acquire_owned();
        let refuse = |message: NatsMessage| {
            if let Some(to) = message.reply {
                tokio::spawn(send_answer(nats.clone(), to, unavailable()));
            }
        };
        let Ok(permit) = requests.meanwhile(place, refuse).await else {
            break;
        };
        let received = tokio::select! {
            received = requests.next() => received,
            _ = &mut stopped, if !is_stopping => {
                is_stopping = true;
                // What has come already is still answered.
                if requests.drain().await.is_err() {
                    break;
                }
                continue;
            }
        };
        let Some(Received { message, .. }) = received else {
            break;
        };
        let Some(request) = read(&prefix, &message) else {
            continue;
        };
        let answering = answer(nats.clone(), request, message, handler.clone(), permit);
        tokio::spawn(answering);
    }
    // All have ended once nobody has room any more but this.
    let all = u32::try_from(RUNNING).unwrap_or(u32::MAX);
    let _ = room.acquire_many(all).await;
}

/// What a message of NATS asks for; `None` if its subject is that of no uri.
fn read(prefix: &str, message: &NatsMessage) -> Option<ServiceRequest> {
    let headers = message.headers.as_ref();
    let text = |name| headers::get(headers, name).map(str::to_owned);
    let timeout = headers::get(headers, headers::TIMEOUT).and_then(|millis| millis.parse().ok());
    Some(ServiceRequest {
        message_type: headers::message_type(headers).unwrap_or(types::REQUEST_URI),
        uri: subject::uri(message.subject.strip_prefix(prefix)?)?.into(),
        content: message.payload.clone(),
        from: text(headers::FROM),
        peer: text(headers::PEER),
        is_vouched: headers::get(headers, headers::VOUCHED) == Some("yes"),
        timeout: timeout.map(Duration::from_millis),
    })
}

async fn answer<F, Fut>(
    nats: Nats,
    request: ServiceRequest,
    message: NatsMessage,
    handler: Arc<F>,
    _permit: OwnedSemaphorePermit,
) where
    F: Fn(ServiceRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let time = request.timeout.unwrap_or(Duration::MAX);
    // A task of its own, so that a panic of the handler is an answer too.
    let mut handling = tokio::spawn(async move { handler(request).await });
    let reply = match timeout(time, &mut handling).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(panicked)) => {
            tracing::error!(%panicked, "the handler of a service has panicked");
            Reply::error("internal error")
        }
        Err(_elapsed) => {
            handling.abort();
            return;
        }
    };
    if let Some(to) = message.reply {
        send_answer(nats, to, reply).await;
    }
}

async fn send_answer(nats: Nats, to: Subject, reply: Reply) {
    let mut headers = HeaderMap::new();
    headers.insert(headers::TYPE, u8::from(reply.message_type()).to_string());
    let content = reply.content().clone();
    let client = &nats.client;
    let Ok(_room) = nats.room(&to, content.len(), nats.deadline()).await else {
        tracing::warn!("the answer of a service is not sent: NATS takes nothing");
        return;
    };
    if let Err(error) = client.publish_with_headers(to, headers, content).await {
        tracing::warn!(%error, "the answer of a service is not sent");
    }
}

/// Asks whoever answers the uri of a message.
pub(crate) async fn ask(nats: &Nats, message: &Message, from: Option<&Remote>) -> Reply {
    let tokens = match subject::tokens(&message.uri) {
        Ok(tokens) => tokens,
        Err(error) => return Reply::error(error.to_string()),
    };
    let deadline = nats.deadline();
    if nats.connected(deadline).await.is_err() {
        return unavailable();
    }
    let subject = nats.subject("service", &tokens);
    let Ok(room) = nats.room(&subject, message.content.len(), deadline).await else {
        return unavailable();
    };
    let left = deadline.saturating_duration_since(tokio::time::Instant::now());
    let mut headers = headers::of_sender(&nats.id, from);
    headers.insert(headers::TYPE, u8::from(message.message_type).to_string());
    headers.insert(headers::TIMEOUT, left.as_millis().to_string());
    let request = async_nats::Request::new()
        .payload(message.content.clone())
        .headers(headers)
        .timeout(Some(left));
    match nats.client.send_request(subject, request).await {
        Ok(answer) => {
            room.arrived();
            reply(message.message_type, answer)
        }
        Err(error) => match error.kind() {
            RequestErrorKind::NoResponders => {
                room.arrived();
                Reply::not_found("not found")
            }
            RequestErrorKind::MaxPayloadExceeded => Reply::error(error.to_string()),
            _ => unavailable(),
        },
    }
}

/// What a service says. A program of NATS names no type: its answer is the usual one, or the error
/// that NATS's own services mark.
fn reply(asked: MessageType, answer: NatsMessage) -> Reply {
    let headers = answer.headers.as_ref();
    if let Some(error) = headers::get(headers, "Nats-Service-Error") {
        return Reply::error(error.to_owned());
    }
    let usual = match asked {
        types::REQUEST_URI => types::RESPOND_URI,
        _ => types::OK,
    };
    Reply::new(
        headers::message_type(headers).unwrap_or(usual),
        answer.payload,
    )
}

fn unavailable() -> Reply {
    Reply::error("unavailable")
}
