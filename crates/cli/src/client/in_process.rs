//! The transport to an engine in this process, which runs on a data directory without a listener.

use std::{
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use acclaim_store_sqlite::DirectoryError;
use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Body as RouterBody,
    extract::ConnectInfo,
    http::{Request, Response, header},
};
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::transport::{Body, Transport, TransportError};
use crate::{
    config::Config,
    engine::{Engine, Role},
    outcome::Hint,
};

/// The engine in this process, and the runtime that it runs on.
pub(super) struct InProcessTransport {
    runtime: Arc<Runtime>,
    router: Router,
    authorization: String,
    /// `None` after the engine is stopped.
    engine: Option<Engine>,
}

impl InProcessTransport {
    /// Starts an engine on a directory. Creates a missing directory only if `may_create`.
    pub(super) fn start(directory: &Path, may_create: bool) -> Result<Self> {
        // A mistyped folder must not become a new installation.
        if !may_create && !directory.join("acclaim.db").is_file() {
            let hint = "make one with `acclaim contest create`, name another one with --data, or a running server with --url";
            return Err(anyhow::anyhow!(Hint(hint.to_owned())))
                .with_context(|| format!("there is no data directory {}", directory.display()));
        }
        let runtime = Arc::new(tokio::runtime::Builder::new_multi_thread().enable_all().build()?);
        let mut config = Config::embedded(directory.to_owned());
        // These settings are fixed: the name by the first start, the subjects by the first list of
        // a contest.
        let environment = Config::read(None)?;
        config.installation.name = environment.installation.name;
        config.subjects = environment.subjects;
        let engine = runtime.block_on(Engine::start(&config, Role::All)).map_err(with_hint)?;
        let authorization = format!("Bearer {}", engine.operator_key());
        Ok(Self { runtime, router: engine.router(), authorization, engine: Some(engine) })
    }
}

/// Adds a hint to the error of a directory in use: the server that uses it can be reached.
fn with_hint(error: anyhow::Error) -> anyhow::Error {
    let in_use = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(DirectoryError::InUse { holder, .. }) => Some(holder.clone()),
        _ => None,
    });
    let Some(holder) = in_use else { return error };
    let url = holder.split([' ', ',', '(', ')']).find(|word| word.starts_with("http"));
    let url = url.unwrap_or("URL");
    anyhow::Error::new(Hint(format!("use --url {url}, with a staff key in ACCLAIM_KEY or --key-file")))
        .context(format!("{error:#}"))
}

impl Transport for InProcessTransport {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let permanent = |error: anyhow::Error| TransportError::Permanent(error);
        let (mut parts, body) = request.into_parts();
        let value =
            self.authorization.parse().context("the engine's own key is unusable").map_err(permanent)?;
        parts.headers.insert(header::AUTHORIZATION, value);
        parts.extensions.insert(ConnectInfo(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))));
        let request = Request::from_parts(parts, RouterBody::from(body));
        let Ok(response) = self.runtime.block_on(self.router.clone().oneshot(request));
        let runtime = Arc::clone(&self.runtime);
        Ok(response.map(|body| -> Body { Box::new(BodyReader { runtime, body, chunk: Bytes::new() }) }))
    }

    fn public_url(&self) -> Option<&str> {
        None
    }
}

impl Drop for InProcessTransport {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.runtime.block_on(engine.stop());
        }
    }
}

/// Reads a body chunk by chunk, outside the runtime.
struct BodyReader {
    runtime: Arc<Runtime>,
    body: RouterBody,
    chunk: Bytes,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.body.frame()) {
                None => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(error)),
                // A frame of trailers has no data.
                Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(buffer.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}
