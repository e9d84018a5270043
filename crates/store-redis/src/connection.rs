//! The connection to Redis, a single server or a cluster, which all parts of this crate share.

use std::{fmt, time::Duration};

use acclaim_store::StoreError;
use parking_lot::Mutex;
use redis::{
    Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo as _, RedisError, RedisResult,
    ServerErrorKind, TlsCertificates, Value,
    aio::{ConnectionManager, ConnectionManagerConfig, PubSub},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// Time-out of a call. It is longer than the default of half a second, because a synced write on a
/// busy disk takes time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Time-out of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time-out of publishing on one node. Then another node is tried.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(500);
/// Number of nodes that are tried for publishing.
const MAX_PUBLISH_ATTEMPTS: usize = 5;
/// A connection ends if the server's machine acknowledges nothing for this long.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedisConnectError {
    /// The servers do not answer, or answer with an error.
    #[error("redis at {servers}: {error}")]
    Unreachable {
        /// Hosts and ports, without passwords.
        servers: String,
        /// The error.
        error: RedisError,
    },
    /// An address is not valid.
    #[error("an address of redis is not redis://host:port or rediss://host:port")]
    Address,
    /// The authority's certificates cannot be used.
    #[error("the authority's certificate (`redis.ca_file`) {0}")]
    Authority(&'static str),
    /// The settings could lose accepted ballots.
    #[error("redis can lose accepted ballots: {}. Correct this, or allow it with --allow-weak-intake", .0.join("; "))]
    Weak(Vec<String>),
}

/// A connection to one server, or to a cluster.
#[derive(Clone)]
enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

/// A connection that reconnects itself when it ends. It can also be replaced while it hangs.
pub(crate) struct Connection(Mutex<Link>);

/// The addresses of Redis: one, or several of one cluster, separated by commas.
pub(crate) struct Servers {
    clients: Vec<Client>,
    addresses: Vec<ConnectionInfo>,
    /// The certificates of an authority other than the system's.
    certificates: Option<TlsCertificates>,
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> =
            self.clients.iter().map(|client| client.get_connection_info().addr().to_string()).collect();
        f.write_str(&addresses.join(","))
    }
}

impl Servers {
    /// Parses addresses, and the certificates of the servers' own authority, if there is one.
    pub(crate) fn parse(urls: &str, authority: Option<&[u8]>) -> Result<Self, RedisConnectError> {
        // TLS needs one provider of cryptography for the whole process. A second choice changes
        // nothing.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let certificates = authority.map(certificates).transpose()?;
        let mut addresses = Vec::new();
        for url in urls.split(',') {
            // The error is dropped, because it could repeat the address with its password.
            let address = url.trim().into_connection_info().map_err(|_| RedisConnectError::Address)?;
            addresses.push(address.set_tcp_settings(tcp_settings()));
        }
        let mut clients = Vec::with_capacity(addresses.len());
        for address in &addresses {
            let client = Client::open(address.clone()).map_err(|_| RedisConnectError::Address)?;
            clients.push(match &certificates {
                None => client,
                Some(certificates) => {
                    Client::build_with_tls(address.clone(), certificates.clone()).map_err(|_| {
                        RedisConnectError::Authority("is for addresses that begin with rediss://")
                    })?
                }
            });
        }
        Ok(Self { clients, addresses, certificates })
    }

    pub(crate) async fn connect(&self) -> RedisResult<Connection> {
        self.link().await.map(|link| Connection(Mutex::new(link)))
    }

    async fn link(&self) -> RedisResult<Link> {
        match &self.clients[..] {
            [client] => {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT))
                    .set_number_of_retries(1);
                let manager = ConnectionManager::new_with_config(client.clone(), config);
                Ok(Link::Single(manager.await?))
            }
            _ => {
                let builder = ClusterClient::builder(self.addresses.iter().cloned())
                    .tcp_settings(tcp_settings())
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(RESPONSE_TIMEOUT);
                let builder = match &self.certificates {
                    Some(certificates) => builder.certs(certificates.clone()),
                    None => builder,
                };
                Ok(Link::Cluster(builder.build()?.get_async_connection().await?))
            }
        }
    }

    /// Opens a connection for a subscription.
    ///
    /// In a cluster any node will do: it also gets the messages that are published on other nodes.
    pub(crate) async fn connect_subscriber(&self) -> RedisResult<PubSub> {
        let mut last = RedisError::from((ErrorKind::InvalidClientConfig, "no address of redis"));
        for client in &self.clients {
            match tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await {
                Ok(Ok(subscription)) => return Ok(subscription),
                Ok(Err(error)) => last = error,
                Err(_) => last = RedisError::from((ErrorKind::Io, "connecting took too long")),
            }
        }
        Err(last)
    }
}

/// TCP settings: a call does not wait for the answer to the previous one, and a connection to a
/// silent server ends.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(TCP_TIMEOUT).with_interval(TCP_TIMEOUT);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let settings = settings.set_user_timeout(TCP_TIMEOUT);
    settings
}

/// Checks that the text has at least one certificate, and nothing else. With an empty list no
/// server would be trusted.
fn certificates(pem: &[u8]) -> Result<TlsCertificates, RedisConnectError> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let usable =
            certificate.is_ok_and(|certificate| rustls::RootCertStore::empty().add(certificate).is_ok());
        if !usable {
            return Err(RedisConnectError::Authority("cannot be read"));
        }
        count += 1;
    }
    match count {
        0 => Err(RedisConnectError::Authority("is not in the file: it must hold one in PEM")),
        _ => Ok(TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) }),
    }
}

/// The address of a cluster's node, or `None` for the single server.
pub(crate) type Node = Option<(String, u16)>;

