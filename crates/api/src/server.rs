//! The listener: bounded connections, header time-outs, an end that lets requests finish.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt as _;

/// What an installation can set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long a connection may take to send a request's head.
    pub header_timeout: Duration,
    /// How long requests under way may go on when the process ends.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connections: 16_384, header_timeout: Duration::from_secs(10), drain: Duration::from_secs(10) }
    }
}

/// Longest head of a request, in bytes; a longer one is answered 431.
const HEAD_LIMIT: usize = 32 << 10;

/// Connections that may wait to be accepted: voters who all come at once find no room in the usual 128, and try again only a second later. The
/// system may allow fewer (`net.core.somaxconn` on Linux).
const BACKLOG: u32 = 8_192;

/// Listens at an address.
///
/// # Errors
/// If it is in use, or not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` is ready, then lets requests under way finish.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(HEAD_LIMIT)
        .pipeline_flush(true);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(settings.connections));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), peer, request));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that goes away in the middle is its own affair.
            let _ended = connection.await;
            drop(place);
        });
    }
    drop(listener);
    let _in_time = tokio::time::timeout(settings.drain, graceful.shutdown()).await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _best_effort = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) => {
            // Out of file descriptors, most likely: wait for connections to end.
            tracing::warn!(%error, "cannot accept");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}
