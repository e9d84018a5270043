//! The command `acclaim witness`, which runs the witness service.

use acclaim_api::server;
use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

use super::serve::{log_to_stderr, shutdown_signal};
use crate::{
    args::witness::WitnessArgs,
    outcome::Outcome,
    output,
    witness::{Identity, service::Witness},
};

/// The largest number of connections at the same time. Each log needs one.
const CONNECTIONS: usize = 256;

pub(super) fn run(args: &WitnessArgs) -> Result<Outcome> {
    log_to_stderr();
    let identity = Identity::open(&args.name, &args.state, args.key_file.as_deref(), args.new_state)?;
    let witness = Witness::new(identity, args.log.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(args, witness))
}

async fn serve(args: &WitnessArgs, witness: Witness) -> Result<Outcome> {
    let stop = shutdown_signal()?;
    let listener =
        TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    output::line(witness.verifier())?;
    output::note(&format!("listening on http://{}", listener.local_addr()?));
    let settings = server::Settings { connections: CONNECTIONS, ..server::Settings::default() };
    server::serve(listener, witness.router(), settings, stop).await?;
    Ok(Outcome::Done)
}
