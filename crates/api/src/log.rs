//! The log for auditors: checkpoints, tiles and entry bundles (C2SP tlog-tiles), and entry lines.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use acclaim_ballot_log::{
    bundle::encode_bundle,
    checkpoint::Checkpoint,
    key::VerifierKey,
    tile::{TILE_WIDTH, TileId, TileKind, TilePath, bundle_width_at},
};
use acclaim_contest::Phase;
use acclaim_service::{directory::Contest, long_reads::LongReads};
use acclaim_store::{StoreError, Stores, published_checkpoints::checkpoint_size};
use axum::{
    body::Body,
    extract::{ConnectInfo, FromRef, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Access,
    compression::{Encoding, gzip},
    conditional::with_etag,
    description::{refusals, shapes},
    errors::read_problem,
    extract::{Path, Query},
    limits::Limiter,
    memory::{BodyMemory, HeldMemory, hold_budget},
    problem::{self, Problem},
    publication::check_entries_access,
    state::Api,
};

/// `Cache-Control` of public tiles and bundles. Their content never changes for a given width.
const PUBLIC_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
/// `Cache-Control` of log entries that are not public.
const PRIVATE_CACHE_CONTROL: &str = "private, no-store";
/// Maximum number of log entries in a chunk. A chunk is read from the ledger at once.
const MAX_CHUNK_ENTRIES: usize = 1_024;
/// Memory that an answer with log entries reserves before its first chunk, in bytes.
///
/// A chunk is at most this large, unless it has very long entries. Such a chunk reserves more.
const RESERVED_BYTES: usize = 512 << 10;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(checkpoint))
        .routes(routes!(cosigned))
        .routes(routes!(tile))
        .routes(routes!(entries))
}

/// Returns the newest published checkpoint.
///
/// It is read from the store of published checkpoints, which is outside the ledger. The ledger also
/// has it.
async fn published_checkpoint(stores: &Stores, contest: &Contest) -> Result<String, Problem> {
    if contest.phase() == Phase::Draft {
        return Err(Problem::new(&problem::NOT_FOUND, "the contest has no log before its opening"));
    }
    // The store of published checkpoints may have been emptied. Then the sequencer publishes the
    // checkpoint again.
    let lost = || Problem::new(&problem::UNAVAILABLE, "the newest checkpoint is being published again");
    stores.published_checkpoints.highest(contest.id()).await?.ok_or_else(lost)
}

/// Returns the newest checkpoint that witnesses have cosigned, if there is one.
///
/// It was published before it was sent to the witnesses.
async fn cosigned_checkpoint(stores: &Stores, contest: &Contest) -> Result<Option<String>, Problem> {
    match contest.phase() {
        Phase::Draft => Ok(None),
        _ => Ok(stores.published_checkpoints.cosigned(contest.id()).await?),
    }
}

/// Returns the newest checkpoint, with the cosignatures that it has so far.
async fn newest_checkpoint(stores: &Stores, contest: &Contest) -> Result<String, Problem> {
    let published = published_checkpoint(stores, contest).await?;
    // A cosigned checkpoint begins with the text of the published one. Signature lines follow.
    let cosigned = cosigned_checkpoint(stores, contest).await?.filter(|note| note.starts_with(&published));
    Ok(cosigned.unwrap_or(published))
}

/// Returns the checkpoint for a proof that the log has the entry `index`.
///
/// This is the newest cosigned checkpoint, if its size is larger than `index`. Otherwise it is the
/// newest checkpoint.
pub(crate) async fn checkpoint_over(
    stores: &Stores,
    contest: &Contest,
    index: u64,
) -> Result<String, Problem> {
    let cosigned = cosigned_checkpoint(stores, contest).await?;
    let covering = cosigned.filter(|note| checkpoint_size(note).is_ok_and(|size| size > index));
    match covering {
        Some(note) => Ok(note),
        None => newest_checkpoint(stores, contest).await,
    }
}

/// Returns the size of the newest published checkpoint.
async fn published_size(stores: &Stores, contest: &Contest) -> Result<u64, Problem> {
    let internal = |error: &dyn std::fmt::Display| Problem::new(&problem::INTERNAL, error.to_string());
    let note = published_checkpoint(stores, contest).await?;
    let key: VerifierKey = contest.verifier_key.parse().map_err(|error| internal(&error))?;
    Ok(Checkpoint::open(&note, &key).map_err(|error| internal(&error))?.size)
}

/// Returns these tiles by id, each with all hashes that it has so far. Missing tiles are left out.
pub(crate) async fn tiles(
    stores: &Stores,
    contest: &Contest,
    ids: Vec<TileId>,
) -> Result<HashMap<TileId, Vec<u8>>, Problem> {
    let mut tiles = HashMap::with_capacity(ids.len());
    for tile in ids {
        if let Some(hashes) = stores.database.tile(contest.id(), tile).await? {
            tiles.insert(tile, hashes);
        }
    }
    Ok(tiles)
}

