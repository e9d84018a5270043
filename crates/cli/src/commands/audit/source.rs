//! The source of a log: an engine, or an exported folder on any file server.

use std::io::{self, BufReader, Read as _};

use acclaim_ballot_log::{Checkpoint, TilePath, VerifierKey};
use acclaim_contest::ContestId;
use anyhow::{Context as _, Result};

use crate::{
    client::{Body, Client, problem::Problem},
    commands::{cosigned, log::published_result},
};

/// The source of one log.
pub(super) struct Source {
    client: Client,
    /// The contest on the engine. `None` for a folder of files.
    contest: Option<ContestId>,
}

impl Source {
    /// Makes a source of a contest on an engine.
    pub(super) fn engine(client: Client, contest: ContestId) -> Self {
        Self { client, contest: Some(contest) }
    }

    /// Makes a source of an exported folder at this address.
    pub(super) fn files(url: &str) -> Result<Self> {
        Ok(Self { client: Client::of_server(url, None)?, contest: None })
    }

    fn path(&self, of_engine: &str, of_files: &str) -> String {
        match &self.contest {
            Some(contest) => format!("/v1/contests/{contest}/{of_engine}"),
            None => format!("/{of_files}"),
        }
    }

    /// Fetches the newest checkpoint, as a note that is not yet verified. `None` if there is none
    /// yet.
    pub(super) fn note(&self) -> Result<Option<Vec<u8>>> {
        let answer = self.client.get_if_there(&self.path("log/checkpoint", "checkpoint"))?;
        Ok(answer.map(|answer| answer.bytes))
    }

    /// Fetches the newest checkpoint, as a note and opened.
    pub(super) fn checkpoint(&self, key: &VerifierKey) -> Result<(Vec<u8>, Checkpoint)> {
        let note = self.client.get(&self.path("log/checkpoint", "checkpoint"))?.bytes;
        let checkpoint = Checkpoint::open(&note, key)
            .context("cannot verify the server's checkpoint with this verifier key")?;
        Ok((note, checkpoint))
    }

    /// Fetches the newest cosigned checkpoint, as a note and opened. `None` if there is none, and
    /// for files, which have only one checkpoint.
    pub(super) fn cosigned(&self, key: &VerifierKey) -> Result<Option<(Vec<u8>, Checkpoint)>> {
        match &self.contest {
            Some(contest) => cosigned::newest(&self.client, contest, key),
            None => Ok(None),
        }
    }

    /// Fetches the published result, if there is one.
    pub(super) fn result(&self) -> Result<Option<Vec<u8>>> {
        match &self.contest {
            Some(contest) => published_result(&self.client, contest),
            None => Ok(self.client.get_if_there("/result.json")?.map(|answer| answer.bytes)),
        }
    }

    /// Fetches a tile. `None` if there is none.
    pub(super) fn tile(&self, tile: TilePath) -> Result<Option<Vec<u8>>> {
        let path = self.path(&format!("log/{tile}"), &tile.to_string());
        Ok(self.client.get_if_there(&path)?.map(|answer| answer.bytes))
    }

    /// Whether the log can still be cosigned during an audit. This is true for an engine, but not
    /// for an export.
    pub(super) fn is_live(&self) -> bool {
        self.contest.is_some()
    }

    /// Whether a body that ends without an error can still be incomplete.
    ///
    /// Behind some proxies, an aborted answer of an engine looks complete. A file is always
    /// complete.
    pub(super) fn may_end_early(&self) -> bool {
        self.contest.is_some()
    }

    /// Fetches entries as lines, from the index `index` up to `to`. `byte` is the offset at which
    /// the first of them begins in the log.
    pub(super) fn lines(&self, index: u64, byte: u64, to: u64) -> Result<BufReader<Body>> {
        let body = match &self.contest {
            Some(contest) => {
                self.client.stream(&format!("/v1/contests/{contest}/log/entries?from={index}&to={to}"))?
            }
            None => self.rest_of("/log.jsonl", byte)?,
        };
        Ok(BufReader::with_capacity(1 << 20, body))
    }

    /// Fetches a file from a byte on, even if the server only sends whole files.
    fn rest_of(&self, path: &str, byte: u64) -> Result<Body> {
        if byte == 0 {
            return self.client.stream(path);
        }
        let (mut body, is_rest) = match self.client.stream_from(path, byte) {
            // The file ends before this byte.
            Err(error) if matches!(error.downcast_ref(), Some(Problem { status: 416, .. })) => {
                return Ok(Box::new(io::empty()));
            }
            other => other?,
        };
        if !is_rest {
            io::copy(&mut body.by_ref().take(byte), &mut io::sink())?;
        }
        Ok(body)
    }
}
