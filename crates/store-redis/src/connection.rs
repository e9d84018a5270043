//! One connection to Redis, single or a cluster, shared by all that this crate does.

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

/// How long a call may take. Longer than the crate's half second: a synchronised write on a busy disk takes its time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a node may take to publish before another is asked, and how many are.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(500);
const MAX_PUBLISH_ATTEMPTS: usize = 5;
/// A server whose machine acknowledges nothing for so long is gone.
const TCP_TIMEOUT: Duration = Duration::from_secs(5);

/// Why Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedisConnectError {
    /// Away, or not speaking with us.
    #[error("redis at {servers}: {error}")]
    Unreachable {
        /// Hosts and ports, without passwords.
        servers: String,
        /// Its words.
        error: RedisError,
    },
    /// No address.
    #[error("an address of redis is not redis://host:port or rediss://host:port")]
    Address,
    /// The authority's certificates cannot be used.
    #[error("the authority's certificate (`redis.ca_file`) {0}")]
    Authority(&'static str),
    /// It could lose accepted ballots.
    #[error("redis can lose accepted ballots: {}; mend this, or allow it with --allow-weak-intake", .0.join("; "))]
    Weak(Vec<String>),
}

/// One server, or a cluster.
#[derive(Clone)]
enum Link {
    Single(ConnectionManager),
    Cluster(ClusterConnection),
}

/// A connection that mends itself when it ends, and can be made anew when it carries nothing.
pub(crate) struct Connection(Mutex<Link>);

/// Where Redis is: an address, or several of one cluster, separated by commas.
pub(crate) struct Servers {
    clients: Vec<Client>,
    addresses: Vec<ConnectionInfo>,
    /// Of an authority other than the system's.
    certificates: Option<TlsCertificates>,
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> =
            self.clients.iter().map(|client| client.get_connection_info().addr().to_string()).collect();
        f.write_str(&shown.join(","))
    }
}

impl Servers {
    /// Reads addresses, and the certificates of the authority that vouches for them, if there is one of their own.
    pub(crate) fn parse(urls: &str, authority: Option<&[u8]>) -> Result<Self, RedisConnectError> {
        // TLS needs a provider of cryptography chosen once a process; a second choice changes nothing.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let certificates = authority.map(certificates).transpose()?;
        let mut addresses = Vec::new();
        for url in urls.split(',') {
            // Its error could repeat the address and with it the password.
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

    /// A connection that listens. In a cluster any node does: it hears what is published on the others.
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

/// A call does not wait for the answer to the one before, and a server that is gone without a word is given up.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(TCP_TIMEOUT).with_interval(TCP_TIMEOUT);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let settings = settings.set_user_timeout(TCP_TIMEOUT);
    settings
}

/// At least one certificate, and nothing that is none: with an empty list nobody would be believed.
fn certificates(pem: &[u8]) -> Result<TlsCertificates, RedisConnectError> {
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let usable =
            certificate.is_ok_and(|certificate| rustls::RootCertStore::empty().add(certificate).is_ok());
        if !usable {
            return Err(RedisConnectError::Authority("cannot be read"));
        }
        found += 1;
    }
    match found {
        0 => Err(RedisConnectError::Authority("is not in the file: it must hold one in PEM")),
        _ => Ok(TlsCertificates { client_tls: None, root_cert: Some(pem.to_vec()) }),
    }
}

/// A node of a cluster, or the one server.
pub(crate) type Node = Option<(String, u16)>;

impl Connection {
    /// Connects anew. What is under way goes on where it is.
    pub(crate) async fn reconnect(&self, servers: &Servers) -> RedisResult<()> {
        let link = servers.link().await?;
        *self.0.lock() = link;
        Ok(())
    }

    fn link(&self) -> Link {
        self.0.lock().clone()
    }

    /// Runs a command where its key is.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self.link() {
            Link::Single(mut connection) => command.query_async(&mut connection).await,
            Link::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    /// Publishes. In a cluster any node does, whatever the channel's name: it tells the others.
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
                // It may be told twice, which does no harm.
                Err(_) => {}
            }
        }
        Err(last)
    }

    /// The servers that hold data.
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

    /// Runs a script; sends its text only to a server that does not know it yet.
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

/// Arguments, added to a command as often as it is written.
pub(crate) type Args<'a> = &'a (dyn Fn(&mut Cmd) + Send + Sync);

/// `id host:port@bus[,name] flags ...` of a master that has not failed.
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

/// A script that runs as one step.
///
/// Not the `redis` crate's, which loads a script with `SCRIPT LOAD`: in a cluster that goes to all masters, so that one of them that is away would hold up the
/// others.
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

/// An error of a call that may have been done, unless the server refused it or was not reached.
#[expect(clippy::needless_pass_by_value, reason = "fits `map_err`")]
pub(crate) fn write_error(error: RedisError) -> StoreError {
    let refused = match error.kind() {
        // A script's own error can follow its first write.
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

/// An error of a call that changes nothing.
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