/// Read the newest checkpoint: a signed note.
///
/// It includes the cosignatures that witnesses have made so far.
#[utoipa::path(get, operation_id = "read_checkpoint", path = "/v1/contests/{contest}/log/checkpoint", tag = "log",
    responses((status = 200, body = String, content_type = "text/plain", description = "a signed note"), (status = 304, description = "not changed")))]
async fn checkpoint(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.find_visible(&headers, &contest).await?;
    Ok(note_response(&headers, newest_checkpoint(&stores, &contest).await?))
}

/// Read the newest checkpoint that witnesses have cosigned.
///
/// It includes every cosignature so far. While the log grows, it is about a second older than the
/// newest checkpoint.
#[utoipa::path(get, operation_id = "read_cosigned_checkpoint", path = "/v1/contests/{contest}/log/checkpoint.cosigned", tag = "log",
    responses((status = 200, body = String, content_type = "text/plain", description = "a signed note"), (status = 304, description = "not changed"), NoCheckpoint))]
async fn cosigned(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    Path(contest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, _) = access.find_visible(&headers, &contest).await?;
    let not_found =
        || Problem::new(&problem::NOT_FOUND, "no witness has cosigned a checkpoint of the contest");
    Ok(note_response(&headers, cosigned_checkpoint(&stores, &contest).await?.ok_or_else(not_found)?))
}

fn note_response(request: &HeaderMap, text: String) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=1")];
    with_etag(request, headers, text.into())
}

/// Read a tile of hashes or a bundle of entries.
///
/// The path is `tile/<level>/<number>[.p/<width>]` or `tile/entries/<number>[.p/<width>]`.
#[utoipa::path(get, operation_id = "read_tile", path = "/v1/contests/{contest}/log/tile/{*tile}", tag = "log",
    params(("tile" = inline(shapes::Tile), Path,)),
    responses((status = 200, content_type = "application/octet-stream", description = "hashes, or entries with their lengths"),
        (status = 304, description = "not changed"), TileRefusals))]
async fn tile(
    State(access): State<Arc<Access>>,
    State(stores): State<Stores>,
    Path((contest, tile)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, reader) = access.find_visible(&headers, &contest).await?;
    let not_found =
        || Problem::new(&problem::NOT_FOUND, "the log has no such tile, or is not long enough for it yet");
    let path: TilePath = format!("tile/{tile}").parse().map_err(|_| not_found())?;
    let size = published_size(&stores, &contest).await?;
    let (bytes, cache) = match path.kind {
        TileKind::Hashes(level) => {
            let id = TileId { level, number: path.number };
            if id.width_at(size) < path.width {
                return Err(not_found());
            }
            let mut hashes = stores.database.tile(contest.id(), id).await?.ok_or_else(not_found)?;
            hashes.truncate(usize::from(path.width) * 32);
            (hashes, PUBLIC_CACHE_CONTROL)
        }
        TileKind::Entries => {
            let public = check_entries_access(&contest, reader)?;
            if bundle_width_at(path.number, size) < path.width {
                return Err(not_found());
            }
            let from = path.number * u64::from(TILE_WIDTH);
            let entries =
                read_entries(&stores, &contest, from, usize::from(path.width)).await.map_err(read_problem)?;
            let bundle = encode_bundle(entries.iter().map(|entry| &entry[..]))
                .map_err(|error| Problem::new(&problem::INTERNAL, error.to_string()))?;
            (bundle, if public { PUBLIC_CACHE_CONTROL } else { PRIVATE_CACHE_CONTROL })
        }
    };
    let content = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)];
    Ok(with_etag(&headers, content, bytes.into()))
}

/// Reads exactly `count` entries.
///
/// One read of the database returns a limited number of bytes, so several reads may be necessary.
async fn read_entries(
    stores: &Stores,
    contest: &Contest,
    from: u64,
    count: usize,
) -> Result<Vec<Bytes>, StoreError> {
    let mut entries = Vec::with_capacity(count);
    while entries.len() < count {
        let more =
            stores.database.entries(contest.id(), from + entries.len() as u64, count - entries.len()).await?;
        if more.is_empty() {
            return Err(StoreError::Corrupt(format!("entry {} is missing", from + entries.len() as u64)));
        }
        entries.extend(more);
    }
    Ok(entries)
}

refusals! {
    /// Problems that refuse a request for a cosigned checkpoint.
    NoCheckpoint: NOT_FOUND
}
refusals! {
    /// Problems that refuse a request for a tile.
    TileRefusals: NOT_FOUND, NOT_PUBLIC
}
refusals! {
    /// Problems that refuse a request for entries.
    EntryRefusals: NOT_PUBLIC
}

