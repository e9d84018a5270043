//! Axum's extractors, with problem documents as their rejections.

use acclaim_contest::ContestId;
use axum::{
    extract::{FromRequestParts, Path as AxumPath, Query as AxumQuery},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::{
    errors::contest_not_found,
    problem::{self, Problem},
};

/// The parts of a path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumPath::from_request_parts(parts, state).await {
            Ok(AxumPath(path)) => Ok(Self(path)),
            // Only a path that is not UTF-8 fails.
            Err(_) => Err(Problem::new(&problem::NOT_FOUND, "no resource has this path")),
        }
    }
}

/// The query's parameters.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumQuery::from_request_parts(parts, state).await {
            Ok(AxumQuery(query)) => Ok(Self(query)),
            Err(rejection) => Err(Problem::new(&problem::INVALID_PARAMETER, rejection.body_text())),
        }
    }
}

/// Parses a contest's id in a path. A text that is not an id names no contest.
pub(crate) fn contest_id(text: &str) -> Result<ContestId, Problem> {
    text.parse().map_err(|_| contest_not_found())
}
