//! What the tests have in common.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

pub(crate) mod linear;
pub(crate) mod nats;
pub(crate) mod process;

use std::sync::Arc;
use std::time::Duration;

use netaio_driver::resources::{BusError, LocalBus, StoreError};
use netaio_gateway::{Bus, Gateway, GatewayOptions, Store};
use netaio_tokio::types::{
    CREATE_URI, DELETE_URI, PUBLISH_URI, REQUEST_URI, SUBSCRIBE_URI, UNSUBSCRIBE_URI, UPDATE_URI,
};
use netaio_tokio::{Client, Content, Publisher, Remote, Reply, Server, State, Uri};

/// A netaio server with a gateway behind it.
pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) server: Server,
}

impl Site {
    pub(crate) async fn start(urls: &str) -> Self {
        Self::start_at(patient(urls), "127.0.0.1:0").await
    }

    /// Starts one as soon as it can be connected to NATS, and can have the address.
    pub(crate) async fn start_at(options: GatewayOptions, address: &str) -> Self {
        loop {
            let error = match Self::try_start(options.clone(), address).await {
                Ok(site) => return site,
                Err(error) => error,
            };
            assert!(!address.ends_with(":0"), "{error}");
            eprintln!("not yet: {error}");
        }
    }

    async fn try_start(
        options: GatewayOptions,
        address: &str,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let local = Arc::new(LocalBus::new());
        let gateway = Gateway::connect(options, local.clone()).await?;
        let server = Server::builder()
            .state(gateway.clone())
            .on(REQUEST_URI, read)
            .on(CREATE_URI, create)
            .on(UPDATE_URI, update)
            .on(DELETE_URI, delete)
            .on(SUBSCRIBE_URI, subscribe)
            .on(UNSUBSCRIBE_URI, unsubscribe)
            .on(PUBLISH_URI, publish)
            .bind(address)
            .await?;
        local.add(server.publisher().clone());
        Ok(Self { gateway, server })
    }

    pub(crate) async fn client(&self) -> Client {
        let client = Client::builder().build().unwrap();
        client.connect(self.server.local_addr()).await.unwrap();
        client
    }
}

/// What has so much time that other processes can have theirs.
pub(crate) fn patient(urls: &str) -> GatewayOptions {
    let options = GatewayOptions::new(urls).unwrap();
    options.with_timeout(Duration::from_secs(4)).unwrap()
}

type Here = State<Gateway>;

async fn read(request: netaio_tokio::handler::Request, here: Here) -> Result<Reply, StoreError> {
    match here.read(&request.message.uri).await {
        Ok(content) => Ok(Reply::new(netaio_tokio::types::RESPOND_URI, content)),
        Err(StoreError::NotFound) => Ok(here.ask(&request.message, Some(&request.remote)).await),
        Err(error) => Err(error),
    }
}

async fn create(uri: Uri, content: Content, here: Here) -> Result<(), StoreError> {
    here.create(uri.0, content.0).await
}

async fn update(uri: Uri, content: Content, here: Here) -> Result<(), StoreError> {
    here.update(uri.0, content.0).await
}

async fn delete(uri: Uri, here: Here) -> Result<(), StoreError> {
    here.delete(uri.0).await
}

async fn subscribe(
    uri: Uri,
    who: Remote,
    publisher: Publisher,
    here: Here,
) -> Result<&'static str, BusError> {
    match uri.contains(&b'*') {
        true => here.subscribe_wildcard(&uri, who, &publisher).await?,
        false => here.subscribe(&uri, who, &publisher).await?,
    }
    Ok("")
}

fn unsubscribe(uri: Uri, who: Remote, publisher: Publisher) {
    publisher.unsubscribe(&uri, who);
}

async fn publish(uri: Uri, content: Content, who: Remote, here: Here) -> Result<String, BusError> {
    here.wait_for_room(&uri).await;
    let told = here.publish(&uri, content.0, Some(&who)).await?;
    Ok(told.to_string())
}