/// Query for a range of entries.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Range {
    /// First index. The default is 0.
    #[serde(default)]
    #[param(maximum = 9007199254740991_u64)]
    from: u64,
    /// Index after the last entry. The default is the checkpoint's size.
    #[param(maximum = 9007199254740991_u64)]
    to: Option<u64>,
}

/// Read entries as lines, in order.
///
/// A line has the exact bytes of one log entry, and ends with a newline. To resume, set `from` to
/// the index of the first entry that you do not have.
#[utoipa::path(get, operation_id = "read_entries", path = "/v1/contests/{contest}/log/entries", tag = "log", params(Range),
    responses((status = 200, content_type = "application/x-ndjson", body = String, description = "the entries"), EntryRefusals))]
async fn entries(
    State(access): State<Arc<Access>>,
    State(limiter): State<Arc<Limiter>>,
    State(source): State<EntrySource>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(contest): Path<String>,
    Query(range): Query<Range>,
    request_headers: HeaderMap,
) -> Result<Response, Problem> {
    let (contest, reader) = access.find_visible(&request_headers, &contest).await?;
    let public = check_entries_access(&contest, reader)?;
    let size = published_size(&source.stores, &contest).await?;
    let to = range.to.unwrap_or(size);
    if range.from > to || to > size {
        let detail = format!(
            "`from` must not be larger than `to`, and `to` must not be larger than the log's size: {size}"
        );
        return Err(Problem::new(&problem::INVALID_PARAMETER, detail).with("size", size));
    }
    let content = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, if public { "no-cache" } else { PRIVATE_CACHE_CONTROL }),
        (header::VARY, "Accept-Encoding"),
    ];
    let network = limiter.limited(peer, &request_headers);
    let held = source.body_memory.hold(RESERVED_BYTES, network)?;
    let reading = EntryReading { source, contest, network, next: range.from, to, _held: held };
    // The first chunk is read before the answer begins, so that its failure is answered as a
    // problem.
    let (first, reading) = reading.chunk().await?;
    let body = stream::once(async { Ok(first) }).chain(stream::try_unfold(reading, |reading| async {
        if reading.next >= reading.to {
            return Ok(None);
        }
        reading.chunk().await.map(Some).map_err(AnswerInterrupted)
    }));
    if Encoding::Gzip.is_accepted(&request_headers) {
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        return Ok((content, encoding, Body::from_stream(gzip(body))).into_response());
    }
    Ok((content, Body::from_stream(body)).into_response())
}

/// The parts of the API's state from which an answer reads log entries.
#[derive(Clone)]
struct EntrySource {
    stores: Stores,
    body_memory: Arc<BodyMemory>,
    long_reads: LongReads,
}

impl FromRef<Api> for EntrySource {
    fn from_ref(api: &Api) -> Self {
        let (stores, body_memory) = (FromRef::from_ref(api), FromRef::from_ref(api));
        Self { stores, body_memory, long_reads: FromRef::from_ref(api) }
    }
}

/// The state of an answer with log entries. It reads the next chunk when the client has received
/// the previous one.
struct EntryReading {
    source: EntrySource,
    contest: Arc<Contest>,
    /// The client's address, if its network is limited.
    network: Option<IpAddr>,
    /// First index that is not read yet.
    next: u64,
    /// Index after the last entry.
    to: u64,
    /// The reserved memory, held until the answer ends.
    _held: HeldMemory,
}

/// The error that ends an answer before its last log entry. The client can request the missing
/// entries.
#[derive(Debug, thiserror::Error)]
#[error("{0:?}")]
struct AnswerInterrupted(Problem);

impl EntryReading {
    /// Returns the next chunk as lines. It is empty after the last entry.
    async fn chunk(mut self) -> Result<(Bytes, Self), Problem> {
        let count = usize::try_from(self.to - self.next).unwrap_or(MAX_CHUNK_ENTRIES).min(MAX_CHUNK_ENTRIES);
        if count == 0 {
            return Ok((Bytes::new(), self));
        }
        // Only a few long reads run at once, so that other requests can use the database.
        let permit = self.source.long_reads.acquire().await;
        let entries = self
            .source
            .stores
            .database
            .entries(self.contest.id(), self.next, count)
            .await
            .map_err(read_problem)?;
        drop(permit);
        if entries.is_empty() {
            return Err(StoreError::Corrupt(format!("entry {} is missing", self.next)).into());
        }
        let size: usize = entries.iter().map(|entry| entry.len() + 1).sum();
        let mut chunk = BytesMut::with_capacity(size);
        for entry in &entries {
            chunk.extend_from_slice(entry);
            chunk.extend_from_slice(b"\n");
        }
        self.next += entries.len() as u64;
        let chunk = chunk.freeze();
        let Some(excess) = size.checked_sub(RESERVED_BYTES) else { return Ok((chunk, self)) };
        let held = self.source.body_memory.hold(excess, self.network)?;
        Ok((hold_budget(chunk, held), self))
    }
}
