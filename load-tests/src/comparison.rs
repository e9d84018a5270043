//! Routes of the same server with which the engine is compared.
//!
//! One route only parses and answers. The other records each vote in its own transaction, as a
//! simple implementation does.

use std::{
    env,
    sync::{Arc, OnceLock},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use sqlx_core::{
    error::Error,
    pool::{Pool, PoolOptions},
    query::query,
    raw_sql::raw_sql,
};
use sqlx_postgres::Postgres;

/// The route that parses a ballot and answers like the route for ballots.
pub const PARSE: &str = "/compare/parse";
/// The route that records each vote in its own transaction. It needs a Postgres.
pub const TRANSACTION: &str = "/compare/transaction";
/// The route that creates the tables for [`TRANSACTION`].
pub const PREPARE: &str = "/compare/prepare";

/// The number of connections, as in the engine's own pool.
const CONNECTIONS: u32 = 16;

/// The same fields as the engine's `BallotRequest`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ballot {
    selections: Vec<Selection>,
    #[serde(rename = "replaces")]
    _replaces: Option<String>,
    #[serde(rename = "period")]
    _period: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    category: String,
    entry: String,
}

/// The same fields as the engine's answer to a recorded ballot.
#[derive(Serialize)]
struct Recorded {
    ballot: &'static str,
    status: &'static str,
    index: u64,
    leaf_hash: &'static str,
    log: Head,
}

#[derive(Serialize)]
struct Head {
    size: u64,
    root: &'static str,
}

const BALLOT: &str = "0123456789abcdef0123456789abcdef";
const HASH: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn recorded(index: u64) -> Response {
    let head = Head { size: index + 1, root: HASH };
    let answer = Recorded { ballot: BALLOT, status: "recorded", index, leaf_hash: HASH, log: head };
    let location = format!("/v1/contests/bars/ballots/{BALLOT}");
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(answer)).into_response()
}

/// Returns the routes of the comparison.
///
/// [`TRANSACTION`] and [`PREPARE`] are present if the environment names a Postgres.
pub fn routes() -> Router {
    let routes = Router::new().route(PARSE, post(parse));
    let Ok(url) = env::var("ACCLAIM_POSTGRES_URL") else { return routes };
    let database = Arc::new(Database { url, pool: OnceLock::new() });
    routes.merge(
        Router::new()
            .route(TRANSACTION, post(transaction))
            .route(PREPARE, post(prepare))
            .with_state(database),
    )
}

/// The database. The first request connects, because a pool must be created within a runtime.
struct Database {
    url: String,
    pool: OnceLock<Pool<Postgres>>,
}

impl Database {
    fn pool(&self) -> &Pool<Postgres> {
        #[expect(
            clippy::expect_used,
            reason = "the engine does not start with an address that it cannot parse"
        )]
        self.pool.get_or_init(|| {
            let options = PoolOptions::new().max_connections(CONNECTIONS);
            options.connect_lazy(&self.url).expect("the engine has parsed the address")
        })
    }
}

async fn parse(Json(ballot): Json<Ballot>) -> Response {
    recorded(ballot.selections.len() as u64)
}

async fn prepare(State(database): State<Arc<Database>>) -> Response {
    let tables = "CREATE TABLE compared_votes (voter text, category text, entry text NOT NULL, PRIMARY KEY (voter, category));
         CREATE TABLE compared_counts (category text, entry text, votes bigint NOT NULL, PRIMARY KEY (category, entry))";
    match raw_sql(tables).execute(database.pool()).await {
        Ok(_) => Json(serde_json::json!({})).into_response(),
        Err(error) => failed(&error),
    }
}

async fn transaction(
    State(database): State<Arc<Database>>,
    headers: HeaderMap,
    Json(ballot): Json<Ballot>,
) -> Response {
    let bearer =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let (Some(voter), [selection]) = (bearer, &ballot.selections[..]) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match record(database.pool(), voter, selection).await {
        Ok(true) => recorded(0),
        Ok(false) => StatusCode::CONFLICT.into_response(),
        Err(error) => failed(&error),
    }
}

/// Records a vote. Returns whether the voter had no vote in the category.
async fn record(pool: &Pool<Postgres>, voter: &str, selection: &Selection) -> Result<bool, Error> {
    let mut transaction = pool.begin().await?;
    let inserted = query(
        "INSERT INTO compared_votes (voter, category, entry) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(voter)
    .bind(&selection.category)
    .bind(&selection.entry)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if inserted == 1 {
        let count = "INSERT INTO compared_counts VALUES ($1, $2, 1)
             ON CONFLICT (category, entry) DO UPDATE SET votes = compared_counts.votes + 1";
        query(count).bind(&selection.category).bind(&selection.entry).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(inserted == 1)
}

fn failed(error: &Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}