impl Connection {
    /// Opens a new connection. Running calls continue on the old one.
    pub(crate) async fn reconnect(&self, servers: &Servers) -> RedisResult<()> {
        let link = servers.link().await?;
        *self.0.lock() = link;
        Ok(())
    }

    fn link(&self) -> Link {
        self.0.lock().clone()
    }

    /// Runs a command on the server that holds its key.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self.link() {
            Link::Single(mut connection) => command.query_async(&mut connection).await,
            Link::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Publishes a message. In a cluster any node can do it for any channel: it forwards the
    /// message to the others.
    pub(crate) async fn publish(&self, channel: &str, message: &[u8]) -> RedisResult<()> {
        let publish = redis::cmd("PUBLISH").arg(channel).arg(message).to_owned();
        let Link::Cluster(mut connection) = self.link() else {
            return self.run::<i64>(&publish).await.map(drop);
        };
        let mut last = RedisError::from((ErrorKind::Io, "publishing took too long"));
        for _ in 0..MAX_PUBLISH_ATTEMPTS {
            let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
            match tokio::time::timeout(PUBLISH_TIMEOUT, connection.route_command(publish.clone(), node)).await
            {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => last = error,
                // The message may be published twice. This does no harm.
                Err(_) => {}
            }
        }
        Err(last)
    }

    /// Returns the servers that hold data.
    pub(crate) async fn masters(&self) -> RedisResult<Vec<Node>> {
        if matches!(self.link(), Link::Single(_)) {
            return Ok(vec![None]);
        }
        let nodes: String = self.run(redis::cmd("CLUSTER").arg("NODES")).await?;
        Ok(nodes.lines().filter_map(master).map(Some).collect())
    }

    /// Runs a command on one server.
    pub(crate) async fn run_on<T: FromRedisValue>(&self, node: &Node, command: &Cmd) -> RedisResult<T> {
        match (self.link(), node) {
            (Link::Cluster(mut connection), Some((host, port))) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                let value: Value =
                    connection.route_command(command.clone(), RoutingInfo::SingleNode(node)).await?;
                Ok(T::from_redis_value(value)?)
            }
            _ => self.run(command).await,
        }
    }

    /// Runs a script. Its text is sent only to a server that does not know it yet.
    pub(crate) async fn call(&self, script: &Script, keys: &[&str], args: Args<'_>) -> RedisResult<Value> {
        let known = script.command("EVALSHA", &script.hash, keys, args);
        match self.run(&known).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.run(&script.command("EVAL", script.text, keys, args)).await
            }
            other => other,
        }
    }
}

/// Adds the arguments to a command. It is called again for each attempt.
pub(crate) type Args<'a> = &'a (dyn Fn(&mut Cmd) + Send + Sync);

/// Returns host and port of a master that has not failed, from a line `id host:port@bus[,name]
/// flags ...`.
fn master(line: &str) -> Option<(String, u16)> {
    let mut words = line.split(' ').skip(1);
    let (address, flags) = (words.next()?, words.next()?);
    let flags: Vec<&str> = flags.split(',').collect();
    if !flags.contains(&"master") || flags.contains(&"fail") || flags.contains(&"noaddr") {
        return None;
    }
    let (address, _) = address.split_once('@')?;
    let (host, port) = address.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// A script that runs as one atomic step.
///
/// The `redis` crate has such a type too. It loads a script with `SCRIPT LOAD`, which goes to all
/// masters of a cluster, so that one unreachable master would delay the others.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, hash: sha1_smol::Sha1::from(text).digest().to_string() }
    }

    fn command(&self, name: &str, script: &str, keys: &[&str], args: Args<'_>) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        args(&mut command);
        command
    }
}

/// Converts an error of a write. The write may have happened, unless the server refused it or was
/// not reached.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn write_error(error: RedisError) -> StoreError {
    let refused = match error.kind() {
        // A script can fail after its first write.
        ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::ExecAbort) => false,
        ErrorKind::Server(_) | ErrorKind::AuthenticationFailed => true,
        _ => error.code() == Some("OOM"),
    };
    if refused || error.is_connection_refusal() {
        StoreError::Unavailable(format!("redis: {error}"))
    } else {
        StoreError::Unknown(format!("redis: {error}"))
    }
}

/// Converts an error of a call that changes nothing.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn read_error(error: RedisError) -> StoreError {
    StoreError::Unavailable(format!("redis: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masters_are_found_among_nodes() {
        let line = "07c37df 127.0.0.1:30004@31004,host replica e7d1 0 1426 4 connected";
        assert_eq!(master(line), None);
        let line = "e7d1eec 127.0.0.1:30001@31001,host4 myself,master - 0 0 1 connected 0-5460";
        assert_eq!(master(line), Some(("127.0.0.1".to_owned(), 30001)));
        assert_eq!(master("x 127.0.0.1:1@2 master,fail - 0 0 1 connected"), None);
        assert_eq!(master(""), None);
    }

    #[test]
    fn passwords_are_not_shown() {
        let servers =
            Servers::parse("redis://:secret@127.0.0.1:7000,redis://u:secret@127.0.0.1:7001", None).unwrap();
        assert_eq!(servers.to_string(), "127.0.0.1:7000,127.0.0.1:7001");
    }

    #[test]
    fn rejects_invalid_authority_file() {
        let parse = |urls, authority: &str| Servers::parse(urls, Some(authority.as_bytes()));
        for (text, problem) in [
            ("", "is not in the file"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        ] {
            let Err(error) = parse("rediss://u:secret@127.0.0.1:7000", text) else { panic!("taken: {text}") };
            assert!(error.to_string().contains(problem), "{error}");
        }
        let Err(error) = Servers::parse("rediss://:secret@host:x", None) else { panic!("taken") };
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}
