//! Runtimes that are another one but for a detail.

/// What of a [`Runtime`](netaio_driver::Runtime) is that of `R`: timers, names,
/// and connections.
macro_rules! as_wrapped {
    () => {
        super::wrapped::as_wrapped!(streams);

        async fn resolve(address: &str) -> std::io::Result<Vec<std::net::SocketAddr>> {
            R::resolve(address).await
        }

        async fn connect(
            address: std::net::SocketAddr,
            keepalive: Option<netaio_driver::Keepalive>,
        ) -> std::io::Result<(Self::Reader, Self::Writer)> {
            R::connect(address, keepalive).await
        }
    };
    // All but how names are resolved and connected to.
    (streams) => {
        type Listener = R::Listener;
        type Reader = R::Reader;
        type Writer = R::Writer;

        fn sleep_until(deadline: std::time::Instant) -> impl Future<Output = ()> + Send + 'static {
            R::sleep_until(deadline)
        }

        async fn listen(address: std::net::SocketAddr) -> std::io::Result<Self::Listener> {
            R::listen(address).await
        }

        fn local_address(listener: &Self::Listener) -> std::io::Result<std::net::SocketAddr> {
            R::local_address(listener)
        }

        async fn accept(
            listener: &Self::Listener,
            keepalive: Option<netaio_driver::Keepalive>,
        ) -> std::io::Result<(Self::Reader, Self::Writer, std::net::SocketAddr)> {
            R::accept(listener, keepalive).await
        }
    };
}

pub(super) use as_wrapped;
