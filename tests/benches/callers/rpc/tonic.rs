//! tonic: unary calls over HTTP/2 without TLS. Their messages are the bytes themselves, so that no
//! code is generated.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use netaio_tests::contest;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use super::{ANY, MOST};
use crate::Ask;
use crate::client::CONTENT;

const PATH: &str = "/echo.Echo/Echo";

/// Bytes of HTTP/2's windows: more than all requests or answers at once.
const WINDOW: u32 = 1024 * 1024;

/// Messages are bytes.
#[derive(Clone, Copy, Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// The service, as it would be generated.
#[derive(Clone, Copy)]
struct Echo;

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            return Box::pin(ready(Ok(Status::unimplemented("").into_http())));
        }
        Box::pin(async move {
            let mut server = tonic::server::Grpc::new(Plain);
            Ok(server.unary(Same, request).await)
        })
    }
}

/// Answers with the same content.
struct Same;

impl Service<Request<Bytes>> for Same {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

/// Serves from now on, and says where.
pub(super) fn serve() -> contest::Result<SocketAddr> {
    let incoming = TcpIncoming::bind(ANY)?.with_nodelay(Some(true));
    let address = incoming.local_addr()?;
    let server = Server::builder()
        .max_concurrent_streams(MOST as u32)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    tokio::spawn(server.serve_with_incoming(Echo, incoming));
    Ok(address)
}

/// One of those who share a connection.
#[derive(Clone)]
pub(super) struct Caller {
    client: tonic::client::Grpc<Channel>,
}

/// A client with a connection of its own.
pub(super) async fn connect(server: SocketAddr) -> contest::Result<Caller> {
    let endpoint = Endpoint::from_shared(format!("http://{server}"))?
        .tcp_nodelay(true)
        .buffer_size(MOST)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let client = tonic::client::Grpc::new(endpoint.connect().await?);
    Ok(Caller { client })
}

impl Ask for Caller {
    async fn ask(&mut self) -> Result<(), String> {
        let ready = self.client.ready().await;
        ready.map_err(|error| error.to_string())?;
        let request = Request::new(Bytes::from_static(&CONTENT));
        let answer = self
            .client
            .unary(request, PathAndQuery::from_static(PATH), Plain);
        let answer = answer.await.map_err(|error| error.to_string())?;
        match answer.into_inner().len() == CONTENT.len() {
            true => Ok(()),
            false => Err("an answer to something else".to_owned()),
        }
    }
}
