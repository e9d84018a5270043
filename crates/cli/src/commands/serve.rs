//! `acclaim serve`

use std::future::Future;

use acclaim_api::server;
use anyhow::{Context as _, Result};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use crate::{args::ServeArgs, config::Config, engine::Engine, outcome::Outcome, output};

pub(super) fn run(args: &ServeArgs) -> Result<Outcome> {
    let mut config = Config::read(args.config.as_deref())?;
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    if let Some(data) = &args.data {
        config.installation.data = Some(data.clone());
    }
    log_to_stderr();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(&config))
}

/// Log lines on standard error; `RUST_LOG` says which.
pub(super) fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let _there_is_one =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

async fn serve(config: &Config) -> Result<Outcome> {
    let stop = told_to_stop()?;
    let mut engine = Engine::start(config).await?;
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    engine.tell(&url)?;
    if let Some(key) = engine.first_key().await? {
        output::note("the first staff key, an operator's, shown this once:");
        output::line(&key)?;
    }
    output::note(&format!("listening on {url}"));
    let settings =
        server::Settings { connections: config.server.connections.get(), ..server::Settings::default() };
    server::serve(listener, engine.router(), settings, stop).await?;
    engine.stop().await;
    Ok(Outcome::Done)
}

/// Ready at the first interrupt or termination signal.
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
