//! Runs `acclaim migrate`.

use std::{
    env,
    future::{self, Future},
    io::{self, IsTerminal as _, stderr},
    net::SocketAddr,
};

use acclaim_api::server;
use acclaim_store_postgres::PostgresDatabase;
use anyhow::{Context as _, Result, bail};
use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use crate::{
    args::{MigrateArgs, ServeArgs},
    config::Config,
    descriptors,
    engine::{Engine, Role},
    outcome::Outcome,
    output,
};

/// The largest number of connections to the listener for health and metrics.
const OPERATION_CONNECTIONS: usize = 64;
/// The largest number of threads for blocking work: reads of the embedded database, large
/// documents, checks of definitions. Further work waits for a free thread.
const BLOCKING_THREADS: usize = 32;

/// Runs the engine until a signal stops it. `others` are further routes beside the engine's, for
/// load tests that compare with them.
///
/// # Errors
/// If the configuration is unusable, if the engine does not start, or if the address is not
/// available.
pub fn run(args: &ServeArgs, others: Router) -> Result<Outcome> {
    let mut config = Config::read(args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if let Some(data) = &args.data {
        config.installation.data = Some(data.clone());
    }
    config.redis.allow_weak |= args.allow_weak_intake;
    config.installation.without.extend(args.without.iter().cloned());
    if args.role != Role::All && config.cluster()?.is_none() {
        bail!(
            "--role is only for a cluster: set ACCLAIM_REDIS_URL and ACCLAIM_POSTGRES_URL, or leave it out"
        );
    }
    log_to_stderr();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    runtime.block_on(serve(&config, args.role, others))
}

/// `acclaim migrate`
pub(super) fn migrate(args: &MigrateArgs) -> Result<Outcome> {
    let url = Config::read(args.config.as_deref())?.postgres()?.url;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(PostgresDatabase::migrate(&url))?;
    output::note("the database has the schema of this program");
    Ok(Outcome::Done)
}

/// Sends log lines to standard error. `RUST_LOG` selects them; the default is `info`.
///
/// A span writes a line with its duration when it ends. All spans have the level `debug`.
pub(super) fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are only for a terminal, and only if `NO_COLOR` is unset or empty.
    let colours = stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::CLOSE);
    let _already_set = lines.with_ansi(colours).with_writer(stderr).try_init();
}

async fn serve(config: &Config, role: Role, others: Router) -> Result<Outcome> {
    let stop = shutdown_signal()?;
    let stores = usize::try_from(config.postgres.connections.get())?;
    let connections = descriptors::connections(config.server.connections, stores)?;
    let mut engine = Engine::start(config, role).await?;
    let listener = server::listen(config.server.listen)
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    warn_without_proxy(config);
    let operation = config.server.operation_listen.map(listen_for_operation).transpose()?;
    let url = format!("http://{}", listener.local_addr()?);
    engine.record_url(&url)?;
    if let Some(key) = engine.first_key().await? {
        output::note("the first staff key, an operator's, which is shown only this once:");
        output::line(&key)?;
    }
    output::note(&format!("listening on {url}"));
    let unshared = [&config.limits.allow[..], &config.limits.trusted_proxies].concat();
    let settings = server::Settings { connections, unshared, ..server::Settings::default() };
    let operation = operation.map(|listener| serve_operation(listener, &engine));
    server::serve(listener, engine.router_with(others), settings, stop).await?;
    drop(operation);
    engine.stop().await;
    Ok(Outcome::Done)
}

/// Warns if the server listens on a public address without a proxy for TLS. Then passes and staff
/// keys cross the network unencrypted.
fn warn_without_proxy(config: &Config) {
    let is_public = !config.server.listen.ip().to_canonical().is_loopback();
    if is_public && config.limits.trusted_proxies.is_empty() {
        tracing::warn!(
            listen = %config.server.listen,
            "listener: public address without TLS, so passes and staff keys can be read on the network; put a proxy with TLS in front of it, and name it in limits.trusted_proxies"
        );
    }
}

fn listen_for_operation(address: SocketAddr) -> Result<TcpListener> {
    server::listen(address).with_context(|| format!("`server.operation_listen`: cannot listen on {address}"))
}

/// Serves health and metrics until the returned set is dropped. So they are available while the
/// last requests of the public listener end.
fn serve_operation(listener: TcpListener, engine: &Engine) -> JoinSet<io::Result<()>> {
    let settings = server::Settings { connections: OPERATION_CONNECTIONS, ..server::Settings::default() };
    let mut tasks = JoinSet::new();
    tasks.spawn(server::serve(listener, engine.operation_router(), settings, future::pending()));
    tasks
}

/// Returns a future that is ready at the first interrupt or termination signal.
pub(super) fn shutdown_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
