//! Which peers there are, and which gateway has each: kept in a stream of NATS, for a time.

use std::time::Duration;

use async_nats::jetstream::stream::{self, StorageType, Stream};
use async_nats::{HeaderMap, RequestErrorKind};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use netaio_driver::core::{Message, types};

use crate::error::{ConnectError, NatsError, PeerError};
use crate::headers;
use crate::nats::Nats;
use crate::options::GatewayOptions;
use crate::subject;

/// The stream that has one message for each peer, with the gateway that has it, for a time.
#[derive(Clone)]
pub(crate) struct Presence {
    pub(crate) nats: Nats,
    stream: Stream,
    pub(crate) time_to_live: Duration,
}

impl Presence {
    pub(crate) async fn open(
        nats: &Nats,
        options: &GatewayOptions,
        time_to_live: Duration,
    ) -> Result<Self, ConnectError> {
        let name = format!("NETAIO_PEERS_{}", options.prefix);
        let config = stream::Config {
            name: name.clone(),
            description: Some("peers of netaio servers, and who has them".to_owned()),
            subjects: vec![nats.subject("peer", ">")],
            max_messages_per_subject: 1,
            max_age: time_to_live,
            num_replicas: options.replicas,
            storage: StorageType::Memory,
            ..stream::Config::default()
        };
        let failed = |error: &dyn std::fmt::Display| ConnectError::Bucket {
            bucket: name.clone(),
            reason: error.to_string(),
        };
        let stream = nats.jetstream.get_or_create_stream(config).await;
        let stream = stream.map_err(|error| failed(&error))?;
        // Whoever was first has decided.
        let time_to_live = stream.cached_info().config.max_age;
        Ok(Self {
            nats: nats.clone(),
            stream,
            time_to_live,
        })
    }

    /// The ids of all peers, at most so many.
    pub(crate) async fn list(&self, most: usize) -> Result<Vec<Bytes>, NatsError> {
        let deadline = self.nats.deadline();
        let prefix = self.nats.subject("peer", "");
        let list = async {
            self.nats.connected(deadline).await?;
            let subjects = self.stream.info_with_subjects(format!("{prefix}>")).await;
            let subjects = subjects.map_err(|_unanswered| NatsError::Unavailable)?;
            let ids = subjects.take(most).map_ok(|(subject, _)| {
                let tokens = subject.strip_prefix(&prefix)?;
                subject::uri(tokens).map(Bytes::from)
            });
            let ids = ids.try_collect::<Vec<_>>().await;
            let ids = ids.map_err(|_unanswered| NatsError::Unavailable)?;
            Ok(ids.into_iter().flatten().collect())
        };
        self.nats.by(deadline, list).await?
    }

    /// Sends a message to a peer, by the gateway that has it.
    pub(crate) async fn send(&self, id: &[u8], message: &Message) -> Result<(), PeerError> {
        let deadline = self.nats.deadline();
        let subject = self.subject(id)?;
        let uri = subject::tokens(&message.uri).map_err(NatsError::from)?;
        let send = async {
            self.nats.connected(deadline).await?;
            let found = self.stream.get_last_raw_message_by_subject(&subject).await;
            let found = found.map_err(|error| match error.kind() {
                stream::RawMessageErrorKind::NoMessageFound => PeerError::Nowhere,
                _ => NatsError::Unavailable.into(),
            })?;
            let gateway = headers::get(Some(&found.headers), headers::GATEWAY);
            let to = self.nats.subject("to", gateway.ok_or(PeerError::Nowhere)?);
            let room = self.nats.room(&to, message.content.len(), deadline).await?;
            let mut headers = HeaderMap::new();
            headers.insert(headers::GATEWAY, &*self.nats.id);
            headers.insert(headers::TYPE, u8::from(message.message_type).to_string());
            headers.insert(headers::URI, uri);
            headers.insert(headers::TO, subject);
            let client = &self.nats.client;
            let sent = client.request_with_headers(to, headers, message.content.clone());
            let answer = sent.await.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => PeerError::Nowhere,
                RequestErrorKind::MaxPayloadExceeded => NatsError::refused(error).into(),
                _ => NatsError::Unavailable.into(),
            })?;
            room.arrived();
            match headers::message_type(answer.headers.as_ref()) {
                Some(types::OK) => Ok(()),
                _ => Err(PeerError::Nowhere),
            }
        };
        self.nats.by(deadline, send).await?
    }

    fn subject(&self, id: &[u8]) -> Result<String, NatsError> {
        Ok(self.nats.subject("peer", &subject::tokens(id)?))
    }

    /// Tells others that a peer is here: the number of the message.
    pub(crate) async fn announce(&self, id: &[u8]) -> Result<u64, NatsError> {
        let deadline = self.nats.deadline();
        let subject = self.subject(id)?;
        let headers = headers::of_sender(&self.nats.id, None);
        let announce = async {
            self.nats.connected(deadline).await?;
            let room = self.nats.room(&subject, 0, deadline).await?;
            let context = &self.nats.jetstream;
            let sent = context.publish_with_headers(subject, headers, Bytes::new());
            let taken = async { sent.await?.await }.await;
            let taken = taken.map_err(|_unanswered| NatsError::Unavailable)?;
            room.arrived();
            Ok(taken.sequence)
        };
        self.nats.by(deadline, announce).await?
    }

    /// Tells others that a peer is not here any more, unless one of them has said since that it is there.
    pub(crate) async fn remove(&self, id: &[u8], number: u64) {
        let Ok(subject) = self.subject(id) else {
            return;
        };
        let purge = self.stream.purge().filter(subject);
        let purged = purge.sequence(number.saturating_add(1)).await;
        if let Err(error) = purged {
            tracing::debug!(%error, "a peer that has left is listed for a while");
        }
    }
}
