//! The listener: it bounds connections and closes clients that do not send or read.
//!
//! At its end it lets open requests finish.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
    response::IntoResponse as _,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use crate::{
    framing::CheckedStream,
    host::check_host,
    network_shares::{NetworkShare, NetworkShares},
};

/// The settings of the listener.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most connections at once. Further connections wait to be accepted.
    ///
    /// One network gets at most a quarter of them. Its further connections are closed at once.
    pub connections: usize,
    /// Networks that may use all connections: proxies, and networks without a limit of requests.
    pub unshared: Vec<IpNet>,
    /// Time that a connection may take to send a request's head, and to rest between two requests.
    pub header_timeout: Duration,
    /// Time that a client may read nothing of the bytes that are sent to it.
    pub write_timeout: Duration,
    /// Time that open requests may take to finish when the process ends.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connections: 16_384,
            unshared: Vec::new(),
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Longest head of a request, in bytes. A longer one is answered 431.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Connections that may wait to be accepted.
///
/// With the usual 128, simultaneous voters find no place, and their systems try again only a second
/// later. The system may allow fewer (`net.core.somaxconn` on Linux).
const BACKLOG: u32 = 8_192;

/// Listens at an address.
///
/// # Errors
/// The address is in use, or is not an address of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` is ready, then lets open requests finish.
///
/// # Errors
/// None at present: a failed accept is logged, and tried again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.header_timeout).max_buf_size(MAX_HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    let permits = ConnectionPermits {
        all: Arc::new(Semaphore::new(settings.connections)),
        shares: NetworkShares::of(settings.connections),
        unshared: settings.unshared,
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let router = router.clone();
        let service = service_fn(move |request: Request<Incoming>| answer(router.clone(), peer, request));
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(settings.write_timeout));
        let stream = CheckedStream::new(Box::pin(stream));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that disconnects during a request is not an error.
            let _ended = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _in_time = tokio::time::timeout(settings.drain, graceful.shutdown()).await;
    Ok(())
}

struct ConnectionPermits {
    all: Arc<Semaphore>,
    shares: Arc<NetworkShares>,
    unshared: Vec<IpNet>,
}

/// A connection's permit, and its part of its network's share if the network has one.
type ConnectionPermit = (OwnedSemaphorePermit, Option<NetworkShare>);

async fn accept(
    listener: &TcpListener,
    permits: &ConnectionPermits,
) -> Option<(TcpStream, SocketAddr, ConnectionPermit)> {
    let permit = Arc::clone(&permits.all).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let address = peer.ip().to_canonical();
            let share = match permits.unshared.iter().any(|network| network.contains(&address)) {
                true => None,
                false => Some(permits.shares.take(address)?),
            };
            let _best_effort = stream.set_nodelay(true);
            Some((stream, peer, (permit, share)))
        }
        Err(error) => {
            // Most likely the process has no file descriptors left: it waits for connections to
            // end.
            tracing::warn!(%error, "listener: cannot accept a connection");
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
    if let Err(problem) = check_host(request.version(), request.headers()) {
        // A proxy may have read this request for another host, and the next bytes as another
        // request.
        return Ok(([(header::CONNECTION, "close")], problem).into_response());
    }
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        task::JoinHandle,
        time::timeout,
    };

    use super::*;

    /// More bytes than sockets hold.
    const LARGE: usize = 16 << 20;
    const TEST_TIMEOUT: Duration = Duration::from_secs(20);

    fn start(settings: Settings) -> (SocketAddr, JoinHandle<io::Result<()>>) {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" })).route("/large", get(large));
        (address, tokio::spawn(serve(listener, router, settings, std::future::pending())))
    }

    /// Number of requests for the large answer.
    static LARGE_ANSWERS: AtomicUsize = AtomicUsize::new(0);

    async fn large() -> Vec<u8> {
        LARGE_ANSWERS.fetch_add(1, Ordering::Relaxed);
        vec![b'x'; LARGE]
    }

    fn unshared() -> Settings {
        Settings { unshared: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() }
    }

    /// Sends bytes as they are. Returns the received bytes, up to `until`.
    async fn exchange(address: SocketAddr, bytes: &[u8], until: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(until) {
            if timeout(TEST_TIMEOUT, stream.read_buf(&mut read)).await.unwrap().unwrap() == 0 {
                break;
            }
        }
        String::from_utf8(read).unwrap()
    }

    #[tokio::test]
    async fn answers_request_before_trailing_bytes() {
        let (address, _server) = start(unshared());
        for trailing in ["", "\r\n", "GET / HT", "garbage\r\n\r\n"] {
            let request = format!("GET / HTTP/1.1\r\nhost: a\r\n\r\n{trailing}");
            let answer = exchange(address, request.as_bytes(), "here").await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{trailing:?}: {answer}");
        }
    }

    #[tokio::test]
    async fn answers_error_to_malformed_request() {
        let (address, _server) = start(unshared());
        let long = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", "a".repeat(200 << 10));
        let twice = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n";
        let requests = [("garbage\r\n\r\n", "400"), (&long, "431"), (twice, "400")];
        for (request, status) in requests {
            let answer = exchange(address, request.as_bytes(), "\r\n\r\n").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
        }
    }

    #[tokio::test]
    async fn refuses_ambiguous_request_and_closes_connection() {
        let (address, _server) = start(unshared());
        let trailing = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: \r\n\r\n",
            "GET / HTTP/1.1\r\nhost: user@a\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nx: y\nz: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n x: y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let answer = exchange(address, format!("{head}{trailing}").as_bytes(), "no such text").await;
            assert!(
                answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400"),
                "{head:?}: {answer}"
            );
            assert!(!answer.ends_with("\r\n\r\nhere"), "{head:?}: the connection stayed open: {answer}");
        }
        let old = exchange(address, b"GET / HTTP/1.0\r\n\r\n", "here").await;
        assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    }

    #[tokio::test]
    async fn chunks_with_a_bare_line_feed_are_not_taken() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let echo = |body: axum::body::Bytes| async move { body };
        let router = Router::new().route("/", axum::routing::post(echo));
        let _server = tokio::spawn(serve(listener, router, unshared(), std::future::pending()));
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let taken = exchange(address, format!("{head}3\r\na\nb\r\n0\r\n\r\n").as_bytes(), "a\nb").await;
        assert!(taken.starts_with("HTTP/1.1 200"), "{taken}");
        for chunks in [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3;x\ny\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\n",
        ] {
            let answer = exchange(address, format!("{head}{chunks}").as_bytes(), "no such text").await;
            assert!(!answer.starts_with("HTTP/1.1 200"), "{chunks:?}: {answer}");
        }
    }

    #[tokio::test]
    async fn disconnects_client_that_does_not_read() {
        let write_timeout = Duration::from_millis(300);
        let (address, _server) = start(Settings { connections: 1, write_timeout, ..unshared() });
        let mut idle = TcpStream::connect(address).await.unwrap();
        let requests = "GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(20) + "GET /la";
        idle.write_all(requests.as_bytes()).await.unwrap();
        let answer = exchange(address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "here").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let mut sent = Vec::new();
        let _reset = timeout(TEST_TIMEOUT, idle.read_to_end(&mut sent)).await.unwrap();
        assert!(sent.len() < LARGE, "{} bytes were sent", sent.len());
        let answers = LARGE_ANSWERS.load(Ordering::Relaxed);
        assert!(answers <= 2, "{answers} answers were made for a client that reads none");
    }

    #[tokio::test]
    async fn disconnects_client_that_reads_slowly() {
        let write_timeout = Duration::from_millis(500);
        let (address, _server) = start(Settings { connections: 1, write_timeout, ..unshared() });
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let slowly = tokio::spawn(async move {
            let mut buffer = [0; 64];
            while slow.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                tokio::time::sleep(write_timeout / 5).await;
            }
        });
        let answer = exchange(address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "here").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        slowly.abort();
    }

    #[tokio::test]
    async fn a_network_has_its_share_of_the_connections() {
        let (address, _server) = start(Settings { connections: 8, ..Settings::default() });
        let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request).await.unwrap();
            assert!(stream.read(&mut [0; 1]).await.unwrap() > 0);
            open.push(stream);
        }
        let mut third = TcpStream::connect(address).await.unwrap();
        let _reset = third.write_all(request).await;
        assert!(matches!(timeout(TEST_TIMEOUT, third.read(&mut [0; 1])).await.unwrap(), Ok(0) | Err(_)));
        open.pop();
        let answer = async {
            loop {
                let mut stream = TcpStream::connect(address).await.unwrap();
                if stream.write_all(request).await.is_ok()
                    && stream.read(&mut [0; 1]).await.is_ok_and(|n| n > 0)
                {
                    return;
                }
            }
        };
        timeout(TEST_TIMEOUT, answer).await.expect("a closed connection frees its part of the share");
    }
}
